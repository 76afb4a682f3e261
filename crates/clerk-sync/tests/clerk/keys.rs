//! T16, T17 and T49 to T52: where keys come from, and what happens when they do not.

use std::sync::Arc;

use clerk_sync::clerk::keys::{JwksSettings, Keys};
use clerk_sync::clerk::secret::SecretKey;
use clerk_sync::clerk::session::{Refusal, SessionError, SessionVerifier};
use clerk_sync_core::Timestamp;
use serde_json::{Value, json};

use crate::support::NOW;
use crate::support::forge::{
    KEY, KID, OTHER_KEY, Signer, claims_at, encode, header, rules, text, valid_token, valid_token_at,
};
use crate::support::server::{Server, Told};

fn set(keys: &[Value]) -> Told {
    Told::json(200, json!({"keys": keys}))
}

fn token(signer: &Signer, kid: &str, now: Timestamp) -> String {
    let mut header = header();
    header.insert("kid".into(), json!(kid));
    signer.token(&text(&header), &text(&claims_at(now)))
}

fn jwks(server: &Server) -> Keys {
    Keys::from_jwks(JwksSettings::new(&server.url)).unwrap()
}

/// The verdict of a fresh verifier, as a word.
async fn verdict(token: &str, keys: &Keys, now: Timestamp) -> &'static str {
    match SessionVerifier::new(rules()).verify(token, keys, now).await {
        Ok(_) => "ok",
        Err(error) => error.reason(),
    }
}

fn fetches(keys: &Keys) -> u64 {
    keys.jwks_status(NOW).unwrap().fetches
}

#[tokio::test]
async fn t16_a_new_key_is_fetched_and_a_made_up_one_is_refused() {
    let server = Server::start([set(&[KEY.jwk("ins_a")])]).await;
    let keys = jwks(&server);
    assert_eq!(verdict(&token(&KEY, "ins_a", NOW), &keys, NOW).await, "ok");
    server.tell([set(&[KEY.jwk("ins_a"), OTHER_KEY.jwk("ins_b")])]);
    // Looked for a moment ago: this may be a rotation, so nobody is logged out.
    let soon = NOW.plus_millis(9_999);
    let result = SessionVerifier::new(rules()).verify(&token(&OTHER_KEY, "ins_b", soon), &keys, soon).await;
    assert_eq!(result, Err(SessionError::Undecidable { retry_after_ms: 1 }));
    assert_eq!(fetches(&keys), 1);
    let later = NOW.plus_millis(10_000);
    assert_eq!(verdict(&token(&OTHER_KEY, "ins_b", later), &keys, later).await, "ok");
    // A set fetched for this very request proves that there is no such key.
    let later = NOW.plus_millis(20_000);
    assert_eq!(verdict(&token(&KEY, "ins_c", later), &keys, later).await, "unknown_key");
    assert_eq!(fetches(&keys), 3);
}

#[tokio::test]
async fn t16_a_refetch_that_fails_decides_nothing() {
    let server = Server::start([set(&[KEY.jwk(KID)]), Told::json(500, "{}")]).await;
    let keys = jwks(&server);
    assert!(keys.prepare(NOW).await);
    let later = NOW.plus_millis(10_000);
    let result = SessionVerifier::new(rules()).verify(&token(&KEY, "ins_c", later), &keys, later).await;
    assert_eq!(result, Err(SessionError::Undecidable { retry_after_ms: 10_000 }));
}

#[tokio::test]
async fn t17_a_flood_of_made_up_kids_is_one_fetch_in_ten_seconds() {
    let server = Server::start([set(&[KEY.jwk(KID)])]).await;
    let keys = jwks(&server);
    let valid = valid_token();
    let signature = valid.rsplit('.').next().unwrap();
    for index in 0..10_000_i64 {
        let now = NOW.plus_millis(index);
        let header = format!(r#"{{"alg":"RS256","kid":"ins_{index}"}}"#);
        let token = format!("{}.e30.{signature}", encode(header.as_bytes()));
        let verdict = verdict(&token, &keys, now).await;
        assert!(matches!(verdict, "unknown_key" | "keys_unavailable"), "{verdict}");
    }
    assert_eq!(server.seen(), 1);
    // And those with a real key have not noticed.
    assert_eq!(verdict(&valid, &keys, NOW).await, "ok");
}

#[tokio::test]
async fn all_who_come_at_once_share_one_fetch() {
    let server = Server::start_held([set(&[KEY.jwk(KID)])]).await;
    let keys = Arc::new(jwks(&server));
    let mut tasks = Vec::new();
    for _ in 0..50 {
        let keys = Arc::clone(&keys);
        tasks.push(tokio::spawn(async move { verdict(&valid_token(), &keys, NOW).await }));
    }
    server.arrived().await;
    server.release(10);
    for task in tasks {
        assert_eq!(task.await.unwrap(), "ok");
    }
    assert_eq!(server.seen(), 1);
}

#[tokio::test]
async fn who_hangs_up_does_not_take_the_new_key_from_the_others() {
    let server = Server::start_held([set(&[OTHER_KEY.jwk("ins_b")])]).await;
    let keys = Arc::new(jwks(&server));
    let rude = {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { verdict(&token(&KEY, "ins_made_up", NOW), &keys, NOW).await })
    };
    server.arrived().await;
    // This one comes while the fetch is under way, and takes it over.
    let polite = {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { verdict(&token(&OTHER_KEY, "ins_b", NOW), &keys, NOW).await })
    };
    tokio::task::yield_now().await;
    rude.abort();
    assert!(rude.await.unwrap_err().is_cancelled());
    server.arrived().await;
    server.release(10);
    assert_eq!(polite.await.unwrap(), "ok");
    assert_eq!(server.seen(), 2);
}

