//! The one map from refusals to responses.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::Refusal;

/// An error as `application/problem+json` (RFC 9457): a stable `code` to branch on, a `help` line to act on.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    code: &'static str,
    help: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem with `status` and a stable `code`.
    pub const fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        help: &'static str,
    ) -> Self {
        Self { kind: "about:blank", title, status, code, help, cause: None, retry_after_ms: None }
    }

    /// The same, with `Retry-After`.
    #[must_use]
    pub const fn retry_after(mut self, millis: u64) -> Self {
        self.retry_after_ms = Some(millis);
        self
    }

    /// The stable code.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) const fn title(&self) -> &'static str {
        self.title
    }

    pub(super) const fn retry_after_ms(&self) -> Option<u64> {
        self.retry_after_ms
    }

    pub(crate) const fn busy() -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Too many requests are being worked on",
            "Try again after the time given in Retry-After.",
        );
        Self { cause: Some("busy"), ..problem.retry_after(1_000) }
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let (status, title, help) = match refusal {
            Refusal::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "There is no valid session token",
                "Send a fresh session token of Clerk's as Authorization: Bearer.",
            ),
            Refusal::UserDeleted => (
                StatusCode::UNAUTHORIZED,
                "The user was deleted",
                "Sign out. A new sign-up makes a new user.",
            ),
            Refusal::UserBanned => {
                (StatusCode::FORBIDDEN, "The user is banned", "An administrator can lift the ban in Clerk.")
            }
            Refusal::UserDeprovisioned => (
                StatusCode::FORBIDDEN,
                "The user is disabled by their directory",
                "The company's directory can enable the user again.",
            ),
            Refusal::SessionPending => (
                StatusCode::FORBIDDEN,
                "The session has tasks to finish",
                "Finish the session tasks Clerk shows, then ask again.",
            ),
            Refusal::NotSynced { .. } => (
                StatusCode::NOT_FOUND,
                "Clerk does not know this user yet",
                "Ask again after the time given in Retry-After, or with Prefer: wait=10.",
            ),
            Refusal::Unavailable { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "This cannot be decided now",
                "Try again after the time given in Retry-After.",
            ),
        };
        let mut problem = Self::new(status, refusal.code(), title, help);
        problem.retry_after_ms = refusal.retry_after_ms();
        if let Refusal::Unavailable { cause, .. } = refusal {
            problem.cause = Some(cause);
        }
        problem
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::from(&refusal)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(millis) = self.retry_after_ms {
            // The header knows whole seconds only; never less than what was meant.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000).max(1)));
        }
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
