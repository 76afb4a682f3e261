//! The edge for axum and tower: request to call, error to response.
//!
//! - [`routes`]: `POST /webhooks/clerk`, `GET /me`, `/healthz`, `/readyz`, `/metrics`.
//! - [`UserLayer`]: guards routes; behind it the user's record exists.
//! - [`openapi`]: the description of all routes.
//! - [`CurrentUser`], [`MaybeUser`], [`CurrentSession`]: extractors.

mod error;
mod extract;
mod health;
mod layer;
mod me;
mod openapi;
mod prefer;
mod request_id;
mod webhook;

use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use http::{HeaderName, header};

use crate::ClerkSync;
pub use error::Problem;
pub use extract::{CurrentSession, CurrentUser, MaybeUser};
pub use layer::{UserLayer, UserService};
pub use me::Me;
pub use openapi::openapi;

/// What a page of another origin has to be allowed to read (`Access-Control-Expose-Headers`).
pub const EXPOSED_HEADERS: [HeaderName; 4] =
    [header::RETRY_AFTER, prefer::PREFERENCE_APPLIED, request_id::X_REQUEST_ID, me::SYNC_SOURCE];

/// Limits of the routes.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// The largest webhook body, in bytes. Clerk's are under 100 kB. Default 1 MiB.
    pub webhook_bytes: usize,
    /// How long reading a webhook body may take. Default 10 s.
    pub body_time: Duration,
    /// How many webhooks are worked on at once; more get 503. Default 1 024.
    pub webhooks_at_once: usize,
    /// How many requests for a user are worked on at once, held ones not counted; more get 503.
    /// Default 4 096.
    pub users_at_once: usize,
    /// How many requests are held at once for `Prefer: wait`; more are answered without waiting.
    /// Default 4 096.
    pub held_at_once: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            webhook_bytes: 1 << 20,
            body_time: Duration::from_secs(10),
            webhooks_at_once: 1_024,
            users_at_once: 4_096,
            held_at_once: 4_096,
        }
    }
}

impl ClerkSync {
    /// A layer that guards routes: behind it the signed-in user has a record.
    pub fn layer(&self) -> UserLayer {
        UserLayer::new(self.clone())
    }

    /// All routes with the default limits; see [`routes`].
    pub fn routes(&self) -> Router {
        routes(self.clone(), &HttpLimits::default())
    }
}

/// All routes, ready to merge into an app.
///
/// The paths are those of the standalone program. To mount them elsewhere, nest the router.
pub fn routes(sync: ClerkSync, limits: &HttpLimits) -> Router {
    browser_routes(sync.clone(), limits).merge(service_routes(sync, limits))
}

/// The route browsers ask, `GET /me`: what is meant for them alone, such as CORS, goes around it.
pub fn browser_routes(sync: ClerkSync, limits: &HttpLimits) -> Router {
    Router::new()
        .route("/me", get(me::me))
        .with_state(me::MeState::new(sync, limits))
        .layer(from_fn(request_id::identify))
}

/// The routes that are not for browsers: webhooks, health and metrics.
pub fn service_routes(sync: ClerkSync, limits: &HttpLimits) -> Router {
    Router::new()
        .route("/webhooks/clerk", post(webhook::receive))
        .with_state(webhook::WebhookState::new(sync.clone(), limits))
        .merge(
            Router::new()
                .route("/healthz", get(health::alive))
                .route("/readyz", get(health::ready))
                .route("/metrics", get(health::metrics))
                .with_state(sync),
        )
        .layer(from_fn(request_id::identify))
}
