//! Accepting connections. Done by hand, because an outage must hang up without an answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::api_error::json_response;
use crate::app::App;
use crate::backend_api;
use crate::clock::lock;
use crate::control;
use crate::frontend_api;
use crate::timeline::Event;

/// How many connections may be open at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 4_096;

/// Where a page's proxy path leads, so that a development server can forward it as it is.
const FRONTEND_PREFIX: &str = "/__clerk";

/// How long accepting rests after it failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// The connection is dropped instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("hung up")]
struct HungUp;

/// Serves until it is cancelled; open connections are cut with it.
pub(crate) async fn run(listener: TcpListener, app: Arc<App>) {
    let router = router(app.clone());
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, mostly: give the open connections a turn to close.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let (app, router) = (app.clone(), router.clone());
        connections.spawn(async move {
            connection(stream, app, router).await;
            drop(slot);
        });
    }
}

async fn connection(stream: TcpStream, app: Arc<App>, router: Router) {
    // Small answers must not wait for each other; if it cannot be set they only come later.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, app.clone(), router.clone()));
    let served =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A connection that ends in an error was cut by one side or the other; the timeline knows the calls.
    let _ = served.await;
}

async fn answer(request: Request<Incoming>, app: Arc<App>, router: Router) -> Result<Response, HungUp> {
    let outage = app.sky().weather.api_outage;
    if outage && is_backend(request.uri().path()) {
        lock(&app.calls).count_hung_up();
        app.note(Event::ApiHungUp);
        return Err(HungUp);
    }
    let answered: Result<Response, Infallible> = router.oneshot(request.map(Body::new)).await;
    match answered {
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

/// The weather of the API is the backend's: browsers and the control API have none.
fn is_backend(path: &str) -> bool {
    let elsewhere = ["/__emulator/", FRONTEND_PREFIX, "/npm/"];
    !elsewhere.into_iter().any(|prefix| path.starts_with(prefix)) && !frontend_api::owns(path)
}

fn router(app: Arc<App>) -> Router {
    let halves = app.clone();
    let public_keys = app.clone();
    let frontend = frontend_api::router(app.clone());
    Router::new()
        .nest("/__emulator", control::router(app))
        .route(
            "/.well-known/jwks.json",
            axum::routing::get(move || {
                let body = public_keys.identity.key.jwks().to_string().into_bytes();
                let trace_id = public_keys.fresh_hex();
                async move { json_response(StatusCode::OK, body, &trace_id) }
            }),
        )
        .nest(FRONTEND_PREFIX, frontend)
        .fallback(move |request: Request<Body>| {
            let app = halves.clone();
            async move {
                let path = request.uri().path();
                if frontend_api::owns(path) || path.starts_with("/npm/") {
                    frontend_api::serve(app, request).await
                } else {
                    backend_api::serve(app, request).await
                }
            }
        })
}
