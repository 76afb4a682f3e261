use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::Request;
use tower::{Layer, Service};

use super::extract::CurrentUser;
use crate::ClerkSync;

/// Guards routes: a request that gets through has a valid session, and its user has a record.
///
/// Everything else is answered here, as `GET /me` would: 401, 403, 404 with `Retry-After`, 503. Behind it
/// [`CurrentUser`] costs nothing.
#[derive(Clone)]
pub struct UserLayer {
    sync: ClerkSync,
}

impl UserLayer {
    pub(crate) fn new(sync: ClerkSync) -> Self {
        Self { sync }
    }
}

impl<S> Layer<S> for UserLayer {
    type Service = UserService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        UserService { sync: self.sync.clone(), inner }
    }
}

/// The service [`UserLayer`] makes.
#[derive(Clone)]
pub struct UserService<S> {
    sync: ClerkSync,
    inner: S,
}

impl<S> Service<Request<Body>> for UserService<S>
where
    S: Service<Request<Body>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let sync = self.sync.clone();
        // The service that was polled ready is the one to call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            match sync.user(request.headers(), 0).await {
                Ok(user) => {
                    request.extensions_mut().insert(sync);
                    request.extensions_mut().insert(CurrentUser(user));
                    inner.call(request).await
                }
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}
