//! `X-Request-Id`: one word that the answer, the log and a person's report have in common.

use std::fmt::Write as _;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument as _;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of a proxy's that is kept, in bytes.
const MAX_BYTES: usize = 128;

/// Gives the request an id, or keeps the one a proxy gave it; log lines of the request carry it.
pub(super) async fn identify(request: Request, next: Next) -> Response {
    let id = request.headers().get(X_REQUEST_ID).filter(|id| is_kept(id)).cloned();
    let Some(id) = id.or_else(made) else { return next.run(request).await };
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    let mut response = next.run(request).instrument(span).await;
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// It is written to the log: nothing that could be taken for something else.
fn is_kept(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    !bytes.is_empty() && bytes.len() <= MAX_BYTES && bytes.iter().all(plain)
}

/// 128 random bits as hex digits; `None` when the system gives none.
fn made() -> Option<HeaderValue> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    let mut id = String::with_capacity(32);
    for byte in bytes {
        write!(id, "{byte:02x}").ok()?;
    }
    HeaderValue::try_from(id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_of_bearable_length_are_kept() {
        let long = "a".repeat(MAX_BYTES + 1);
        let rows = [
            ("req_01J-x.y:z/1+2=", true),
            (&long[1..], true),
            ("", false),
            (&long, false),
            ("a b", false),
            ("a\tb", false),
            ("\"quoted\"", false),
        ];
        for (id, kept) in rows {
            assert_eq!(is_kept(&HeaderValue::from_str(id).unwrap()), kept, "{id:?}");
        }
        assert!(!is_kept(&HeaderValue::from_bytes("ä".as_bytes()).unwrap()));
    }

    #[test]
    fn made_ids_are_32_digits_and_differ() {
        let (one, other) = (made().unwrap(), made().unwrap());
        assert_eq!(one.len(), 32);
        assert!(is_kept(&one));
        assert_ne!(one, other);
    }
}
