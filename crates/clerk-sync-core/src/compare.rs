//! A record meets what Clerk shows of its user, field by field.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use crate::decide::username_candidates;
use crate::{EmailAddress, Entry, Record, Snapshot, Username, View};

/// A field of a record that comes from Clerk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The primary e-mail address: the claim, and the column unless a higher claim of another record holds it.
    Email,
    /// Whether that address is verified.
    EmailVerified,
    /// The username: given, or derived where Clerk has none.
    Username,
    /// First name.
    FirstName,
    /// Last name.
    LastName,
    /// Address of the picture.
    ImageUrl,
    /// The primary phone number.
    Phone,
    /// The id the app gave the user in Clerk.
    ExternalId,
    /// Public metadata.
    PublicMetadata,
    /// Banned.
    Banned,
    /// Locked.
    Locked,
    /// Removed by the company's directory.
    Deprovisioned,
    /// When the user was created.
    CreatedAt,
    /// Clerk's version.
    UpdatedAt,
    /// The latest sign-in; later than Clerk's is no difference, since a webhook may tell of it first.
    LastSignInAt,
}

impl Field {
    /// Every field there is.
    pub const ALL: [Self; 15] = [
        Self::Email,
        Self::EmailVerified,
        Self::Username,
        Self::FirstName,
        Self::LastName,
        Self::ImageUrl,
        Self::Phone,
        Self::ExternalId,
        Self::PublicMetadata,
        Self::Banned,
        Self::Locked,
        Self::Deprovisioned,
        Self::CreatedAt,
        Self::UpdatedAt,
        Self::LastSignInAt,
    ];

    /// The field as a stable word: the column's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::EmailVerified => "email_verified",
            Self::Username => "username",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::ImageUrl => "image_url",
            Self::Phone => "phone",
            Self::ExternalId => "external_id",
            Self::PublicMetadata => "public_metadata",
            Self::Banned => "banned",
            Self::Locked => "locked",
            Self::Deprovisioned => "deprovisioned",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::LastSignInAt => "last_sign_in_at",
        }
    }
}

/// The fields in which the record of `view` differs from `snapshot`; none where there is no record.
///
/// `view` must be of the [`Subject`](crate::Subject) of a fact that carries the snapshot, since whether a
/// record rightly goes without its address or name is a question of who else holds it.
pub fn differences(view: &View, snapshot: &Snapshot) -> Vec<Field> {
    let Some(record) = view.entry.as_ref().and_then(Entry::live) else { return Vec::new() };
    Field::ALL.into_iter().filter(|field| !is_equal(*field, view, record, snapshot)).collect()
}

fn is_equal(field: Field, view: &View, record: &Record, snapshot: &Snapshot) -> bool {
    let (ours, theirs) = (&record.profile, &snapshot.profile);
    match field {
        Field::Email => {
            ours.email.as_ref().map(|claim| &claim.address)
                == theirs.email.as_ref().map(|claim| &claim.address)
                && holds_its_email(view, record)
        }
        Field::EmailVerified => {
            ours.email.as_ref().map(|claim| claim.verified)
                == theirs.email.as_ref().map(|claim| claim.verified)
        }
        Field::Username => ours.username == theirs.username && holds_its_username(view, record),
        Field::FirstName => ours.first_name == theirs.first_name,
        Field::LastName => ours.last_name == theirs.last_name,
        Field::ImageUrl => ours.image_url == theirs.image_url,
        Field::Phone => ours.phone == theirs.phone,
        Field::ExternalId => ours.external_id == theirs.external_id,
        Field::PublicMetadata => ours.public_metadata == theirs.public_metadata,
        Field::Banned => ours.banned == theirs.banned,
        Field::Locked => ours.locked == theirs.locked,
        Field::Deprovisioned => ours.deprovisioned == theirs.deprovisioned,
        Field::CreatedAt => ours.created_at == theirs.created_at,
        Field::UpdatedAt => record.version == snapshot.version,
        Field::LastSignInAt => record.last_sign_in_at >= snapshot.last_sign_in_at,
    }
}

fn holds_its_email(view: &View, record: &Record) -> bool {
    let claimed = record.profile.email.as_ref().map(|claim| &claim.address);
    match &record.email {
        Some(held) => Some(held) == claimed,
        None => claimed
            .map(EmailAddress::key)
            .is_none_or(|key| view.rivals.iter().any(|rival| rival.email_key() == Some(key))),
    }
}

fn holds_its_username(view: &View, record: &Record) -> bool {
    let given = record.profile.username.as_ref();
    match &record.username {
        Some(held) => username_candidates(&record.id, &record.profile).contains(held),
        // One of the derived names is always free.
        None => given
            .map(Username::key)
            .is_some_and(|key| view.rivals.iter().any(|rival| rival.username_key() == Some(key))),
    }
}
