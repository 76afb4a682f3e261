use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;

use crate::{ParseError, Profile, UserId};

/// A role in the app: 1 to 32 lower-case letters, digits, `-` or `_`. Roles are ours, not Clerk's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(String);

impl Role {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// When it is empty, over 32 characters or holds another character.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if text.is_empty() || text.len() > 32 || !text.bytes().all(plain) {
            return Err(ParseError::new("a role has 1 to 32 lower-case letters, digits, - or _"));
        }
        Ok(Self(text.into()))
    }

    /// The role of administrators.
    pub fn admin() -> Self {
        Self("admin".into())
    }

    /// The role of everybody else.
    pub fn user() -> Self {
        Self("user".into())
    }

    /// The role as a word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a new record gets its role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RolePolicy {
    /// Records have no role.
    None,
    /// The very first record becomes `admin`, by a claim in the database only one record can win; all
    /// others become `user`.
    #[default]
    FirstUserAdmin,
    /// The listed users become `admin`, all others `user`.
    AllowList {
        /// By Clerk id.
        ids: BTreeSet<UserId>,
        /// By verified e-mail address, lower-cased.
        emails: BTreeSet<String>,
    },
    /// `public_metadata` names the role in this field; without it, `user`. Never `unsafe_metadata`: the
    /// user can write that.
    PublicMetadata {
        /// Name of the top-level field.
        field: String,
    },
}

impl RolePolicy {
    /// The role that follows from the profile alone; the first-admin claim is [`decide`](crate::decide)'s.
    pub(crate) fn role(&self, id: &UserId, profile: &Profile) -> Option<Role> {
        match self {
            Self::None => None,
            Self::FirstUserAdmin => Some(Role::user()),
            Self::AllowList { ids, emails } => {
                let by_email = profile
                    .email
                    .as_ref()
                    .is_some_and(|claim| claim.verified && emails.contains(claim.address.key()));
                Some(if ids.contains(id) || by_email { Role::admin() } else { Role::user() })
            }
            Self::PublicMetadata { field } => {
                let metadata: Option<serde_json::Value> = serde_json::from_str(&profile.public_metadata).ok();
                let word = metadata.as_ref().and_then(|json| json.get(field)).and_then(|role| role.as_str());
                Some(word.and_then(|word| Role::parse(word).ok()).unwrap_or_else(Role::user))
            }
        }
    }
}
