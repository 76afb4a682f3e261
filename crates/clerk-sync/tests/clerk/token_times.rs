//! T29 to T32 and the memory of verified tokens.

use clerk_sync::clerk::keys::{JwksSettings, Keys};
use clerk_sync::clerk::session::{Refusal, SessionError, SessionRules, SessionVerifier};
use serde_json::{Value, json};

use crate::support::NOW;
use crate::support::forge::{
    KEY, OTHER_KEY, claims, claims_at, encode, header, pem_keys, refused, rules, text, valid_token, verify,
    with_claim, without_claim,
};
use crate::support::server::{Server, Told};

fn now() -> i64 {
    NOW.as_seconds()
}

/// A token whose payload has this claim written like this.
fn with_raw(name: &str, raw: &str) -> String {
    let mut claims = claims();
    claims.remove(name);
    let payload = text(&claims).replacen('{', &format!("{{\"{name}\":{raw},"), 1);
    KEY.token(&text(&header()), &payload)
}

#[tokio::test]
async fn t29_an_expiry_is_a_whole_number_in_the_future() {
    refused(verify(&without_claim("exp")).await, Refusal::Expiry);
    for raw in
        ["\"1769500910\"", "null", "1e300", "1769500910.5", "1.7e9", "[1]", "true", "99999999999999999999"]
    {
        refused(verify(&with_raw("exp", raw)).await, Refusal::Expiry);
    }
    refused(verify(&with_raw("exp", "NaN")).await, Refusal::Payload);
    for exp in [-1, 0, now() - 6, now() - 5] {
        refused(verify(&with_claim("exp", json!(exp))).await, Refusal::Expired);
    }
}

#[tokio::test]
async fn t30_the_leeway_is_five_seconds_as_in_clerks_sdk() {
    assert!(verify(&with_claim("exp", json!(now() - 4))).await.is_ok());
    // To the millisecond: expired as soon as exp is five seconds ago.
    let token = with_claim("exp", json!(now()));
    let verifier = SessionVerifier::new(rules());
    let keys = pem_keys();
    assert!(verifier.verify(&token, &keys, NOW.plus_millis(4_999)).await.is_ok());
    let late = verifier.verify(&token, &keys, NOW.plus_millis(5_000)).await;
    assert_eq!(late, Err(SessionError::Unauthenticated(Refusal::Expired)));
}

#[tokio::test]
async fn t31_not_before_and_issued_at_are_not_in_the_future() {
    for (name, refusal) in [("nbf", Refusal::NotBefore), ("iat", Refusal::IssuedAt)] {
        assert!(verify(&with_claim(name, json!(now() + 5))).await.is_ok());
        refused(verify(&with_claim(name, json!(now() + 6))).await, refusal);
        for wrong in [json!("1"), json!(null), json!([]), json!(1.5)] {
            refused(verify(&with_claim(name, wrong)).await, refusal);
        }
    }
    assert!(verify(&without_claim("nbf")).await.is_ok());
    refused(verify(&without_claim("iat")).await, Refusal::IssuedAt);
}

#[tokio::test]
async fn t32_no_token_lives_for_ever() {
    let ten_years = 10 * 365 * 24 * 3_600;
    refused(verify(&with_claim("iat", json!(now() - ten_years))).await, Refusal::Lifetime);
    refused(verify(&with_claim("exp", json!(now() + ten_years))).await, Refusal::Lifetime);
    refused(verify(&with_claim("exp", json!(i64::MAX))).await, Refusal::Lifetime);
    let day = 24 * 3_600;
    let issued_at = now() - 10;
    assert!(verify(&with_claim("exp", json!(issued_at + day))).await.is_ok());
    refused(verify(&with_claim("exp", json!(issued_at + day + 1))).await, Refusal::Lifetime);
    let strict = SessionVerifier::new(SessionRules { max_lifetime_ms: 59_000, ..rules() });
    let result = strict.verify(&valid_token(), &pem_keys(), NOW).await;
    assert_eq!(result, Err(SessionError::Unauthenticated(Refusal::Lifetime)));
}

#[tokio::test]
async fn a_remembered_token_still_expires() {
    let (verifier, keys, token) = (SessionVerifier::new(rules()), pem_keys(), valid_token());
    let first = verifier.verify(&token, &keys, NOW).await.unwrap();
    let again = verifier.verify(&token, &keys, NOW.plus_millis(54_999)).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &again), "the second time comes from memory");
    let late = verifier.verify(&token, &keys, NOW.plus_millis(55_000)).await;
    assert_eq!(late, Err(SessionError::Unauthenticated(Refusal::Expired)));
}

