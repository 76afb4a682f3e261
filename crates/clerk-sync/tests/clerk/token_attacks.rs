//! T5 to T27 and T42: forged, borrowed and malformed tokens.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256,
};
use clerk_sync::clerk::keys::{JwksSettings, Keys};
use clerk_sync::clerk::session::{Refusal, SessionError, SessionVerifier};
use serde_json::{Value, json};

use crate::support::NOW;
use crate::support::forge::{
    KEY, KID, OTHER_KEY, claims, encode, header, refused, rules, text, valid_token, verify, with_header,
};
use crate::support::server::{Server, Told};

/// Header and payload of a valid token, with this `alg`.
fn signed_part(alg: Value) -> String {
    let mut header = header();
    header.insert("alg".into(), alg);
    format!("{}.{}", encode(text(&header).as_bytes()), encode(text(&claims()).as_bytes()))
}

#[tokio::test]
async fn the_forged_token_itself_is_valid() {
    // Without this every test below could pass for another reason.
    let session = verify(&valid_token()).await.unwrap();
    assert_eq!(session.session_id, "sess_38peBDVHFalEmAKIXxopM5uJSRv");
}

#[tokio::test]
async fn t5_only_three_parts_are_a_token() {
    let token = valid_token();
    let two = token.rsplit_once('.').unwrap().0.to_owned();
    for token in ["a".into(), two, format!("{token}.x"), format!("{token}.x.y"), String::new()] {
        refused(verify(&token).await, Refusal::Parts);
    }
}

#[tokio::test]
async fn t6_an_empty_signature_is_none() {
    let token = format!("{}.", signed_part(json!("RS256")));
    refused(verify(&token).await, Refusal::Signature);
}

#[tokio::test]
async fn t7_t8_the_algorithm_is_rs256_and_nothing_else() {
    let names = ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "RS256\0"];
    let odd = [json!(null), json!(256), json!(["RS256"]), json!({"RS256": 1})];
    for alg in names.into_iter().map(Value::from).chain(odd) {
        refused(verify(&format!("{}.", signed_part(alg.clone()))).await, Refusal::Algorithm);
        // The right signature changes nothing.
        refused(
            verify(&with_header(|header| drop(header.insert("alg".into(), alg)))).await,
            Refusal::Algorithm,
        );
    }
    refused(verify(&with_header(|header| drop(header.remove("alg")))).await, Refusal::Algorithm);
}

#[tokio::test]
async fn t9_t10_no_key_makes_hs256_valid() {
    let pem = KEY.pem();
    let jwk = KEY.jwk(KID).to_string();
    let keys =
        [pem.clone().into_bytes(), pem.trim_end().into(), KEY.spki(), jwk.into_bytes(), Vec::new(), vec![0]];
    for key in keys {
        let signed = signed_part(json!("HS256"));
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        refused(verify(&format!("{signed}.{}", encode(mac.as_ref()))).await, Refusal::Algorithm);
        // Nor does it pass for RS256.
        let signed = signed_part(json!("RS256"));
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        refused(verify(&format!("{signed}.{}", encode(mac.as_ref()))).await, Refusal::Signature);
    }
}

