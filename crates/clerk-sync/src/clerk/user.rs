//! Clerk's User object, as webhooks and the Backend API send it, to a [`Snapshot`].

use clerk_sync_core::{EmailAddress, EmailClaim, Profile, Snapshot, Timestamp, UserId, Username};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{canonical, depth_is_bounded, exact_text, filled_text, integer, is_null, is_true};

/// Milliseconds below this are seconds that lost their way: the year is 1973 in one reading, 5138 in the other.
pub(super) const SECONDS_BELOW: i64 = 100_000_000_000;

/// Why bytes are not a user of Clerk's. It never carries what was in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableUser {
    /// Not UTF-8.
    #[error("the user is not UTF-8")]
    NotUtf8,
    /// Nested deeper than 128 levels.
    #[error("the user nests deeper than 128 levels")]
    TooDeep,
    /// Not a JSON object, or one that names a member we need twice.
    #[error("the user is no JSON object, or an ambiguous one")]
    NotAnObject,
    /// `id` is missing, is no text, or is no user's id.
    #[error("the user has no id we can read")]
    NoId,
}

impl UnreadableUser {
    /// The reason as a stable word, for metrics and the event log.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::TooDeep => "too_deep",
            Self::NotAnObject => "not_json",
            Self::NoId => "no_user_id",
        }
    }
}

/// Reads a User object of Clerk's.
///
/// Only `id` is needed; every other field may be missing, unknown or of the wrong type, since fields arrive
/// and leave without notice. What cannot be read counts as missing:
///
/// - the primary e-mail address and phone number are the entries the primary ids point at, never the first;
///   the address is verified when `verification.status` is `verified`;
/// - `updated_at` that is no plausible count of milliseconds gives no version, so that the record is compared
///   with Clerk instead of trusted;
/// - empty names are no names, NUL characters are dropped, `public_metadata` becomes canonical JSON.
///
/// The shape is that of the schema `User` in Clerk's documents "bapi 2026-05-12" and "webhooks 2025-04-15".
///
/// ```
/// use clerk_sync::clerk::snapshot_from_user;
/// let user = br#"{"id":"user_38peB5uMEQeCed7i5Nq9Ifj6Kd2","first_name":"Ada","updated_at":1769500800016}"#;
/// let snapshot = snapshot_from_user(user).unwrap();
/// assert_eq!(snapshot.profile.first_name.as_deref(), Some("Ada"));
/// assert_eq!(snapshot.profile.public_metadata, "{}");
/// ```
///
/// # Errors
/// When the bytes are no JSON object with a user's id.
pub fn snapshot_from_user(json: &[u8]) -> Result<Snapshot, UnreadableUser> {
    let json = std::str::from_utf8(json).map_err(|_| UnreadableUser::NotUtf8)?;
    if !depth_is_bounded(json) {
        return Err(UnreadableUser::TooDeep);
    }
    WireUser::read(json)?.snapshot()
}

/// Reads a list of User objects, as Clerk's `GET /users` answers: a bare array.
///
/// # Errors
/// When the bytes are no such list, or one of its users has no id: a list with a hole would look like a list
/// without that user.
pub(super) fn snapshots_from_list(json: &[u8]) -> Result<Vec<Snapshot>, UnreadableUser> {
    let json = std::str::from_utf8(json).map_err(|_| UnreadableUser::NotUtf8)?;
    if !depth_is_bounded(json) {
        return Err(UnreadableUser::TooDeep);
    }
    let users: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| UnreadableUser::NotAnObject)?;
    users.into_iter().map(|user| WireUser::read(user.get())?.snapshot()).collect()
}

/// The members of a User we keep, still unread.
#[derive(Deserialize)]
pub(super) struct WireUser<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    external_id: Option<&'a RawValue>,
    primary_email_address_id: Option<&'a RawValue>,
    primary_phone_number_id: Option<&'a RawValue>,
    username: Option<&'a RawValue>,
    first_name: Option<&'a RawValue>,
    last_name: Option<&'a RawValue>,
    image_url: Option<&'a RawValue>,
    public_metadata: Option<&'a RawValue>,
    email_addresses: Option<&'a RawValue>,
    phone_numbers: Option<&'a RawValue>,
    banned: Option<&'a RawValue>,
    locked: Option<&'a RawValue>,
    deprovisioned: Option<&'a RawValue>,
    last_sign_in_at: Option<&'a RawValue>,
    created_at: Option<&'a RawValue>,
    updated_at: Option<&'a RawValue>,
}

