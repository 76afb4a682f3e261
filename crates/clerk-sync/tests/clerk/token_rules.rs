//! T28, T33 to T37, T41 and T43: rightly signed and still no session's token.

use clerk_sync::clerk::session::{MAX_TOKEN_BYTES, Refusal, SessionRules, SessionVerifier};
use serde_json::json;

use crate::support::NOW;
use crate::support::forge::{
    KEY, claims, header, pem_keys, refused, rules, text, verify, with_claim, with_claims, with_header,
    without_claim,
};

#[tokio::test]
async fn t28_the_issuer_is_exactly_ours() {
    for issuer in [
        json!("https://clerk.example.com/"),
        json!("http://clerk.example.com"),
        json!("https://clerk.example.com.evil"),
        json!("https://CLERK.example.com"),
        json!("https://clerk.example.com\0"),
        json!("https://brave-otter-42.clerk.accounts.dev"),
        json!(""),
        json!(null),
        json!(["https://clerk.example.com"]),
    ] {
        refused(verify(&with_claim("iss", issuer)).await, Refusal::Issuer);
    }
    refused(verify(&without_claim("iss")).await, Refusal::Issuer);
}

#[tokio::test]
async fn t33_t34_the_authorized_party_is_exactly_one_of_ours() {
    for azp in [
        json!("https://evil.example.net"),
        json!("https://app.example.com.evil.io"),
        json!("https://app.example.com:8443"),
        json!("https://APP.example.com"),
        json!("https://app.example.com/"),
        json!("http://app.example.com"),
        json!(""),
        json!(null),
        json!(["https://app.example.com"]),
    ] {
        refused(verify(&with_claim("azp", azp)).await, Refusal::AuthorizedParty);
    }
    refused(verify(&without_claim("azp")).await, Refusal::AuthorizedParty);

    let lenient = SessionVerifier::new(SessionRules { allow_missing_azp: true, ..rules() });
    assert!(lenient.verify(&without_claim("azp"), &pem_keys(), NOW).await.is_ok());
    let foreign = with_claim("azp", json!("https://evil.example.net"));
    assert!(lenient.verify(&foreign, &pem_keys(), NOW).await.is_err());
    let open = SessionVerifier::new(SessionRules { authorized_parties: Vec::new(), ..rules() });
    assert!(open.verify(&foreign, &pem_keys(), NOW).await.is_ok());
}

#[tokio::test]
async fn t35_the_subject_is_a_users_id() {
    for sub in [
        json!(""),
        json!(7),
        json!(null),
        json!("mch_38peB5uMEQeCed7i5Nq9Ifj6Kd2"),
        json!("user_"),
        json!("User_38peB5uMEQeCed7i5Nq9Ifj6Kd2"),
        json!(format!("user_{}", "a".repeat(2_000))),
        json!("user_a\0b"),
        json!("user_a'b"),
        json!("user_a\"b"),
        json!(["user_a"]),
    ] {
        refused(verify(&with_claim("sub", sub)).await, Refusal::Subject);
    }
    refused(verify(&without_claim("sub")).await, Refusal::Subject);
}

#[tokio::test]
async fn t36_without_a_session_id_it_is_no_sessions_token() {
    refused(verify(&without_claim("sid")).await, Refusal::SessionId);
    for sid in [json!(""), json!(null), json!(1), json!({}), json!("\0")] {
        refused(verify(&with_claim("sid", sid)).await, Refusal::SessionId);
    }
}

#[tokio::test]
async fn t37_other_kinds_of_tokens_are_refused() {
    for typ in [json!("at+jwt"), json!("application/at+jwt"), json!("jwt"), json!(null), json!(1)] {
        let token = with_header(|header| drop(header.insert("typ".into(), typ)));
        refused(verify(&token).await, Refusal::Type);
    }
    let categories = [json!("cl_B7d4PD222AAA"), json!("cl_B7d4PD333AAA"), json!(""), json!(null), json!([1])];
    for cat in categories {
        let token = with_header(|header| drop(header.insert("cat".into(), cat)));
        refused(verify(&token).await, Refusal::Category);
    }
    // A machine's token without its category.
    let token = with_claims(|claims| drop(claims.insert("sub".into(), json!("mch_38peB5uMEQeCed7i"))));
    refused(verify(&token).await, Refusal::Subject);
    for opaque in ["ak_0123456789", "mt_0123456789", "oat_0123456789"] {
        refused(verify(opaque).await, Refusal::Parts);
    }
}

#[tokio::test]
async fn t41_header_and_payload_are_objects_of_bounded_depth() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(1_500), "]".repeat(1_500));
    let shallow = format!("{{\"a\":{}1{},", "[".repeat(100), "]".repeat(100));
    let not_objects = ["", "null", "[]", "\"x\"", "1", "{", "{}x", "\u{feff}{}", &deep];
    for wrong in not_objects {
        refused(verify(&KEY.token(wrong, &text(&claims()))).await, Refusal::Header);
        refused(verify(&KEY.token(&text(&header()), wrong)).await, Refusal::Payload);
    }
    let not_utf8 = b"{\"alg\":\"RS256\",\"x\":\"\xff\"}";
    refused(verify(&KEY.token_of_bytes(not_utf8, b"{}")).await, Refusal::Header);
    let header = text(&header());
    refused(verify(&KEY.token_of_bytes(header.as_bytes(), not_utf8)).await, Refusal::Payload);
    // What is legal passes, in both.
    let nested = header.replacen('{', &shallow, 1);
    let claims = text(&claims()).replacen('{', &shallow, 1);
    assert!(verify(&KEY.token(&nested, &claims)).await.is_ok());
}

#[tokio::test]
async fn t43_a_long_token_is_refused_before_anything_is_decoded() {
    let filled = |length: usize| with_claim("pad", json!("x".repeat(length)));
    let overhead = filled(0).len();
    let longest = filled((MAX_TOKEN_BYTES - overhead) * 3 / 4 - 2);
    assert!(longest.len() <= MAX_TOKEN_BYTES && longest.len() > MAX_TOKEN_BYTES - 8);
    assert!(verify(&longest).await.is_ok());
    for length in [MAX_TOKEN_BYTES + 1, 64 * 1_024, 10 * 1_024 * 1_024] {
        // Not even the dots are looked for.
        refused(verify(&"a".repeat(length)).await, Refusal::TooLong);
    }
}

#[tokio::test]
async fn no_refusal_says_anything_of_the_token() {
    let error = verify(&with_claim("iss", json!("https://canary.example"))).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
    assert_eq!(error.code(), "unauthenticated");
    assert_eq!(error.reason(), "issuer");
}
