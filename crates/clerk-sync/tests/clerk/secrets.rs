//! W18, and that no secret prints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clerk_sync::clerk::secret::{SecretKey, SecretProblem, WebhookSecrets};

use crate::webhook_attacks::SECRET;

#[test]
fn w18_secrets_that_could_be_guessed_are_refused_with_their_names() {
    let refused = [
        ("", SecretProblem::Empty),
        ("whsec_", SecretProblem::Empty),
        ("  ", SecretProblem::Empty),
        ("whsec_not base64!", SecretProblem::NotBase64),
        ("whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnk=x", SecretProblem::NotBase64),
        // 23 bytes.
        ("whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktMTI=", SecretProblem::TooShort),
    ];
    for (text, problem) in refused {
        let error = WebhookSecrets::parse([("current", SECRET), ("previous", text)]).unwrap_err();
        assert_eq!((error.name.as_str(), error.problem), ("previous", problem), "{text:?}");
        assert!(text.trim().is_empty() || text == "whsec_" || !error.to_string().contains(text));
    }
    assert_eq!(WebhookSecrets::parse([]).unwrap_err().problem, SecretProblem::Missing);
    let exactly = STANDARD.encode([7; 24]);
    for text in [exactly.clone(), format!("whsec_{exactly}"), format!(" whsec_{exactly}\n")] {
        assert!(WebhookSecrets::parse([("current", text.as_str())]).is_ok());
    }
}

#[test]
fn secrets_do_not_print() {
    let secrets = WebhookSecrets::parse([("current", SECRET)]).unwrap();
    assert!(!format!("{secrets:?}").contains("4fEGV3"));
    let key = SecretKey::parse("CLERK_SECRET_KEY", " sk_live_canary\n").unwrap();
    assert!(key.is_live());
    assert!(!format!("{key:?}").contains("canary"));
    for wrong in
        ["", "pk_live_canary", "sk_live_", "sk_canary", "sk_live_can ary", "sk_live_can\nary", SECRET]
    {
        let error = SecretKey::parse("CLERK_SECRET_KEY", wrong).unwrap_err();
        assert!(!error.to_string().contains("can"), "{error}");
        assert!(error.to_string().starts_with("CLERK_SECRET_KEY: "));
    }
}
