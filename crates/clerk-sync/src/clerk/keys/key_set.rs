use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;

use super::key::VerifyingKey;
use crate::clerk::json::{Members, exact_text};

/// The most entries a set may have; Clerk's has one, and two while rotating.
const MAX_KEYS: usize = 32;

/// The longest `kid`, in bytes; Clerk's is the id of the instance.
const MAX_KEY_ID_BYTES: usize = 128;

/// Members only a private or secret key has.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Keys by `kid`, never empty.
pub(super) struct KeySet(BTreeMap<String, Arc<VerifyingKey>>);

impl KeySet {
    /// Reads a JWKS. Keys of kinds we do not use are skipped, as the schema allows them; a set that is not
    /// what an instance publishes is refused whole, and the one before stays.
    pub(super) fn read(body: &[u8]) -> Result<Self, &'static str> {
        let json = std::str::from_utf8(body).map_err(|_| "not UTF-8")?;
        let set = Members::read(json).ok_or("no JSON object")?;
        let list = set.member("keys").ok_or("no keys")?;
        let entries = serde_json::from_str::<Vec<&RawValue>>(list.get()).map_err(|_| "keys is no list")?;
        if entries.len() > MAX_KEYS {
            return Err("more than 32 keys");
        }
        let mut keys = BTreeMap::new();
        for entry in entries {
            let Some((key_id, key)) = signing_key(entry) else { continue };
            if keys.insert(key_id, Arc::new(key)).is_some() {
                return Err("two keys with one kid");
            }
        }
        if keys.is_empty() { Err("no key we use") } else { Ok(Self(keys)) }
    }

    pub(super) fn find(&self, key_id: &str) -> Option<&Arc<VerifyingKey>> {
        self.0.get(key_id)
    }

    /// Whether `key` is in it, under whatever name.
    pub(super) fn has(&self, key: &VerifyingKey) -> bool {
        self.0.values().any(|known| known.is_same(key))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the two hold the same keys under the same names.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(other.0.iter());
        self.0.len() == other.0.len()
            && pairs.all(|((name, key), (other_name, other))| name == other_name && key.is_same(other))
    }
}

/// Whether `key_id` could be Clerk's: an id, not a path, a query or a novel.
pub(super) fn is_plausible_key_id(key_id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=MAX_KEY_ID_BYTES).contains(&key_id.len()) && key_id.bytes().all(plain)
}

/// The entry as a key for RS256, if it is one.
fn signing_key(entry: &RawValue) -> Option<(String, VerifyingKey)> {
    let members = Members::read(entry.get())?;
    let member = |name| exact_text(members.member(name));
    let absent_or = |name: &str, wanted: &str| {
        members.member(name).is_none_or(|raw| exact_text(Some(raw)).as_deref() == Some(wanted))
    };
    let usable =
        member("kty").as_deref() == Some("RSA") && absent_or("use", "sig") && absent_or("alg", "RS256");
    if !usable || PRIVATE.iter().any(|name| members.member(name).is_some()) {
        return None;
    }
    let key_id = member("kid").filter(|key_id| is_plausible_key_id(key_id))?;
    let decode = |name| URL_SAFE_NO_PAD.decode(member(name)?).ok();
    Some((key_id, VerifyingKey::from_components(&decode("n")?, &decode("e")?)?))
}