#[tokio::test]
async fn t49_old_keys_serve_for_a_day_while_no_newer_ones_can_be_had() {
    let server = Server::start([set(&[KEY.jwk(KID)]), Told::json(503, "{}")]).await;
    let keys = jwks(&server);
    assert!(keys.prepare(NOW).await);
    for minutes in [4, 5, 6, 60, 24 * 60] {
        let now = NOW.plus_millis(minutes * 60_000);
        assert_eq!(verdict(&valid_token_at(now), &keys, now).await, "ok", "after {minutes} min");
        assert_eq!(keys.jwks_status(now).unwrap().stale, minutes >= 5);
    }
    assert_eq!(fetches(&keys), 5);
    let now = NOW.plus_millis(24 * 3_600_000 + 1);
    assert_eq!(keys.jwks_status(now).unwrap().keys, 0);
    assert_eq!(verdict(&valid_token_at(now), &keys, now).await, "keys_unavailable");
    // And back.
    server.tell([set(&[KEY.jwk(KID)])]);
    let now = now.plus_millis(1_000);
    assert_eq!(verdict(&valid_token_at(now), &keys, now).await, "ok");
}

#[tokio::test]
async fn a_stale_set_is_looked_for_once_in_ten_seconds() {
    let server = Server::start([set(&[KEY.jwk(KID)]), Told::json(503, "{}")]).await;
    let (keys, verifier) = (jwks(&server), SessionVerifier::new(rules()));
    assert!(keys.prepare(NOW).await);
    for second in 0..30 {
        let now = NOW.plus_millis(300_000 + second * 1_000);
        assert!(verifier.verify(&valid_token_at(now), &keys, now).await.is_ok());
    }
    assert_eq!(fetches(&keys), 4);
}

#[tokio::test]
async fn t50_without_any_key_nothing_is_decided() {
    let server = Server::start([Told::json(500, "{}")]).await;
    let keys = jwks(&server);
    assert!(!keys.prepare(NOW).await);
    let result = SessionVerifier::new(rules()).verify(&valid_token(), &keys, NOW).await;
    assert_eq!(result, Err(SessionError::Undecidable { retry_after_ms: 1_000 }));
    // Nobody there at all.
    let nobody = Keys::from_jwks(JwksSettings::new("http://127.0.0.1:1/jwks.json")).unwrap();
    assert_eq!(verdict(&valid_token(), &nobody, NOW).await, "keys_unavailable");
    // Without keys a second is enough of a wait.
    server.tell([set(&[KEY.jwk(KID)])]);
    let now = NOW.plus_millis(1_000);
    assert_eq!(verdict(&valid_token(), &keys, now).await, "ok");
}

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
        ("a redirect", Told::json(302, "").with_header("location", &elsewhere.url)),
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
async fn a_clock_set_back_does_not_stop_the_fetches() {
    let server = Server::start([Told::json(500, "{}"), set(&[KEY.jwk(KID)])]).await;
    let keys = jwks(&server);
    assert!(!keys.prepare(NOW.plus_millis(3_600_000)).await);
    assert_eq!(verdict(&valid_token(), &keys, NOW).await, "ok");
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
    for body in [elliptic, &nothing] {
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
        assert!(Keys::from_pem(&pem).is_err());
    }
}

#[test]
fn refusals_are_words() {
    // The labels of a metric: renaming one is a change for whoever watches it.
    assert_eq!(Refusal::UnknownKey.as_str(), "unknown_key");
}
