use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;

use super::Problem;
use crate::clerk::session::{Session, SessionStatus};
use crate::{ClerkSync, Refusal, User};

/// The signed-in user: session and record.
///
/// Behind [`UserLayer`](super::UserLayer) it is there already. Behind `Extension(sync)` alone it looks the
/// user up, and makes the record just in time if it has to.
#[derive(Debug, Clone)]
pub struct CurrentUser(pub User);

/// The signed-in user, or `None` for a request without a session token. A token that does not hold is
/// refused all the same.
#[derive(Debug, Clone)]
pub struct MaybeUser(pub Option<User>);

/// The verified session alone; the database is not asked.
#[derive(Debug, Clone)]
pub struct CurrentSession(pub Arc<Session>);

fn sync(parts: &Parts) -> Result<ClerkSync, Problem> {
    parts.extensions.get::<ClerkSync>().cloned().ok_or(Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "clerk_sync_missing",
        "This route is not set up for users",
        "Add .layer(sync.layer()) or .layer(Extension(sync)) to the router.",
    ))
}

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some(user) = parts.extensions.get::<Self>() {
            return Ok(user.clone());
        }
        let user = Self(sync(parts)?.user(&parts.headers, 0).await?);
        parts.extensions.insert(user.clone());
        Ok(user)
    }
}

impl<S: Sync> FromRequestParts<S> for MaybeUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if sync(parts)?.has_token(&parts.headers) {
            let CurrentUser(user) = CurrentUser::from_request_parts(parts, state).await?;
            return Ok(Self(Some(user)));
        }
        Ok(Self(None))
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some(CurrentUser(user)) = parts.extensions.get::<CurrentUser>() {
            return Ok(Self(user.session.clone()));
        }
        let session = sync(parts)?.session(&parts.headers).await?;
        if session.status == SessionStatus::Pending {
            return Err(Refusal::SessionPending.into());
        }
        Ok(Self(session))
    }
}
