//! What Clerk would send: users, events and session tokens, rightly signed.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clerk_sync::clerk::keys::Keys;
use clerk_sync::clerk::secret::WebhookSecrets;
use clerk_sync_core::Timestamp;
use http::HeaderMap;
use serde_json::{Value, json};

pub(crate) const INSTANCE: &str = "ins_ours";
pub(crate) const ISSUER: &str = "https://clerk.example.com";
/// The signing secret of the webhook endpoint, planted to be looked for in answers and logs.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5";

/// The key the instance signs session tokens with; made anew for each run.
static KEY: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

pub(crate) fn keys() -> Keys {
    let der: PublicKeyX509Der<'_> = KEY.public_key().as_der().unwrap();
    let body = STANDARD.encode(der.as_ref());
    Keys::from_pem(&format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")).unwrap()
}

pub(crate) fn webhook_secrets() -> WebhookSecrets {
    WebhookSecrets::parse([("current", WEBHOOK_SECRET)]).unwrap()
}

/// A session token for `user_<name>` fresh at `now`, with `extra` claims over Clerk's own.
pub(crate) fn token_with(name: &str, now: Timestamp, extra: Value) -> String {
    let header = json!({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": "ins_key", "typ": "JWT"});
    let now = now.as_seconds();
    let mut claims = json!({
        "azp": "https://app.example.com", "exp": now + 60, "iat": now, "iss": ISSUER, "nbf": now - 10,
        "sid": "sess_1", "sts": "active", "sub": format!("user_{name}"), "v": 2,
    });
    for (name, value) in extra.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let mut signature = vec![0; KEY.public_modulus_len()];
    KEY.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The headers of a request with that token.
pub(crate) fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers
}

/// The headers of a webhook with this body, rightly signed at `now`.
pub(crate) fn webhook_headers(id: &str, body: &str, now: Timestamp) -> HeaderMap {
    let secret = STANDARD.decode(WEBHOOK_SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let seconds = now.as_seconds();
    let mac = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    let mut headers = HeaderMap::new();
    headers.insert("svix-id", id.parse().unwrap());
    headers.insert("svix-timestamp", seconds.to_string().parse().unwrap());
    headers.insert("svix-signature", format!("v1,{}", STANDARD.encode(mac.as_ref())).parse().unwrap());
    headers
}

/// A user as Clerk has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) first: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) verified: bool,
    pub(crate) banned: bool,
    pub(crate) locked: bool,
    pub(crate) deprovisioned: bool,
    /// `updated_at` as JSON.
    pub(crate) version: Value,
}

impl Person {
    /// A user called `name`, with a verified address of that name, changed last at `now`.
    pub(crate) fn new(name: &str, now: Timestamp) -> Self {
        Self {
            name: name.into(),
            email: Some(format!("{name}@example.com")),
            verified: true,
            version: json!(now.as_millis()),
            ..Self::default()
        }
    }

    /// The User object.
    pub(crate) fn user(&self) -> Value {
        let status = if self.verified { "verified" } else { "unverified" };
        let emails = self.email.iter().map(
            |address| json!({"id": "idn_1", "email_address": address, "verification": {"status": status}}),
        );
        json!({
            "id": format!("user_{}", self.name), "object": "user", "first_name": self.first,
            "username": self.username, "primary_email_address_id": "idn_1",
            "email_addresses": emails.collect::<Vec<_>>(), "phone_numbers": [], "public_metadata": {},
            "banned": self.banned, "locked": self.locked, "deprovisioned": self.deprovisioned,
            "created_at": 1_700_000_000_000_i64, "updated_at": self.version, "last_sign_in_at": null,
        })
    }

    /// The event that tells of it.
    pub(crate) fn event(&self, event_type: &str, now: Timestamp) -> String {
        event(event_type, &self.user(), now)
    }
}

/// An event of our instance.
pub(crate) fn event(event_type: &str, data: &Value, now: Timestamp) -> String {
    let now = now.as_millis();
    json!({"data": data, "instance_id": INSTANCE, "object": "event", "timestamp": now, "type": event_type})
        .to_string()
}

pub(crate) fn deleted_event(name: &str, now: Timestamp) -> String {
    let data = json!({"deleted": true, "id": format!("user_{name}"), "object": "user"});
    event("user.deleted", &data, now)
}
