//! Secrets: kept in memory only, wiped when dropped, never printed.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use zeroize::Zeroizing;

use super::pasted::PASTED_BASE64;

/// Why a secret is refused. It names the secret and the remedy, never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct InvalidSecret {
    /// Which secret, by the name it was given.
    pub name: String,
    /// What is wrong with it.
    pub problem: SecretProblem,
}

/// What is wrong with a secret, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretProblem {
    /// Nothing is left of it without its prefix.
    #[error("is empty; copy the value from the Clerk Dashboard")]
    Empty,
    /// It does not look like a secret key.
    #[error("is no Clerk secret key; it starts with sk_live_ or sk_test_ (Dashboard, API keys)")]
    NotASecretKey,
    /// What follows `whsec_` is not base64.
    #[error("is not base64 after whsec_; copy the endpoint's signing secret from the Clerk Dashboard")]
    NotBase64,
    /// The key is so short that it could be guessed.
    #[error("is shorter than 24 bytes; copy the endpoint's signing secret from the Clerk Dashboard")]
    TooShort,
    /// There is no secret at all, so no webhook could be trusted.
    #[error("no signing secret is given; set CLERK_WEBHOOK_SIGNING_SECRET")]
    Missing,
}

/// The secret key of a Clerk instance, `sk_live_…` or `sk_test_…`.
///
/// ```
/// use clerk_sync::clerk::secret::SecretKey;
/// let key = SecretKey::parse("CLERK_SECRET_KEY", "sk_test_abcdefghijklmnop").unwrap();
/// assert!(!key.is_live());
/// assert_eq!(format!("{key:?}"), "SecretKey(sk_test_…)");
/// ```
#[derive(Clone)]
pub struct SecretKey(Zeroizing<String>);

impl SecretKey {
    /// Checks `text`, white space around it ignored, and keeps it; `name` is what errors call it.
    ///
    /// # Errors
    /// When it is empty, has another prefix, or holds anything but letters, digits and `_`.
    pub fn parse(name: &str, text: &str) -> Result<Self, InvalidSecret> {
        let refuse = |problem| InvalidSecret { name: name.to_owned(), problem };
        let text = text.trim();
        if text.is_empty() {
            return Err(refuse(SecretProblem::Empty));
        }
        let rest = text.strip_prefix("sk_live_").or_else(|| text.strip_prefix("sk_test_"));
        match rest {
            Some(rest)
                if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
            {
                Ok(Self(Zeroizing::new(text.to_owned())))
            }
            _ => Err(refuse(SecretProblem::NotASecretKey)),
        }
    }

    /// Whether it belongs to a production instance.
    pub fn is_live(&self) -> bool {
        self.0.starts_with("sk_live_")
    }

    /// What may be shown of it, to tell one key from another: its kind and its last four characters.
    ///
    /// ```
    /// use clerk_sync::clerk::secret::SecretKey;
    /// let key = SecretKey::parse("CLERK_SECRET_KEY", "sk_test_abcdefghijklmnop").unwrap();
    /// assert_eq!(key.hint(), "sk_test_…mnop");
    /// ```
    pub fn hint(&self) -> String {
        let kind = if self.is_live() { "sk_live_" } else { "sk_test_" };
        // Of a short one the end would be too much of it.
        let end = self.0.len().checked_sub(4).filter(|end| *end >= 20).and_then(|end| self.0.get(end..));
        format!("{kind}…{}", end.unwrap_or_default())
    }

    /// The key itself, for the one header it goes into.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_live() { "SecretKey(sk_live_…)" } else { "SecretKey(sk_test_…)" })
    }
}

/// The signing secrets of webhook endpoints, each with a name for logs and metrics.
///
/// A list, so that a secret can be rotated without a gap: Clerk signs with the old and the new one for
/// 24 hours, and both sides may change at their own time.
#[derive(Debug, Clone)]
pub struct WebhookSecrets(Vec<WebhookSecret>);

/// One signing secret.
#[derive(Clone)]
pub(super) struct WebhookSecret {
    pub(super) name: String,
    pub(super) key: hmac::Key,
}

impl WebhookSecrets {
    /// The shortest key accepted, in bytes; Svix makes keys of 24 to 75.
    pub const MIN_BYTES: usize = 24;

    /// Checks each `(name, secret)`; secrets may come with or without `whsec_`, and with white space around.
    ///
    /// ```
    /// use clerk_sync::clerk::secret::WebhookSecrets;
    /// assert!(WebhookSecrets::parse([("current", "whsec_4fEGV3usnRG5+3SJvRNfGZaECx11ApCR")]).is_ok());
    /// let error = WebhookSecrets::parse([("current", "whsec_c2hvcnQ=")]).unwrap_err();
    /// assert!(error.to_string().starts_with("current: is shorter than 24 bytes"));
    /// ```
    ///
    /// # Errors
    /// When there is none, or one is empty, not base64, or under 24 bytes.
    pub fn parse<'a>(named: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, InvalidSecret> {
        let secrets = named.into_iter().map(|(name, text)| WebhookSecret::parse(name, text));
        let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
        if secrets.is_empty() {
            let name = String::from("webhook secrets");
            return Err(InvalidSecret { name, problem: SecretProblem::Missing });
        }
        Ok(Self(secrets))
    }

    /// The names, in the order given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|secret| secret.name.as_str())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &WebhookSecret> {
        self.0.iter()
    }
}

impl WebhookSecret {
    fn parse(name: &str, text: &str) -> Result<Self, InvalidSecret> {
        let refuse = |problem| InvalidSecret { name: name.to_owned(), problem };
        let text = text.trim();
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        if encoded.is_empty() {
            return Err(refuse(SecretProblem::Empty));
        }
        let bytes = PASTED_BASE64.decode(encoded).map_err(|_| refuse(SecretProblem::NotBase64))?;
        let bytes = Zeroizing::new(bytes);
        if bytes.len() < WebhookSecrets::MIN_BYTES {
            return Err(refuse(SecretProblem::TooShort));
        }
        Ok(Self { name: name.to_owned(), key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) })
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSecret({}, …)", self.name)
    }
}
