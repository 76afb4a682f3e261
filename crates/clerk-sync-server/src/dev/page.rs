//! The page: one document, one script, one style sheet, nothing from elsewhere.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::routing::get;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { asset("text/html; charset=utf-8", include_str!("page.html")) }))
        .route(
            "/dev/page.js",
            get(|| async { asset("text/javascript; charset=utf-8", include_str!("page.js")) }),
        )
        .route("/dev/page.css", get(|| async { asset("text/css; charset=utf-8", include_str!("page.css")) }))
}

fn asset(kind: &'static str, text: &'static str) -> (HeaderMap, &'static str) {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect(), text)
}
