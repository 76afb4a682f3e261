//! The instance's RSA key: signs tokens, and shows its public half as JWK and PEM.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// An RSA-2048 key pair with the instance id as its `kid`. The key is random: it does not follow from the seed.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pair: RsaKeyPair,
    kid: String,
    pem: String,
}

impl SigningKey {
    pub(crate) fn generate(kid: &str) -> Result<Self, Unspecified> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        let pem = pem(der.as_ref());
        Ok(Self { pair, kid: kid.to_owned(), pem })
    }

    /// The public key as SPKI in PEM, as Clerk's Dashboard shows it.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The public key as a JSON Web Key Set.
    pub(crate) fn jwks(&self) -> Value {
        let key = self.pair.public_key();
        let n = URL_SAFE_NO_PAD.encode(key.modulus().big_endian_without_leading_zero());
        let e = URL_SAFE_NO_PAD.encode(key.exponent().big_endian_without_leading_zero());
        json!({"keys": [{"use": "sig", "kty": "RSA", "kid": self.kid, "alg": "RS256", "n": n, "e": e}]})
    }

    /// A compact JWT. `header` is completed with `alg`, `kid` and `typ`.
    pub(crate) fn sign(&self, mut header: Value, claims: &Value) -> Result<String, Unspecified> {
        header["alg"] = json!("RS256");
        header["kid"] = json!(self.kid);
        header["typ"] = json!("JWT");
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END PUBLIC KEY-----\n");
    text
}
