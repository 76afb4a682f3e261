//! The SDK's own files, from where npm put them: `/npm/@clerk/clerk-js@6/dist/clerk.browser.js` and what it loads.

use std::path::Path;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};

use crate::api_error::ApiError;

/// Largest file that is served, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

pub(super) async fn serve(folder: Option<&Path>, path: &str, trace_id: &str) -> Response {
    let file = match (folder, file_name(path)) {
        (Some(folder), Some(name)) => read(&folder.join("dist").join(name)).await,
        _ => None,
    };
    let Some(bytes) = file else { return ApiError::script_absent().into_response(trace_id) };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}

/// The script the path names: a plain file name in `dist`, whatever the version.
fn file_name(path: &str) -> Option<&str> {
    let (_version, name) = path.strip_prefix("/npm/@clerk/clerk-js@")?.split_once("/dist/")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (name.ends_with(".js") && name.bytes().all(plain)).then_some(name)
}

async fn read(file: &Path) -> Option<Vec<u8>> {
    let file = file.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let small = std::fs::metadata(&file).is_ok_and(|metadata| metadata.len() <= MAX_FILE);
        small.then(|| std::fs::read(&file).ok()).flatten()
    });
    read.await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scripts_of_the_sdk_have_a_name() {
        assert_eq!(file_name("/npm/@clerk/clerk-js@6/dist/clerk.browser.js"), Some("clerk.browser.js"));
        assert_eq!(file_name("/npm/@clerk/clerk-js@6.40.0/dist/321_a-b.js"), Some("321_a-b.js"));
        for path in [
            "/npm/@clerk/clerk-js@6/dist/../package.js",
            "/npm/@clerk/clerk-js@6/dist/types/a.js",
            "/npm/@clerk/clerk-js@6/dist/%2e%2e%2fa.js",
            "/npm/@clerk/clerk-js@6/dist/a.json",
            "/npm/@clerk/ui@1/dist/ui.browser.js",
        ] {
            assert_eq!(file_name(path), None, "{path}");
        }
    }
}
