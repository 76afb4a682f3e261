use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::{StatusCode, header};
use serde::Serialize;
use tokio::sync::Semaphore;

use super::{HttpLimits, Problem};
use crate::{ClerkSync, WebhookRefusal};

/// What the webhook route works with.
#[derive(Clone)]
pub(super) struct WebhookState {
    sync: ClerkSync,
    limits: HttpLimits,
    places: Arc<Semaphore>,
}

impl WebhookState {
    pub(super) fn new(sync: ClerkSync, limits: &HttpLimits) -> Self {
        Self { sync, limits: limits.clone(), places: Arc::new(Semaphore::new(limits.webhooks_at_once)) }
    }
}

#[derive(Serialize)]
struct Received {
    success: bool,
    message: &'static str,
    data: ReceivedData,
}

#[derive(Serialize)]
struct ReceivedData {
    outcome: &'static str,
}

/// `POST /webhooks/clerk`: 200 once the delivery is durable.
///
/// Never 410, a redirect, or a `webhook-delivery` header: they would make the sender disable the endpoint.
pub(super) async fn receive(State(state): State<WebhookState>, request: Request) -> Response {
    let Ok(_place) = state.places.try_acquire() else {
        state.sync.metrics().webhook("busy");
        return Problem::busy().into_response();
    };
    let (parts, body) = request.into_parts();
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        state.sync.metrics().webhook("encoded");
        return ENCODED.into_response();
    }
    let body = match read(&state, body).await {
        Ok(body) => body,
        Err(problem) => {
            state.sync.metrics().webhook(problem.code());
            return problem.into_response();
        }
    };
    match state.sync.receive(&parts.headers, &body).await {
        Ok(receipt) => Json(Received {
            success: true,
            message: "Webhook received",
            data: ReceivedData { outcome: receipt.outcome.as_str() },
        })
        .into_response(),
        Err(refusal) => Problem::from(&refusal).into_response(),
    }
}

pub(super) const ENCODED: Problem = Problem::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "encoded_body",
    "The body is encoded",
    "Send it without Content-Encoding; Clerk does.",
);

pub(super) const BROKEN: Problem = Problem::new(
    StatusCode::BAD_REQUEST,
    "broken_body",
    "The body ended before it was whole",
    "Send it again.",
);

pub(super) const TOO_LARGE: Problem = Problem::new(
    StatusCode::PAYLOAD_TOO_LARGE,
    "body_too_large",
    "The body is too large",
    "Clerk's events are far smaller; raise the limit if yours are not.",
);

pub(super) const TOO_SLOW: Problem =
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body took too long", "Send it again.");

async fn read(state: &WebhookState, body: Body) -> Result<Bytes, Problem> {
    let limit = state.limits.webhook_bytes;
    let reading = async {
        let mut stream = body.into_data_stream();
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| BROKEN)?;
            if bytes.len() + chunk.len() > limit {
                return Err(TOO_LARGE);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Bytes::from(bytes))
    };
    tokio::time::timeout(state.limits.body_time, reading).await.unwrap_or(Err(TOO_SLOW))
}

impl From<&WebhookRefusal> for Problem {
    fn from(refusal: &WebhookRefusal) -> Self {
        match refusal {
            WebhookRefusal::Malformed { .. } => Self::new(
                StatusCode::BAD_REQUEST,
                "webhook_malformed",
                "The webhook headers are missing or malformed",
                "Send svix-id, svix-timestamp and svix-signature once each.",
            ),
            WebhookRefusal::Unauthenticated { .. } => Self::new(
                StatusCode::UNAUTHORIZED,
                "webhook_unauthenticated",
                "The webhook signature does not hold",
                "Compare the endpoint's signing secret with CLERK_WEBHOOK_SIGNING_SECRET, and both clocks.",
            ),
            WebhookRefusal::NotConfigured => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "webhook_not_configured",
                "No webhook signing secret is configured",
                "Set CLERK_WEBHOOK_SIGNING_SECRET to the endpoint's signing secret.",
            )
            .retry_after(60_000),
            WebhookRefusal::Unavailable { retry_after_ms } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The webhook cannot be stored now",
                "It will be taken when it is sent again.",
            )
            .retry_after(*retry_after_ms),
        }
    }
}
