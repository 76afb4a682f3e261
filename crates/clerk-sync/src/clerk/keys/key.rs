use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;

use crate::clerk::pasted::PASTED_BASE64;

/// Sizes of a modulus accepted, in bytes.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The only exponent accepted, 65537: all of Clerk's keys have it, and small ones invite forgeries.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// Why a text is no public key we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPublicKey {
    /// Not the PEM of a public key.
    #[error("no PEM public key; CLERK_JWT_KEY begins with -----BEGIN PUBLIC KEY----- (Dashboard, API keys)")]
    NotPem,
    /// A key, but not RSA with 2048 to 8192 bits.
    #[error("not an RSA public key of 2048 to 8192 bits")]
    NotRsa,
}

/// An RSA key for RS256, parsed once.
pub(in crate::clerk) struct VerifyingKey {
    parsed: ParsedPublicKey,
}

impl VerifyingKey {
    /// Whether `signature` is one of RS256 over `message`.
    pub(in crate::clerk) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }

    /// Whether the two are the same key.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.parsed.as_ref() == other.parsed.as_ref()
    }

    /// From modulus and exponent, big-endian.
    pub(super) fn from_components(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let significant = modulus.first().is_some_and(|byte| *byte >= 0x80);
        if !significant || !MODULUS_BYTES.contains(&modulus.len()) || exponent != EXPONENT {
            return None;
        }
        let components = RsaPublicKeyComponents { n: modulus, e: exponent };
        let parsed = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
        Some(Self { parsed })
    }
}

/// The key in a PEM, whose line breaks may be written as the two characters `\n`.
pub(super) fn pem(text: &str) -> Result<VerifyingKey, InvalidPublicKey> {
    let text = text.replace("\\n", "\n");
    let inner = text.trim().strip_prefix("-----BEGIN PUBLIC KEY-----");
    let inner = inner.and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
    let encoded: String = inner.ok_or(InvalidPublicKey::NotPem)?.split_whitespace().collect();
    let der = PASTED_BASE64.decode(encoded).map_err(|_| InvalidPublicKey::NotPem)?;
    // This reader takes nothing but RSA of the sizes wanted; the parser below would put off the size.
    PublicEncryptingKey::from_der(&der).map_err(|_| InvalidPublicKey::NotRsa)?;
    let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der);
    Ok(VerifyingKey { parsed: parsed.map_err(|_| InvalidPublicKey::NotRsa)? })
}
