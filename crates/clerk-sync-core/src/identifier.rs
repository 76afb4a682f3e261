use alloc::string::{String, ToString};
use core::fmt;

use crate::ParseError;

/// An e-mail address as Clerk gives it, with the form it is unique by.
///
/// Clerk does not document how it folds letter case, so the address is stored as given and compared
/// lower-cased. It never prints itself in `Debug`: addresses do not belong in logs.
///
/// ```
/// use clerk_sync_core::EmailAddress;
/// let email = EmailAddress::parse("Ada@Example.com").unwrap();
/// assert_eq!(email.as_str(), "Ada@Example.com");
/// assert_eq!(email.key(), "ada@example.com");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress {
    given: String,
    key: String,
}

impl EmailAddress {
    /// The longest address accepted, in bytes: 64 before the `@`, 255 after it.
    pub const MAX_BYTES: usize = 320;

    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// When it is empty, over 320 bytes, without `@`, or holds a control character. Whether mail reaches it
    /// is Clerk's business, not ours.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(ParseError::new("an e-mail address has 1 to 320 bytes"));
        }
        if !text.contains('@') || text.chars().any(char::is_control) {
            return Err(ParseError::new("an e-mail address has an @ and no control characters"));
        }
        Ok(Self { given: text.to_string(), key: text.to_lowercase() })
    }

    /// The address as given.
    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// The lower-cased address, which is what has to be unique.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

/// A username, given by Clerk or derived by us, with the lower-cased form it is unique by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username {
    given: String,
    key: String,
}

impl Username {
    /// The longest username accepted, in bytes. Clerk's default limit is 64 characters, of up to four bytes.
    pub const MAX_BYTES: usize = 256;

    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// When it is blank, over 256 bytes or holds a control character.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.trim().is_empty() || text.len() > Self::MAX_BYTES {
            return Err(ParseError::new("a username has 1 to 256 bytes and is not blank"));
        }
        if text.chars().any(char::is_control) {
            return Err(ParseError::new("a username has no control characters"));
        }
        Ok(Self { given: text.to_string(), key: text.to_lowercase() })
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// The lower-cased name, which is what has to be unique.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Username(…)")
    }
}
