//! The 41 recorded tokens, with our own verdicts: issuer and allow-list configured, once with the JWKS and
//! once with the PEM.

use clerk_sync::clerk::keys::{JwksSettings, Keys};
use clerk_sync::clerk::session::{SessionError, SessionStatus, SessionVerifier};

use crate::support::forge::rules;
use crate::support::server::{Server, Told};
use crate::support::{NOW, fixture};

/// Name, verdict with the JWKS, verdict with the PEM where it differs (there `kid` is not compared).
const VERDICTS: [(&str, &str, Option<&str>); 41] = [
    ("v2_personal", "active", None),
    ("v2_org", "active", None),
    ("v2_custom_claims", "active", None),
    ("v1_org", "active", None),
    ("v2_impersonated", "active", None),
    ("v2_pending", "pending", None),
    ("v2_no_azp", "authorized_party", None),
    ("no_cat_header", "active", None),
    ("extra_header", "active", None),
    ("header_oiat_number", "active", None),
    ("extra_header_object", "active", None),
    ("expired_within_skew", "active", None),
    ("expired_exact_skew", "expired", None),
    ("expired", "expired", None),
    ("nbf_future_within_skew", "active", None),
    ("nbf_future", "not_before", None),
    ("iat_future", "issued_at", None),
    ("exp_missing", "expiry", None),
    ("exp_string", "expiry", None),
    // Clerk's SDK lets the next one pass; without `iat` a lifetime has no beginning.
    ("nbf_iat_missing", "issued_at", None),
    ("sub_missing", "subject", None),
    // Clerk's SDK lets the next one pass.
    ("sub_empty", "subject", None),
    ("wrong_azp", "authorized_party", None),
    ("wrong_iss", "issuer", None),
    ("unknown_kid", "unknown_key", Some("active")),
    ("other_instance_key", "unknown_key", Some("signature")),
    ("alg_none", "algorithm", None),
    ("alg_hs256_pem_confusion", "algorithm", None),
    ("alg_rs512", "algorithm", None),
    ("typ_at_jwt", "type", None),
    ("typ_lowercase", "type", None),
    ("typ_absent", "active", None),
    // Clerk's verifyToken lets the next one pass.
    ("cat_jwt_template", "category", None),
    ("cat_m2m", "category", None),
    ("tampered_payload", "signature", None),
    ("tampered_signature", "signature", None),
    ("two_parts", "parts", None),
    ("four_parts", "parts", None),
    ("garbage", "parts", None),
    ("payload_not_json", "signature", None),
    // Around a header's value white space is trimmed before; inside a token it is none.
    ("trailing_space", "encoding", None),
];

async fn verdict(token: &str, keys: &Keys) -> &'static str {
    // A fresh verifier each time: no verdict may come from another token's cache entry.
    match SessionVerifier::new(rules()).verify(token, keys, NOW).await {
        Ok(session) if session.status == SessionStatus::Active => "active",
        Ok(_) => "pending",
        Err(SessionError::Unauthenticated(refusal)) => refusal.as_str(),
        Err(error) => error.reason(),
    }
}

#[tokio::test]
async fn every_recorded_token_gets_its_verdict() {
    let fixture = fixture("tokens/session-tokens.json");
    let server = Server::start([Told::json(200, &fixture["jwks"])]).await;
    let pem = Keys::from_pem(fixture["jwt_key_pem"].as_str().unwrap()).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), VERDICTS.len());
    for (case, (name, with_jwks, with_pem)) in cases.iter().zip(VERDICTS) {
        assert_eq!(case["name"], name);
        let token = case["token"].as_str().unwrap();
        let jwks = Keys::from_jwks(JwksSettings::new(&server.url)).unwrap();
        assert_eq!(verdict(token, &jwks).await, with_jwks, "{name} with the JWKS");
        assert_eq!(verdict(token, &pem).await, with_pem.unwrap_or(with_jwks), "{name} with the PEM");
    }
}

#[tokio::test]
async fn the_other_instances_keys_prove_nothing_of_ours() {
    let fixture = fixture("tokens/session-tokens.json");
    let server = Server::start([Told::json(200, &fixture["jwks_other_instance"])]).await;
    let keys = Keys::from_jwks(JwksSettings::new(&server.url)).unwrap();
    assert!(keys.prepare(NOW).await);
    let token = fixture["cases"][0]["token"].as_str().unwrap();
    // The set is older than the request and was just fetched, so this is for later to decide.
    assert_eq!(verdict(token, &keys).await, "keys_unavailable");
}

#[test]
fn a_pem_may_have_its_line_breaks_spelt_out() {
    let fixture = fixture("tokens/session-tokens.json");
    let pem = fixture["jwt_key_pem"].as_str().unwrap();
    assert!(Keys::from_pem(&pem.replace('\n', "\\n")).is_ok());
    assert!(Keys::from_pem(&pem.replace('\n', "")).is_ok());
    assert!(Keys::from_pem(&pem.replace("PUBLIC", "PRIVATE")).is_err());
    assert!(Keys::from_pem("").is_err());
}
