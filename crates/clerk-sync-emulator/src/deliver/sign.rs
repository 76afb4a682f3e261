//! Svix's signature scheme (Svix docs, "Verifying payloads manually").

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The shortest and longest key Svix's server accepts, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=75;

/// A webhook secret that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the webhook secret must be `whsec_` and the base64 of 24 to 75 bytes")]
pub struct InvalidSecret;

/// The key of one endpoint.
#[derive(Debug)]
pub(crate) struct WebhookKey(hmac::Key);

impl WebhookKey {
    pub(crate) fn parse(secret: &str) -> Result<Self, InvalidSecret> {
        let key = decode(secret).ok_or(InvalidSecret)?;
        if KEY_BYTES.contains(&key.len()) { Ok(Self::new(&key)) } else { Err(InvalidSecret) }
    }

    fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The value of `svix-signature` for a message sent at `timestamp_s` (Unix seconds).
    pub(crate) fn sign(&self, message_id: &str, timestamp_s: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{message_id}.{timestamp_s}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

fn decode(secret: &str) -> Option<Vec<u8>> {
    STANDARD.decode(secret.strip_prefix("whsec_")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_svix_published_vector() {
        // Shorter than a real endpoint's key, so it cannot go through `parse`.
        let key = WebhookKey::new(&decode("whsec_plJ3nmyCDGBKInavdOK15jsl").unwrap());
        let body = br#"{"event_type":"ping","data":{"success":true}}"#;
        let signature = key.sign("msg_loFOjxBNrRLzqYUf", 1_731_705_121, body);
        assert_eq!(signature, "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=");
    }

    /// Every case of the recorded vectors that a verifier must accept under a lone `v1` signature.
    #[test]
    fn agrees_with_every_accepted_vector() {
        let file =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/clerk/vectors/webhook-signatures.json");
        let vectors: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let mut agreed = 0;
        for case in vectors["cases"].as_array().unwrap() {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let signatures = text(&case["headers"]["svix-signature"]);
            let timestamp: Result<i64, _> = text(&case["headers"]["svix-timestamp"]).parse();
            let (Some(key), Ok(timestamp)) = (decode(&text(&case["secret"])), timestamp) else {
                continue;
            };
            if case["expect"] == "accept" && !text(&case["headers"]["svix-id"]).is_empty() {
                let made = WebhookKey::new(&key).sign(
                    &text(&case["headers"]["svix-id"]),
                    timestamp,
                    text(&case["body"]).as_bytes(),
                );
                assert!(signatures.split(' ').any(|it| it == made), "{}", case["name"]);
                agreed += 1;
            }
        }
        assert!(agreed >= 5, "only {agreed} vectors were usable");
    }

    #[test]
    fn refuses_secrets_nobody_should_sign_with() {
        for secret in ["", "whsec_", "whsec_AAAA", "plJ3nmyCDGBKInavdOK15jsl", "whsec_!!!!"] {
            assert_eq!(WebhookKey::parse(secret).unwrap_err(), InvalidSecret, "{secret}");
        }
    }
}