#[tokio::test]
async fn memory_is_of_the_whole_token() {
    let (verifier, keys, token) = (SessionVerifier::new(rules()), pem_keys(), valid_token());
    verifier.verify(&token, &keys, NOW).await.unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let result = verifier.verify(&format!("{signed}.AAAA"), &keys, NOW).await;
    assert_eq!(result, Err(SessionError::Unauthenticated(Refusal::Signature)));
    // Another's claims under the very signature that is remembered.
    let mut claims = claims();
    claims.insert("sub".into(), json!("user_admin"));
    let (header, _) = signed.split_once('.').unwrap();
    let forged = format!("{header}.{}.{signature}", encode(text(&claims).as_bytes()));
    let result = verifier.verify(&forged, &keys, NOW).await;
    assert_eq!(result, Err(SessionError::Unauthenticated(Refusal::Signature)));
}

#[tokio::test]
async fn memory_is_bounded_and_may_be_none() {
    let keys = pem_keys();
    let token = |index: i32| {
        let mut claims = claims();
        claims.insert("jti".into(), Value::from(index));
        KEY.token(&text(&header()), &text(&claims))
    };
    let verifier = SessionVerifier::new(SessionRules { cached_tokens: 32, ..rules() });
    let none = SessionVerifier::new(SessionRules { cached_tokens: 0, ..rules() });
    for index in 0..200 {
        let token = token(index);
        verifier.verify(&token, &keys, NOW).await.unwrap();
        none.verify(&token, &keys, NOW).await.unwrap();
    }
    assert!((1..=32).contains(&verifier.cached_tokens()), "{}", verifier.cached_tokens());
    assert_eq!(none.cached_tokens(), 0);
}

/// A steady stream of new tokens fills no memory: what is kept is of the last two minutes.
#[tokio::test]
async fn what_has_had_its_time_is_forgotten() {
    let keys = pem_keys();
    let verifier = SessionVerifier::new(rules());
    for index in 0..600 {
        let at = NOW.plus_millis(index * 1_000);
        let mut claims = claims_at(at);
        claims.insert("jti".into(), Value::from(index));
        verifier.verify(&KEY.token(&text(&header()), &text(&claims)), &keys, at).await.unwrap();
    }
    // Sixteen shards, each of which notices with the next token it gets.
    assert!((60..=180).contains(&verifier.cached_tokens()), "{}", verifier.cached_tokens());
}

#[tokio::test]
async fn refused_tokens_are_not_remembered() {
    let verifier = SessionVerifier::new(rules());
    let token = OTHER_KEY.token(&text(&header()), &text(&claims()));
    assert!(verifier.verify(&token, &pem_keys(), NOW).await.is_err());
    assert_eq!(verifier.cached_tokens(), 0);
}

#[tokio::test]
async fn a_rotation_forgets_what_the_old_key_proved() {
    let server = Server::start([Told::json(200, json!({"keys": [KEY.jwk("ins_old")]}))]).await;
    let keys = Keys::from_jwks(JwksSettings::new(&server.url)).unwrap();
    let verifier = SessionVerifier::new(rules());
    // A long-lived token, so that only the rotation can end it.
    let mut header = header();
    header.insert("kid".into(), json!("ins_old"));
    let mut claims = claims_at(NOW);
    claims.insert("exp".into(), json!(now() + 3_600));
    let token = KEY.token(&text(&header), &text(&claims));
    let first = verifier.verify(&token, &keys, NOW).await.unwrap();
    assert_eq!(verifier.cached_tokens(), 1);
    server.tell([Told::json(200, json!({"keys": [OTHER_KEY.jwk("ins_new")]}))]);
    // Still fresh: nobody has looked.
    let before = NOW.plus_millis(299_999);
    let again = verifier.verify(&token, &keys, before).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &again), "from memory");
    let after = NOW.plus_millis(300_000);
    let result = verifier.verify(&token, &keys, after).await;
    assert_eq!(result, Err(SessionError::Unauthenticated(Refusal::UnknownKey)));
    // Nor does it come back from memory once the new set is fresh.
    let result = verifier.verify(&token, &keys, after.plus_millis(1)).await;
    assert_eq!(result, Err(SessionError::Undecidable { retry_after_ms: 9_999 }));
}
