//! Clerk's own backend SDK for Node, unmodified, against the emulator. Needs `node` (20 or newer) and `npm`.

mod node;

use clerk_sync_emulator::{Options, start};
use serde_json::json;
use tokio::process::Command;

#[tokio::test]
async fn clerks_sdk_gets_along_with_it() {
    let folder = node::installed("clerk-backend").await;
    let claims = |value: serde_json::Value| value.as_object().unwrap().clone();
    let options = Options {
        authorized_party: Some("https://app.example.com".to_owned()),
        session_claims: claims(json!({"email": "{{user.primary_email_address}}"})),
        jwt_templates: [(
            "service".to_owned(),
            claims(json!({"aud": "my-service", "mail": "{{user.primary_email_address}}"})),
        )]
        .into(),
        ..Options::default()
    };
    let clerk = start(options).await.unwrap();
    let mut command = Command::new("node");
    command
        .args(["--test", "clerk-backend.test.mjs"])
        .env("CLERK_EMULATOR_URL", clerk.url())
        .env("CLERK_TELEMETRY_DISABLED", "1")
        .current_dir(&folder);
    node::run(&mut command).await;
    assert!(clerk.calls().total > 50, "the SDK hardly called: {:?}", clerk.calls().by_route);
    clerk.shutdown().await;
}