#[tokio::test]
async fn t11_right_signatures_of_other_algorithms_are_refused() {
    let mut tokens = Vec::new();
    for (alg, encoding) in [
        ("RS384", &RSA_PKCS1_SHA384 as &'static dyn aws_lc_rs::signature::RsaEncoding),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
    ] {
        let signed = signed_part(json!(alg));
        tokens.push(format!("{signed}.{}", encode(&KEY.sign_with(encoding, &signed))));
        // The same under a false name.
        let signed = signed_part(json!("RS256"));
        let token = format!("{signed}.{}", encode(&KEY.sign_with(encoding, &signed)));
        refused(verify(&token).await, Refusal::Signature);
    }
    let signed = signed_part(json!("ES256"));
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    tokens.push(format!("{signed}.{}", encode(signature.as_ref())));
    let signed = signed_part(json!("EdDSA"));
    let signature = Ed25519KeyPair::generate().unwrap().sign(signed.as_bytes());
    tokens.push(format!("{signed}.{}", encode(signature.as_ref())));
    for token in tokens {
        refused(verify(&token).await, Refusal::Algorithm);
    }
}

#[tokio::test]
async fn t12_t13_t14_keys_in_a_header_are_never_looked_at() {
    let attacker = Server::start([Told::json(200, json!({"keys": [OTHER_KEY.jwk(KID)]}))]).await;
    let members = [
        ("jwk", OTHER_KEY.jwk(KID)),
        ("jku", json!(format!("{}/jwks.json", attacker.url))),
        ("x5u", json!(format!("{}/cert.pem", attacker.url))),
        ("x5c", json!([OTHER_KEY.pem()])),
    ];
    for (name, value) in members {
        let mut header = header();
        header.insert(name.into(), value);
        // Signed by the attacker: refused. Signed by Clerk: the member changes nothing.
        refused(verify(&OTHER_KEY.token(&text(&header), &text(&claims()))).await, Refusal::Signature);
        assert!(verify(&KEY.token(&text(&header), &text(&claims()))).await.is_ok(), "{name}");
    }
    assert_eq!(attacker.seen(), 0);
}

#[tokio::test]
async fn t15_t18_a_kid_is_an_id() {
    let server = Server::start([Told::json(200, json!({"keys": [KEY.jwk(KID)]}))]).await;
    let keys = Keys::from_jwks(JwksSettings::new(&server.url)).unwrap();
    let verifier = SessionVerifier::new(rules());
    let odd = [
        json!("../../dev/null"),
        json!("/dev/null"),
        json!("| sleep 10"),
        json!("x' UNION SELECT '1';--"),
        json!("k".repeat(129)),
        json!("ins\0forged"),
        json!("ins_forged\0"),
        json!("🔑"),
        json!(""),
        json!(7),
        json!(null),
        json!([KID]),
    ];
    for kid in odd {
        let token = with_header(|header| drop(header.insert("kid".into(), kid.clone())));
        let result = verifier.verify(&token, &keys, NOW).await;
        assert_eq!(result, Err(SessionError::Unauthenticated(Refusal::KeyId)), "{kid}");
    }
    let token = with_header(|header| drop(header.remove("kid")));
    let result = verifier.verify(&token, &keys, NOW).await;
    assert_eq!(result, Err(SessionError::Unauthenticated(Refusal::KeyId)));
    // None of them was worth a fetch.
    assert_eq!(server.seen(), 0);
}

#[tokio::test]
async fn t19_t42_nothing_is_said_twice() {
    let (header, claims) = (text(&header()), text(&claims()));
    for twice in [r#""kid":"ins_forged""#, r#""alg":"none""#, r#""zzz":1,"zzz":1"#, r#""\u0061lg":"none""#] {
        let doubled = header.replacen('{', &format!("{{{twice},"), 1);
        refused(verify(&KEY.token(&doubled, &claims)).await, Refusal::Header);
    }
    for twice in [r#""sub":"user_admin""#, r#""s\u0075b":"user_admin""#, r#""exp":1"#, r#""x":1,"x":2"#] {
        let doubled = claims.replacen('{', &format!("{{{twice},"), 1);
        refused(verify(&KEY.token(&header, &doubled)).await, Refusal::Payload);
    }
}

#[tokio::test]
async fn t20_t21_t22_extensions_are_refused() {
    let members = [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("zip", json!(null)),
    ];
    for (name, value) in members {
        let token = with_header(|header| drop(header.insert(name.into(), value)));
        refused(verify(&token).await, Refusal::Extension);
    }
}

#[tokio::test]
async fn t23_t25_a_signature_is_right_to_the_last_bit() {
    let token = valid_token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for at in [0, 100, 340] {
        let mut flipped = signature.as_bytes().to_vec();
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        refused(verify(&format!("{signed}.{flipped}")).await, Refusal::Signature);
    }
    // 256 bytes leave four bits of the last character unused; other readers ignore them.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = signature.as_bytes()[signature.len() - 1];
    let value = alphabet.iter().position(|byte| *byte == last).unwrap();
    assert_eq!(value % 16, 0);
    let stray = char::from(alphabet[value + 1]);
    let token = format!("{signed}.{}{stray}", &signature[..signature.len() - 1]);
    refused(verify(&token).await, Refusal::Encoding);
    refused(verify(&format!("{signed}.{}", encode(&[0; 256]))).await, Refusal::Signature);
    refused(verify(&format!("{signed}.{}", encode(&[0xff; 256]))).await, Refusal::Signature);
}

#[tokio::test]
async fn t24_base64url_has_no_other_characters() {
    let token = valid_token();
    let parts: Vec<&str> = token.split('.').collect();
    for part in 0..3 {
        for wrong in ["=", "==", "+", "/", " ", "\n", "\r\n", "\0", "é", "%"] {
            let mut parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            parts[part].push_str(wrong);
            let refusal = verify(&parts.join(".")).await.unwrap_err();
            // A payload is decoded only once the signature is right, which it no longer is.
            let wanted = if part == 1 { Refusal::Signature } else { Refusal::Encoding };
            assert_eq!(refusal, SessionError::Unauthenticated(wanted), "part {part}, {wrong:?}");
        }
    }
    // A payload with padding, rightly signed.
    let signed = format!("{}.{}=", parts[0], parts[1]);
    let signature = KEY.sign_with(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &signed);
    refused(verify(&format!("{signed}.{}", encode(&signature))).await, Refusal::Encoding);
}

#[tokio::test]
async fn t26_another_payload_needs_another_signature() {
    let token = valid_token();
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims = claims();
    claims.insert("sub".into(), json!("user_admin"));
    let token = format!("{}.{}.{}", parts[0], encode(text(&claims).as_bytes()), parts[2]);
    refused(verify(&token).await, Refusal::Signature);
}

#[tokio::test]
async fn t27_another_instances_key_is_not_ours() {
    refused(verify(&OTHER_KEY.token(&text(&header()), &text(&claims()))).await, Refusal::Signature);
}
