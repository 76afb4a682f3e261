//! Clerk's own browser SDK, unmodified, in a headless Chromium against the emulator. Needs `node` (20 or newer), `npm` and
//! Chromium (`CHROMIUM`, else `/usr/bin/chromium`).

mod node;

use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use clerk_sync_emulator::{Emulator, Options, start};
use tokio::process::Command;

/// Short enough to be renewed while somebody watches.
const TOKENS: Duration = Duration::from_secs(20);

/// A page of an app; the SDK comes by the app's own origin.
const PAGE: &str = r#"<!doctype html>
<title>An app</title>
<script src="/__clerk/npm/@clerk/clerk-js@6/dist/clerk.browser.js" crossorigin="anonymous"
  data-clerk-publishable-key="KEY" data-clerk-proxy-url="PROXY"></script>"#;

#[tokio::test]
async fn clerks_browser_sdk_gets_along_with_it() {
    let folder = node::installed("clerk-js").await;
    let sdk = folder.join("node_modules/@clerk/clerk-js");
    let single = start(Options { clerk_js: Some(sdk.clone()), ..Options::default() }).await.unwrap();
    let several =
        Options { clerk_js: Some(sdk), multi_session: true, token_lifetime: TOKENS, ..Options::default() };
    let several = start(several).await.unwrap();
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-timeout=120000", "clerk-js.test.mjs"])
        .env("CLERK_EMULATOR_URL", single.url())
        .env("APP_URL", serve_app(&single).await)
        .env("SEVERAL_EMULATOR_URL", several.url())
        .env("SEVERAL_APP_URL", serve_app(&several).await)
        .env("CLERK_TELEMETRY_DISABLED", "1")
        .current_dir(&folder);
    node::run(&mut command).await;
    assert!(single.calls().frontend > 100, "the SDK hardly called: {:?}", single.calls());
    single.shutdown().await;
    several.shutdown().await;
}

/// An app: a page, and the Frontend API under a prefix of the same origin; `/cross` asks the emulator itself instead.
#[expect(clippy::unwrap_used, reason = "a test helper that fails fails its test")]
async fn serve_app(clerk: &Emulator) -> String {
    let page = PAGE.replace("KEY", clerk.publishable_key());
    let (same, cross) = (page.replace("PROXY", "/__clerk"), page.replace("PROXY", clerk.url()));
    let app = Router::new()
        .nest("/__clerk", clerk.frontend_api())
        .route("/cross", get(move || async move { Html(cross) }))
        .fallback(get(move || async move { Html(same) }));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}
