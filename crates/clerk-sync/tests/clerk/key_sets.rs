//! T51 and T52: what is published where a set of keys should be.

use clerk_sync::clerk::keys::{JwksSettings, Keys};
use clerk_sync::clerk::secret::SecretKey;
use clerk_sync::clerk::session::Refusal;
use serde_json::{Value, json};

use crate::keys::{jwks, set, token, verdict};
use crate::support::NOW;
use crate::support::forge::{KEY, KID, OTHER_KEY, encode, valid_token};
use crate::support::server::{Server, Told};

fn changed(change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Value {
    let mut key = OTHER_KEY.jwk("ins_b");
    change(key.as_object_mut().unwrap());
    key
}

fn with(name: &str, value: Value) -> Value {
    changed(|key| drop(key.insert(name.into(), value)))
}

#[tokio::test]
async fn t51_keys_we_do_not_use_are_skipped() {
    let skipped = [
        ("512 bits", with("n", json!(encode(&[0xff; 64])))),
        ("2047 bits", with("n", json!(encode(&[0x7f; 256])))),
        ("over 8192 bits", with("n", json!(encode(&[0xff; 1_025])))),
        ("exponent 1", with("e", json!("AQ"))),
        ("exponent 3", with("e", json!("Aw"))),
        ("padding", with("e", json!("AQAB="))),
        ("private", with("d", json!("AQAB"))),
        ("for encryption", with("use", json!("enc"))),
        ("RS512", with("alg", json!("RS512"))),
        ("elliptic", with("kty", json!("EC"))),
        ("symmetric", json!({"kty": "oct", "kid": "ins_b", "k": "AAAA"})),
        ("a path for a kid", with("kid", json!("../../dev/null"))),
        ("no kid", changed(|key| drop(key.remove("kid")))),
        ("no modulus", changed(|key| drop(key.remove("n")))),
        ("no object", json!(7)),
    ];
    for (name, key) in skipped {
        let server = Server::start([set(&[KEY.jwk(KID), key])]).await;
        let keys = jwks(&server);
        assert!(keys.prepare(NOW).await, "{name}");
        assert_eq!(keys.jwks_status(NOW).unwrap().keys, 1, "{name}");
        assert_eq!(verdict(&valid_token(), &keys, NOW).await, "ok", "{name}");
    }
    // Absent `use` and `alg` are fine.
    let bare = changed(|key| key.retain(|name, _| !["use", "alg"].contains(&name.as_str())));
    let server = Server::start([set(&[bare])]).await;
    assert_eq!(verdict(&token(&OTHER_KEY, "ins_b", NOW), &jwks(&server), NOW).await, "ok");
}

#[tokio::test]
async fn t51_t52_a_set_that_is_none_leaves_the_old_one() {
    let elsewhere = Server::start([set(&[OTHER_KEY.jwk("ins_b")])]).await;
    let many: Vec<Value> = (0..10_000).map(|index| OTHER_KEY.jwk(&format!("ins_{index}"))).collect();
    let mut large = json!({"keys": [OTHER_KEY.jwk("ins_b")]}).to_string();
    large.push_str(&" ".repeat(1024 * 1024));
    let html =
        Told { headers: vec![("content-type".into(), "text/html".into())], ..Told::json(200, "<html>") };
    let wrong = [
        ("two keys with one kid", set(&[OTHER_KEY.jwk("ins_b"), KEY.jwk("ins_b")])),
        ("33 keys", set(&many[..33])),
        ("10,000 keys", set(&many)),
        ("over 1 MiB", Told::json(200, large)),
        ("HTML", html),
        (
            "a redirect",
            Told { status: 302, ..set(&[OTHER_KEY.jwk("ins_b")]) }.with_header("location", &elsewhere.url),
        ),
        ("a server error", Told { status: 500, ..set(&[OTHER_KEY.jwk("ins_b")]) }),
        ("no keys", set(&[])),
        ("no list", Told::json(200, json!({"keys": {}}))),
        ("keys twice", Told::json(200, r#"{"keys":[],"keys":[]}"#)),
        ("cut off", Told::json(200, r#"{"keys":[{"kty":"RSA""#)),
        ("deep", Told::json(200, format!("{{\"keys\":{}", "[".repeat(50_000)))),
    ];
    for (name, told) in wrong {
        let server = Server::start([set(&[KEY.jwk(KID)]), told]).await;
        let keys = jwks(&server);
        assert!(keys.prepare(NOW).await);
        let now = NOW.plus_millis(10_000);
        assert_eq!(verdict(&token(&OTHER_KEY, "ins_b", now), &keys, now).await, "keys_unavailable", "{name}");
        assert_eq!(server.seen(), 2, "{name}");
        let status = keys.jwks_status(now).unwrap();
        assert_eq!((status.keys, status.failures), (1, 1), "{name}");
        assert_eq!(verdict(&valid_token(), &keys, now).await, "ok", "{name}");
    }
    assert_eq!(elsewhere.seen(), 0);
}

#[tokio::test]
async fn the_backend_apis_jwks_gets_the_secret_and_others_get_none() {
    let server = Server::start([set(&[KEY.jwk(KID)])]).await;
    let secret_key = Some(SecretKey::parse("key", "sk_test_canary").unwrap());
    let settings = JwksSettings { secret_key, ..JwksSettings::new(format!("{}/v1/jwks", server.url)) };
    assert!(!format!("{settings:?}").contains("canary"));
    assert!(Keys::from_jwks(settings).unwrap().prepare(NOW).await);
    assert!(jwks(&server).prepare(NOW).await);
    let requests = server.requests();
    assert_eq!(requests[0].path, "/v1/jwks");
    assert_eq!(requests[0].headers["authorization"], "Bearer sk_test_canary");
    assert!(!requests[1].headers.contains_key("authorization"));
}

#[test]
fn weak_keys_are_refused_as_pem_too() {
    use base64::Engine as _;
    // An elliptic key, and DER that is none.
    let elliptic = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\
                    q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==";
    let nothing = base64::engine::general_purpose::STANDARD.encode([0x30, 0x03, 0x02, 0x01, 0x01]);
    // RSA of 1024 bits.
    let short = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDftyNmzqBvot3by/7c9m6fSzRu\
                 yjGNfmkP2p8yFtOPyKKygFyA3+jZDh4zl1o2ivwAKcrMsleIOiFw9evwuPci5YwQ\
                 SzWlPBTYffFCTMFb8klDtcKuhY5TE1iI1SNTNrjFDyE0NgcRqOe3Jbx7d852pByh\
                 X6nhQQo3SS6ODCeP5QIDAQAB";
    for body in [elliptic, short, &nothing] {
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
        assert!(Keys::from_pem(&pem).is_err());
    }
}

#[test]
fn refusals_are_words() {
    // The labels of a metric: renaming one is a change for whoever watches it.
    assert_eq!(Refusal::UnknownKey.as_str(), "unknown_key");
}
