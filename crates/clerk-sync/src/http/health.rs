use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::Problem;
use crate::ClerkSync;

/// `/healthz`: the process lives. It never touches the database.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `/readyz`: the database answers and can be written to.
pub(super) async fn ready(State(sync): State<ClerkSync>) -> Response {
    match sync.ready().await {
        Ok(()) => "ok\n".into_response(),
        Err(_) => NOT_READY.into_response(),
    }
}

pub(super) const NOT_READY: Problem = Problem::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "not_ready",
    "The database does not answer",
    "Look at the log for the cause; known users are still served while it can be read.",
)
.retry_after(1_000);

/// `/metrics`: counters for Prometheus.
pub(super) async fn metrics(State(sync): State<ClerkSync>) -> Response {
    let mut response = sync.metrics_text().await.into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