impl<'a> WireUser<'a> {
    /// The caller has checked the depth.
    pub(super) fn read(json: &'a str) -> Result<Self, UnreadableUser> {
        // serde would take an array for the fields in order.
        if !json.trim_start().starts_with('{') {
            return Err(UnreadableUser::NotAnObject);
        }
        serde_json::from_str(json).map_err(|_| UnreadableUser::NotAnObject)
    }

    pub(super) fn id(&self) -> Result<UserId, UnreadableUser> {
        user_id(self.id).ok_or(UnreadableUser::NoId)
    }

    /// Whether this is a whole user, not the stub some events carry.
    pub(super) fn is_whole(&self) -> bool {
        let has_list = self.email_addresses.is_some_and(|raw| raw.get().starts_with('['));
        has_list && self.updated_at.and_then(moment).is_some()
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, UnreadableUser> {
        let profile = Profile {
            email: self.email(),
            username: filled_text(self.username).and_then(|name| Username::parse(&name).ok()),
            first_name: filled_text(self.first_name),
            last_name: filled_text(self.last_name),
            image_url: filled_text(self.image_url),
            phone: self.phone(),
            external_id: filled_text(self.external_id),
            public_metadata: metadata(self.public_metadata),
            banned: is_true(self.banned),
            locked: is_true(self.locked),
            deprovisioned: is_true(self.deprovisioned),
            created_at: self.created_at.and_then(integer).map(Timestamp::from_millis),
        };
        Ok(Snapshot {
            id: self.id()?,
            version: self.updated_at.and_then(moment),
            profile,
            last_sign_in_at: self.last_sign_in_at.and_then(moment),
        })
    }

    fn email(&self) -> Option<EmailClaim> {
        let entry = primary(self.email_addresses, self.primary_email_address_id)?;
        let address = EmailAddress::parse(&filled_text(entry.email_address)?).ok()?;
        Some(EmailClaim { address, verified: entry.is_verified() })
    }

    fn phone(&self) -> Option<String> {
        filled_text(primary(self.phone_numbers, self.primary_phone_number_id)?.phone_number)
    }
}

/// An entry of `email_addresses` or `phone_numbers`.
#[derive(Deserialize)]
struct WireContact<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    email_address: Option<&'a RawValue>,
    phone_number: Option<&'a RawValue>,
    verification: Option<&'a RawValue>,
}

impl WireContact<'_> {
    fn is_verified(&self) -> bool {
        #[derive(Deserialize)]
        struct Verification<'a> {
            #[serde(borrow)]
            status: Option<&'a RawValue>,
        }
        let verification =
            self.verification.and_then(|raw| serde_json::from_str::<Verification<'_>>(raw.get()).ok());
        verification.is_some_and(|found| filled_text(found.status).as_deref() == Some("verified"))
    }
}

/// The entry of `list` whose id is `primary_id`; `None` when there is no such entry.
fn primary<'a>(list: Option<&'a RawValue>, primary_id: Option<&RawValue>) -> Option<WireContact<'a>> {
    let primary_id = filled_text(primary_id)?;
    let entries = serde_json::from_str::<Vec<&'a RawValue>>(list?.get()).ok()?;
    let mut contacts =
        entries.into_iter().filter_map(|raw| serde_json::from_str::<WireContact<'a>>(raw.get()).ok());
    contacts.find(|contact| filled_text(contact.id).as_deref() == Some(&primary_id))
}

fn metadata(raw: Option<&RawValue>) -> String {
    let object = raw.filter(|raw| !is_null(raw) && raw.get().starts_with('{'));
    object.and_then(canonical).unwrap_or_else(|| String::from("{}"))
}

/// A user's id; `None` for anything else. It is taken as written: a NUL in it makes it no id.
pub(super) fn user_id(raw: Option<&RawValue>) -> Option<UserId> {
    UserId::parse(&exact_text(raw)?).ok()
}

/// A plausible count of milliseconds.
pub(super) fn moment(raw: &RawValue) -> Option<Timestamp> {
    integer(raw).filter(|millis| *millis >= SECONDS_BELOW).map(Timestamp::from_millis)
}
