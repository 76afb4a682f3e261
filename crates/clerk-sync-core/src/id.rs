use alloc::string::String;
use core::fmt;

use crate::ParseError;

/// The longest id accepted, in bytes. Clerk's own are 32.
const MAX_ID_BYTES: usize = 128;

/// Clerk's id of a user: `user_` and then letters, digits or `_`.
///
/// Clerk's own are `user_` and 27 base62 characters; the length is not held against them, since no
/// document promises it.
///
/// ```
/// use clerk_sync_core::UserId;
/// assert!(UserId::parse("user_38peB5uMEQeCed7i5Nq9Ifj6Kd2").is_ok());
/// assert!(UserId::parse("mch_38peB5uMEQeCed7i5Nq9Ifj6Kd2").is_err());
/// assert!(UserId::parse("user_'; DROP TABLE").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl UserId {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// When it does not start with `user_`, has nothing after it, is over 128 bytes, or holds a character
    /// that is no ASCII letter, digit or `_`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let rest = text.strip_prefix("user_").ok_or(ParseError::new("a user id starts with user_"))?;
        if rest.is_empty() || text.len() > MAX_ID_BYTES {
            return Err(ParseError::new("a user id has 6 to 128 characters"));
        }
        if !rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(ParseError::new("a user id has only letters, digits and _"));
        }
        Ok(Self(text.into()))
    }

    /// The id as Clerk writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What comes after `user_`.
    pub fn suffix(&self) -> &str {
        self.0.strip_prefix("user_").unwrap_or(&self.0)
    }

    /// The last eight characters, from which a username is derived when Clerk has none.
    pub fn last8(&self) -> &str {
        let suffix = self.suffix();
        suffix.get(suffix.len().saturating_sub(8)..).unwrap_or(suffix)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a webhook message (`svix-id`): the same for every attempt, retry and resend, so it is the
/// idempotency key.
///
/// The signature covers `id.timestamp.body`; an id with a dot in it could shift that boundary, so it is
/// refused, as are white space, quotes and anything not printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// The longest id accepted, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// When it is empty, over 256 bytes, or holds a dot, white space, a quote, a backslash or a character
    /// that is not printable ASCII.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(ParseError::new("a delivery id has 1 to 256 characters"));
        }
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'.' | b'"' | b'\'' | b'\\');
        if !text.bytes().all(plain) {
            return Err(ParseError::new("a delivery id has only printable characters, no dot, no quote"));
        }
        Ok(Self(text.into()))
    }

    /// The id as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
