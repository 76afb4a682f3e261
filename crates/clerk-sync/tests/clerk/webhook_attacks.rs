//! W1 to W17, W19 and W20: headers, times and signatures.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use clerk_sync::clerk::receive::{MAX_SIGNATURES, ReceiveError, Verified, body_digest, verify};
use clerk_sync::clerk::secret::WebhookSecrets;
use http::{HeaderMap, HeaderValue};

use crate::support::NOW;

pub(crate) const SECRET: &str = "whsec_4fEGV3usnRG5+3SJvRNfGZaECx11ApCR";
const OLD_SECRET: &str = "whsec_jZ/eQ/XXJQgI7RgUpbm4MSAWf0MRT4ep";
const BODY: &[u8] = br#"{"type":"user.updated","data":{}}"#;
const ID: &str = "msg_2xVbQmTn8RkLwZy4JcHd6Fa1Gs9";

fn mac(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed).as_ref().to_vec()
}

pub(crate) fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    format!("v1,{}", STANDARD.encode(mac(secret, id, timestamp, body)))
}

/// Three headers, rightly signed over this id and timestamp.
fn signed(id: &str, timestamp: &str) -> Vec<(&'static str, String)> {
    let signature = sign(SECRET, id, timestamp, BODY);
    vec![("svix-id", id.into()), ("svix-timestamp", timestamp.into()), ("svix-signature", signature)]
}

fn now_text() -> String {
    NOW.as_seconds().to_string()
}

fn valid() -> Vec<(&'static str, String)> {
    signed(ID, &now_text())
}

fn with_signature(signature: &str) -> Vec<(&'static str, String)> {
    let mut pairs = valid();
    pairs[2].1 = signature.into();
    pairs
}

