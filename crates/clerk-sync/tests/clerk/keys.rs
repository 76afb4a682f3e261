//! T16, T17, T49 and T50: where keys come from, and what happens when they do not.

use std::sync::Arc;

use clerk_sync::clerk::keys::{JwksSettings, Keys};
use clerk_sync::clerk::session::{SessionError, SessionVerifier};
use clerk_sync_core::Timestamp;
use serde_json::{Value, json};

use crate::support::NOW;
use crate::support::forge::{
    KEY, KID, OTHER_KEY, Signer, claims_at, encode, header, rules, text, valid_token, valid_token_at,
};
use crate::support::server::{Server, Told};

pub(crate) fn set(keys: &[Value]) -> Told {
    Told::json(200, json!({"keys": keys}))
}

pub(crate) fn token(signer: &Signer, kid: &str, now: Timestamp) -> String {
    let mut header = header();
    header.insert("kid".into(), json!(kid));
    signer.token(&text(&header), &text(&claims_at(now)))
}

pub(crate) fn jwks(server: &Server) -> Keys {
    Keys::from_jwks(JwksSettings::new(&server.url)).unwrap()
}

/// The verdict of a fresh verifier, as a word.
pub(crate) async fn verdict(token: &str, keys: &Keys, now: Timestamp) -> &'static str {
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
    let mut polite = {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { verdict(&token(&OTHER_KEY, "ins_b", NOW), &keys, NOW).await })
    };
    tokio::task::yield_now().await;
    rude.abort();
    assert!(rude.await.unwrap_err().is_cancelled());
    tokio::select! {
        () = server.arrived() => {}
        verdict = &mut polite => panic!("without asking: {verdict:?}"),
    }
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

#[tokio::test]
async fn a_clock_set_back_does_not_stop_the_fetches() {
    let server = Server::start([Told::json(500, "{}"), set(&[KEY.jwk(KID)])]).await;
    let keys = jwks(&server);
    assert!(!keys.prepare(NOW.plus_millis(3_600_000)).await);
    assert_eq!(verdict(&valid_token(), &keys, NOW).await, "ok");
}

#[tokio::test]
async fn t55_a_wrong_signature_and_an_unknown_key_are_one_answer() {
    let server = Server::start([set(&[KEY.jwk(KID)])]).await;
    let keys = jwks(&server);
    assert!(keys.prepare(NOW).await);
    let now = NOW.plus_millis(10_000);
    let verifier = SessionVerifier::new(rules());
    let forged = verifier.verify(&token(&OTHER_KEY, KID, now), &keys, now).await.unwrap_err();
    let unknown = verifier.verify(&token(&KEY, "ins_c", now), &keys, now).await.unwrap_err();
    assert_eq!((forged.reason(), unknown.reason()), ("signature", "unknown_key"));
    // What a caller sees of either is the code.
    assert_eq!((forged.code(), unknown.code()), ("unauthenticated", "unauthenticated"));
}
