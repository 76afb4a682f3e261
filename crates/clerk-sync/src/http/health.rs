use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::Problem;
use crate::ClerkSync;

/// `/healthz`: the process lives. It never touches the database.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `/readyz`: the database answers and can be written to. What else needs attention is told, and is no reason to
/// take the traffic away.
pub(super) async fn ready(State(sync): State<ClerkSync>) -> Response {
    match sync.ready().await {
        Ok(()) => {
            let warnings = sync.warnings().await;
            let lines = warnings.iter().map(|warning| format!("warning: {warning}\n"));
            std::iter::once("ok\n".to_owned()).chain(lines).collect::<String>().into_response()
        }
        Err(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
            "The database does not answer",
            "Look at the log for the cause; known users are still served while it can be read.",
        )
        .retry_after(1_000)
        .into_response(),
    }
}

/// `/metrics`: counters for Prometheus.
pub(super) async fn metrics(State(sync): State<ClerkSync>) -> Response {
    let mut response = sync.metrics_text().await.into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
