//! The keys that prove session tokens: one given as PEM, or those the instance publishes.

mod jwks;
mod key;
mod key_set;
mod settings;

use std::fmt;
use std::sync::Arc;

use clerk_sync_core::Timestamp;

use jwks::Jwks;
pub use key::InvalidPublicKey;
use key::{VerifyingKey, pem};
pub use settings::{JwksSettings, JwksStatus};

use super::transport::ConnectError;

/// Where the keys come from.
///
/// With a PEM (`CLERK_JWT_KEY`) nothing is fetched and a token's `kid` is not compared, as in Clerk's SDK; after
/// a rotation the setting must change. With a JWKS keys are found by `kid`, and a new key is fetched when a
/// token names one.
pub struct Keys(Origin);

enum Origin {
    Pem(Arc<VerifyingKey>),
    Jwks(Box<Jwks>),
}

impl Keys {
    /// From an RSA public key as PEM, with real line breaks or with the two characters `\n`.
    ///
    /// # Errors
    /// When it is no `BEGIN PUBLIC KEY` with an RSA key of 2048 to 8192 bits.
    pub fn from_pem(text: &str) -> Result<Self, InvalidPublicKey> {
        Ok(Self(Origin::Pem(Arc::new(pem(text)?))))
    }

    /// From the JWKS at an address. Nothing is fetched yet.
    ///
    /// # Errors
    /// When the address is none we would ask, or the HTTP client cannot be built.
    pub fn from_jwks(settings: JwksSettings) -> Result<Self, ConnectError> {
        Ok(Self(Origin::Jwks(Box::new(Jwks::new(settings)?))))
    }

    /// Fetches the keys if that is due, so that the first request need not wait for them. Whether there are
    /// keys now.
    pub async fn prepare(&self, now: Timestamp) -> bool {
        match &self.0 {
            Origin::Pem(_) => true,
            Origin::Jwks(jwks) => jwks.prepare(now).await,
        }
    }

    /// How the JWKS is doing; `None` with a PEM.
    pub fn jwks_status(&self, now: Timestamp) -> Option<JwksStatus> {
        match &self.0 {
            Origin::Pem(_) => None,
            Origin::Jwks(jwks) => Some(jwks.status(now)),
        }
    }

    /// Whether the JWKS has a key with this `kid`; `None` with a PEM, and while there is no set.
    pub fn has_key_id(&self, key_id: &str, now: Timestamp) -> Option<bool> {
        match &self.0 {
            Origin::Pem(_) => None,
            Origin::Jwks(jwks) => jwks.with_set(now, |set| set.find(key_id).is_some()),
        }
    }

    /// Whether the key of `pem` is one of the JWKS; `None` where one of the two is something else, and while
    /// there is no set.
    pub fn has_key_of(&self, pem: &Self, now: Timestamp) -> Option<bool> {
        match (&self.0, &pem.0) {
            (Origin::Jwks(jwks), Origin::Pem(key)) => jwks.with_set(now, |set| set.has(key)),
            _ => None,
        }
    }

    /// The generation of the keys, where they may be used at `now` without looking for newer ones first.
    pub(super) fn settled_generation(&self, now: Timestamp) -> Option<u64> {
        match &self.0 {
            Origin::Pem(_) => Some(0),
            Origin::Jwks(jwks) => jwks.settled_generation(now),
        }
    }

    /// The key for a token with this `kid`.
    pub(super) async fn key(&self, key_id: Option<&str>, now: Timestamp) -> Result<FoundKey, NoKey> {
        match &self.0 {
            Origin::Pem(key) => Ok(FoundKey { key: Arc::clone(key), generation: 0 }),
            Origin::Jwks(jwks) => jwks.key(key_id.ok_or(NoKey::KeyId)?, now).await,
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Origin::Pem(_) => "Keys(PEM)",
            Origin::Jwks(_) => "Keys(JWKS)",
        })
    }
}

/// A key, and the generation of the set it is in.
pub(super) struct FoundKey {
    pub(super) key: Arc<VerifyingKey>,
    pub(super) generation: u64,
}

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The `kid` is missing, or is none Clerk would give.
    KeyId,
    /// The set is newer than the request and has no such key.
    Unknown,
    /// Whether there is such a key cannot be told now.
    Unavailable { retry_after_ms: u64 },
}
