use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clerk_sync::clerk::keys::Keys;
use clerk_sync::clerk::session::{Refusal, Session, SessionError, SessionRules, SessionVerifier};
use clerk_sync_core::Timestamp;
use serde_json::{Map, Value, json};

use super::{NOW, USER};

pub(crate) const KID: &str = "ins_forged";
pub(crate) const ISSUER: &str = "https://clerk.example.com";
pub(crate) const ORIGIN: &str = "https://app.example.com";

/// The instance's key.
pub(crate) static KEY: LazyLock<Signer> = LazyLock::new(Signer::generate);
/// Somebody else's.
pub(crate) static OTHER_KEY: LazyLock<Signer> = LazyLock::new(Signer::generate);

pub(crate) struct Signer(pub(crate) RsaKeyPair);

impl Signer {
    pub(crate) fn generate() -> Self {
        Self(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn sign_with(&self, encoding: &'static dyn RsaEncoding, message: &str) -> Vec<u8> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        signature
    }

    /// A token with these texts as header and payload, rightly signed.
    pub(crate) fn token(&self, header: &str, payload: &str) -> String {
        self.token_of_bytes(header.as_bytes(), payload.as_bytes())
    }

    pub(crate) fn token_of_bytes(&self, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = self.sign_with(&RSA_PKCS1_SHA256, &signed);
        format!("{signed}.{}", encode(&signature))
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        der.as_ref().to_vec()
    }

    pub(crate) fn pem(&self) -> String {
        let body = STANDARD.encode(self.spki());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let public = self.0.public_key();
        let n = encode(public.modulus().big_endian_without_leading_zero());
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": "AQAB"})
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A header as Clerk writes it.
pub(crate) fn header() -> Map<String, Value> {
    let header = json!({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": KID, "typ": "JWT", "oiat": 1});
    header.as_object().unwrap().clone()
}

/// Claims as Clerk writes them, for a token fresh at `now`.
pub(crate) fn claims_at(now: Timestamp) -> Map<String, Value> {
    let now = now.as_seconds();
    let claims = json!({
        "azp": ORIGIN, "exp": now + 50, "fva": [1, -1], "iat": now - 10, "iss": ISSUER, "nbf": now - 20,
        "sid": "sess_38peBDVHFalEmAKIXxopM5uJSRv", "sts": "active", "sub": USER, "v": 2,
    });
    claims.as_object().unwrap().clone()
}

pub(crate) fn claims() -> Map<String, Value> {
    claims_at(NOW)
}

pub(crate) fn text(members: &Map<String, Value>) -> String {
    Value::Object(members.clone()).to_string()
}

/// A valid token, and what `change` makes of its header.
pub(crate) fn with_header(change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let mut header = header();
    change(&mut header);
    KEY.token(&text(&header), &text(&claims()))
}

/// A valid token, and what `change` makes of its claims.
pub(crate) fn with_claims(change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let mut claims = claims();
    change(&mut claims);
    KEY.token(&text(&header()), &text(&claims))
}

pub(crate) fn with_claim(name: &str, value: Value) -> String {
    with_claims(|claims| {
        claims.insert(name.to_owned(), value);
    })
}

pub(crate) fn without_claim(name: &str) -> String {
    with_claims(|claims| {
        claims.remove(name).unwrap();
    })
}

pub(crate) fn valid_token_at(now: Timestamp) -> String {
    KEY.token(&text(&header()), &text(&claims_at(now)))
}

pub(crate) fn valid_token() -> String {
    valid_token_at(NOW)
}

pub(crate) fn rules() -> SessionRules {
    SessionRules { authorized_parties: vec![ORIGIN.into()], ..SessionRules::new(ISSUER) }
}

pub(crate) fn pem_keys() -> Keys {
    Keys::from_pem(&KEY.pem()).unwrap()
}

/// What a fresh verifier with the PEM says of `token` at [`NOW`].
pub(crate) async fn verify(token: &str) -> Result<Session, SessionError> {
    let verifier = SessionVerifier::new(rules());
    verifier.verify(token, &pem_keys(), NOW).await.map(|session| (*session).clone())
}

/// Asserts that `token` breaks exactly this rule.
#[track_caller]
pub(crate) fn refused(result: Result<Session, SessionError>, refusal: Refusal) {
    assert_eq!(result.map(|_| ()), Err(SessionError::Unauthenticated(refusal)));
}
