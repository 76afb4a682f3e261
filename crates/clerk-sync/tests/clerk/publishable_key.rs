use clerk_sync::clerk::{InstanceType, PublishableKey};

use crate::support::fixture;

#[test]
fn keys_are_read_as_clerks_own_reader_does() {
    let vectors = fixture("vectors/publishable-keys.json");
    let valid = vectors["valid"].as_array().unwrap();
    assert_eq!(valid.len(), 6);
    for vector in valid {
        let text = vector["publishable_key"].as_str().unwrap();
        let key = PublishableKey::parse(text).unwrap();
        assert_eq!(key.as_str(), text);
        assert_eq!(key.frontend_api_host(), vector["frontend_api"], "{text}");
        assert_eq!(key.issuer(), format!("https://{}", vector["frontend_api"].as_str().unwrap()));
        assert_eq!(key.cookie_suffix(), vector["cookie_suffix"], "{text}");
        let instance_type = match vector["instance_type"].as_str().unwrap() {
            "production" => InstanceType::Production,
            _ => InstanceType::Development,
        };
        assert_eq!(key.instance_type(), instance_type, "{text}");
    }
}

#[test]
fn what_clerks_reader_refuses_is_refused() {
    let vectors = fixture("vectors/publishable-keys.json");
    let invalid = vectors["invalid"].as_array().unwrap();
    assert_eq!(invalid.len(), 9);
    for vector in invalid {
        let text = vector["publishable_key"].as_str().unwrap();
        assert!(PublishableKey::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_key_cannot_point_at_a_path_or_a_user() {
    // The bases of `a.b/evil$`, `u@a.b$` and `a.b?x$`.
    for encoded in ["YS5iL2V2aWwk", "dUBhLmIk", "YS5iP3gk"] {
        assert!(PublishableKey::parse(&format!("pk_live_{encoded}")).is_err(), "{encoded}");
    }
}
