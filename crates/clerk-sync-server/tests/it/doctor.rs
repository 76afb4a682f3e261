//! A set-up that is well, and one fixture for each check that breaks it: exactly that check must fail.

mod broken;
mod proxy;

use serde_json::Value;

use super::setup::SetUp;

/// What the doctor says that is not ok: `name status`, and the exit code.
fn complaints(diagnoses: &[Value]) -> Vec<String> {
    let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let bad = diagnoses.iter().filter(|one| one["status"] != "ok");
    bad.map(|one| format!("{} {}", word(one, "check"), word(one, "status"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_set_up_is_all_ok() {
    let set_up = SetUp::healthy().await;
    let (diagnoses, code) = set_up.examine(&[], &[]);
    assert_eq!(complaints(&diagnoses), [""; 0], "{diagnoses:#?}");
    assert_eq!(code, Some(0));
    assert!(diagnoses.len() >= 20);
    for one in &diagnoses {
        let (name, seen) = (one["check"].as_str().unwrap(), one["seen"].as_str().unwrap());
        // Everything can be judged here, but that nothing says it is production.
        assert!(!seen.starts_with("not judged") || name == "production", "{name}: {seen}");
        assert!(one["fix"].is_null() && one.as_object().unwrap().len() == 4);
    }
    let text = set_up.examine_as_text();
    assert!(text.contains("ok       secret_key"), "{text}");
    assert!(!text.contains('\x1b'), "colour in a pipe: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_ever_shown() {
    let set_up = SetUp::healthy().await;
    let canaries = ["sk_test_canarycanarycanary", "whsec_canary!"];
    let variables = [("CLERK_SECRET_KEY", canaries[0]), ("CLERK_WEBHOOK_SIGNING_SECRET", canaries[1])];
    let (diagnoses, code) = set_up.examine(&[], &variables);
    assert_eq!(code, Some(2));
    let all = serde_json::to_string(&diagnoses).unwrap();
    for secret in [set_up.clerk.secret_key(), set_up.clerk.webhook_secret(), &set_up.token, "canary"] {
        assert!(!all.contains(secret), "{secret} is in {all}");
    }
}