fn check(pairs: &[(&'static str, String)]) -> Result<Verified, ReceiveError> {
    check_body(pairs, BODY)
}

fn check_body(pairs: &[(&'static str, String)], body: &[u8]) -> Result<Verified, ReceiveError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let secrets = WebhookSecrets::parse([("current", SECRET)]).unwrap();
    verify(&headers, body, &secrets, NOW)
}

fn malformed(reason: &'static str) -> Result<Verified, ReceiveError> {
    Err(ReceiveError::Malformed { reason })
}

fn unauthenticated(reason: &'static str) -> Result<Verified, ReceiveError> {
    Err(ReceiveError::Unauthenticated { reason })
}

#[test]
fn what_is_right_passes() {
    let verified = check(&valid()).unwrap();
    assert_eq!(verified.id.as_str(), ID);
    assert_eq!(verified.signed_at, NOW);
    assert_eq!(verified.secret_name, "current");
}

#[test]
fn w1_w2_three_headers_of_visible_ascii() {
    assert_eq!(check(&[]), malformed("missing_header"));
    for missing in 0..3 {
        let mut pairs = valid();
        pairs.remove(missing);
        assert_eq!(check(&pairs), malformed("missing_header"));
        for (value, reasons) in [("", ["header_text"; 3]), ("é", ["header_text"; 3])] {
            let mut pairs = valid();
            pairs[missing].1 = value.into();
            assert_eq!(check(&pairs), malformed(reasons[missing]));
        }
    }
    let mut pairs = valid();
    pairs[0].1.push('\t');
    assert_eq!(check(&pairs), malformed("delivery_id"));
}

#[test]
fn w3_a_header_comes_once() {
    for (index, other) in ["msg_other", "1", "v1,AAAA"].into_iter().enumerate() {
        let mut pairs = valid();
        let name = pairs[index].0;
        pairs.push((name, other.into()));
        assert_eq!(check(&pairs), malformed("repeated_header"));
        let mut pairs = valid();
        pairs.push(pairs[index].clone());
        assert_eq!(check(&pairs), malformed("repeated_header"), "the same twice");
    }
}

#[test]
fn w4_one_family_of_headers_only() {
    let mut pairs = valid();
    pairs[1].0 = "webhook-timestamp";
    assert_eq!(check(&pairs), malformed("mixed_headers"));
    let mut pairs = valid();
    pairs.push(("webhook-id", ID.into()));
    assert_eq!(check(&pairs), malformed("mixed_headers"));
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let standard: Vec<_> = names.into_iter().zip(valid()).map(|(name, (_, value))| (name, value)).collect();
    assert!(check(&standard).is_ok());
}

#[test]
fn w5_an_id_cannot_shift_the_boundary() {
    let long = "m".repeat(257);
    for id in ["msg.1", "msg 1", "msg\"1", "msg'1", "msg\\1", &long] {
        assert_eq!(check(&signed(id, &now_text())), malformed("delivery_id"), "{id}");
    }
    // A NUL cannot even be in a header.
    assert!(HeaderValue::from_bytes(b"msg\0").is_err());
    assert!(check(&signed(&"m".repeat(256), &now_text())).is_ok());
}

#[test]
fn w6_w7_five_minutes_either_way() {
    for (seconds, right) in
        [(-301, false), (-300, true), (-299, true), (299, true), (300, true), (301, false)]
    {
        let result = check(&signed(ID, &(NOW.as_seconds() + seconds).to_string()));
        if right {
            assert!(result.is_ok(), "{seconds}");
        } else {
            assert_eq!(result, unauthenticated("clock_skew"), "{seconds}");
        }
    }
    assert_eq!(check(&signed(ID, "0")), unauthenticated("clock_skew"));
}

#[test]
fn w8_a_timestamp_is_digits_as_they_were_signed() {
    let now = now_text();
    let odd = [
        format!("+{now}"),
        format!("0{now}"),
        format!(" {now}"),
        format!("{now} "),
        format!("-{now}"),
        format!("{now}.0"),
        "1.7e9".into(),
        "0x69787e9c".into(),
        "9223372036854775808".into(),
        format!("{now}000"),
        "00".into(),
    ];
    for timestamp in odd {
        // Rightly signed, every one of them.
        assert_eq!(check(&signed(ID, &timestamp)), malformed("timestamp"), "{timestamp:?}");
    }
}

#[test]
fn w9_w10_w11_the_signature_is_over_the_bytes() {
    let spaced = serde_json::to_string_pretty(&serde_json::from_slice::<serde_json::Value>(BODY).unwrap());
    let longer = [BODY, b" "].concat();
    for body in [spaced.unwrap().as_bytes(), &longer, b"{}", b""] {
        assert_eq!(check_body(&valid(), body), unauthenticated("signature"));
    }
}

#[test]
fn w12_a_signature_is_of_its_id_and_time() {
    let mut pairs = valid();
    pairs[0].1.push('x');
    assert_eq!(check(&pairs), unauthenticated("signature"));
    let mut pairs = valid();
    pairs[1].1 = (NOW.as_seconds() - 1).to_string();
    assert_eq!(check(&pairs), unauthenticated("signature"));
}

#[test]
fn w13_w14_w17_what_is_no_signature() {
    let right = sign(SECRET, ID, &now_text(), BODY);
    let value = right.strip_prefix("v1,").unwrap();
    let bytes = mac(SECRET, ID, &now_text(), BODY);
    let odd = [
        "v1,".into(),
        "v1,AAAA".into(),
        format!("v1,{}", &value[..8]),
        format!("v1,{}", STANDARD.encode(&bytes[..16])),
        format!("v1,{}", STANDARD.encode([bytes.as_slice(), &[0]].concat())),
        format!("v2,{value}"),
        format!("v1a,{value}"),
        format!("V1,{value}"),
        format!("v1, {value}"),
        value.to_owned(),
        format!("v1,{}", STANDARD_NO_PAD.encode(&bytes)),
        format!("v1,{}", URL_SAFE.encode([0xff; 32])),
        "v1".into(),
        ",".into(),
        " ".into(),
    ];
    for signature in odd {
        assert_eq!(check(&with_signature(&signature)), unauthenticated("signature"), "{signature}");
    }
    // The url-safe form of this very signature, where the two alphabets differ.
    let (id, url_safe) = (0..)
        .find_map(|index| {
            let id = format!("msg_{index}");
            let encoded = URL_SAFE.encode(mac(SECRET, &id, &now_text(), BODY));
            encoded.contains(['-', '_']).then_some((id, encoded))
        })
        .unwrap();
    let mut pairs = signed(&id, &now_text());
    assert!(check(&pairs).is_ok());
    pairs[2].1 = format!("v1,{url_safe}");
    assert_eq!(check(&pairs), unauthenticated("signature"));
}

#[test]
fn w15_w16_the_first_eight_signatures_are_looked_at() {
    let right = sign(SECRET, ID, &now_text(), BODY);
    let wrong = format!("v1,{}", STANDARD.encode([0; 32]));
    let after = |count: usize| format!("{}{right}", format!("{wrong} ").repeat(count));
    assert!(check(&with_signature(&after(3))).is_ok());
    assert!(check(&with_signature(&after(MAX_SIGNATURES - 1))).is_ok());
    assert_eq!(check(&with_signature(&after(MAX_SIGNATURES))), unauthenticated("signature"));
    assert_eq!(check(&with_signature(&after(10_000))), unauthenticated("signature"));
    assert!(check(&with_signature(&format!("v1a,AAAA  {right}"))).is_ok());
}

#[test]
fn w19_w20_each_listed_secret_counts_and_no_other() {
    let headers = |secret| {
        let mut headers = HeaderMap::new();
        for (name, value) in with_signature(&sign(secret, ID, &now_text(), BODY)) {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    };
    let both = WebhookSecrets::parse([("current", SECRET), ("previous", OLD_SECRET)]).unwrap();
    assert_eq!(verify(&headers(OLD_SECRET), BODY, &both, NOW).unwrap().secret_name, "previous");
    assert_eq!(verify(&headers(SECRET), BODY, &both, NOW).unwrap().secret_name, "current");
    let current = WebhookSecrets::parse([("current", SECRET)]).unwrap();
    assert_eq!(verify(&headers(OLD_SECRET), BODY, &current, NOW), unauthenticated("signature"));
    assert_eq!(both.names().collect::<Vec<_>>(), ["current", "previous"]);
}

#[test]
fn the_codes_are_the_same_for_every_reason() {
    assert_eq!(check(&[]).unwrap_err().code(), "malformed_webhook");
    assert_eq!(check_body(&valid(), b"").unwrap_err().code(), "unauthenticated");
}

#[test]
fn a_digest_is_sha_256() {
    let wanted = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let hex: String = body_digest(b"").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, wanted);
}
