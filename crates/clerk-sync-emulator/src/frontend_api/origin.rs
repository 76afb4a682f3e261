//! Which pages may ask: those of this machine, and the one the instance is for. Answers are readable across origins for
//! them, cookies included.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use crate::app::App;

/// For how many seconds a browser need not ask for the same permission again.
const PREFLIGHT_S: &str = "600";

/// The origin the browser names: with every `POST`, and with a `GET` to another origin.
pub(super) fn of(headers: &HeaderMap) -> Option<String> {
    headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default().to_owned())
}

/// Whether pages of this origin may ask. Others could sign in as anybody, for the code is known to all.
pub(super) fn allowed(app: &App, origin: &str) -> bool {
    app.identity.authorized_party.as_deref() == Some(origin) || loopback(origin)
}

fn loopback(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let named = host == "localhost" || host.ends_with(".localhost");
    let numbered = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    matches!(uri.scheme_str(), Some("http" | "https")) && (named || numbered)
}

/// Lets the page read the answer.
pub(super) fn share(response: &mut Response, origin: &str) {
    let headers = response.headers_mut();
    if let Ok(origin) = HeaderValue::from_str(origin) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        let exposed = HeaderValue::from_static("Authorization, Retry-After, Clerk-Trace-Id");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// Answers the question whether a page may send what it wants to.
pub(super) fn preflight(asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_S));
    if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for origin in [
            "http://localhost:5173",
            "https://localhost",
            "http://127.0.0.1:1",
            "http://[::1]:80",
            "http://a.localhost",
        ] {
            assert!(loopback(origin), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "http://localhost.evil.example",
            "null",
            "",
            "http://10.0.0.1",
            "file://localhost",
        ] {
            assert!(!loopback(origin), "{origin}");
        }
    }
}
