//! The publishable key: where a Clerk instance's Frontend API is.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::pasted::PASTED_BASE64;

/// Why a text is no publishable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no publishable key; it is pk_live_… or pk_test_… (Clerk Dashboard, API keys)")]
pub struct InvalidPublishableKey;

/// Which kind of instance a key belongs to. Users and ids of the two are separate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceType {
    /// `pk_live_…`
    Production,
    /// `pk_test_…`
    Development,
}

/// A publishable key: `pk_live_` or `pk_test_` and the base64 of the Frontend API's host and a `$`.
///
/// ```
/// use clerk_sync::clerk::{InstanceType, PublishableKey};
/// let key = PublishableKey::parse("pk_live_Y2xlcmsuZXhhbXBsZS5jb20k").unwrap();
/// assert_eq!(key.frontend_api_host(), "clerk.example.com");
/// assert_eq!(key.issuer(), "https://clerk.example.com");
/// assert_eq!(key.instance_type(), InstanceType::Production);
/// assert_eq!(key.cookie_suffix(), "naoXFJnI");
/// ```
///
/// It is public: every page that uses Clerk shows it. The rules are those of `parsePublishableKey` and
/// `getCookieSuffix` in npm `@clerk/shared` 4.41.0.
#[derive(Clone, PartialEq, Eq)]
pub struct PublishableKey {
    text: String,
    host: String,
    instance_type: InstanceType,
}

impl PublishableKey {
    /// Checks `text` and keeps it exactly as it is.
    ///
    /// # Errors
    /// When it has not three parts, or does not decode to a host with a dot and one `$` at the end.
    pub fn parse(text: &str) -> Result<Self, InvalidPublishableKey> {
        let mut parts = text.split('_');
        let (Some("pk"), Some(kind), Some(encoded), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidPublishableKey);
        };
        let instance_type = match kind {
            "live" => InstanceType::Production,
            "test" => InstanceType::Development,
            _ => return Err(InvalidPublishableKey),
        };
        let decoded = PASTED_BASE64.decode(encoded).map_err(|_| InvalidPublishableKey)?;
        let decoded = String::from_utf8(decoded).map_err(|_| InvalidPublishableKey)?;
        let host = decoded.strip_suffix('$').ok_or(InvalidPublishableKey)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':');
        if !host.contains('.') || !host.bytes().all(plain) {
            return Err(InvalidPublishableKey);
        }
        Ok(Self { text: text.to_owned(), host: host.to_owned(), instance_type })
    }

    /// The key as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host of the instance's Frontend API.
    pub fn frontend_api_host(&self) -> &str {
        &self.host
    }

    /// Which kind of instance it belongs to.
    pub fn instance_type(&self) -> InstanceType {
        self.instance_type
    }

    /// What session tokens of this instance name as their issuer.
    pub fn issuer(&self) -> String {
        format!("https://{}", self.host)
    }

    /// Where the instance publishes its signing keys, no secret needed.
    pub fn jwks_url(&self) -> String {
        format!("https://{}/.well-known/jwks.json", self.host)
    }

    /// What Clerk appends to the names of this instance's cookies: the first eight characters of the
    /// base64url of the SHA-1 of the key, exactly as configured.
    pub fn cookie_suffix(&self) -> String {
        // SHA-1 only names a cookie here; nothing is protected by it.
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, self.text.as_bytes());
        let mut suffix = URL_SAFE_NO_PAD.encode(digest);
        suffix.truncate(8);
        suffix
    }
}

impl fmt::Debug for PublishableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublishableKey({})", self.host)
    }
}
