use clerk_sync_core::{
    EmailAddress, EmailClaim, Entry, Profile, Record, Repair, Revision, Role, Source, StoreError,
    StoreErrorKind, Timestamp, Tombstone, UserId, Username,
};
use rusqlite::{Row, Statement};

use super::Fields;
use crate::error::Failure;

/// The columns of `clerk_user` as [`read_entry`] reads and [`bind_record`] binds them. What follows from
/// other columns, the lower-cased keys, is written and not read.
macro_rules! user_columns {
    () => {
        "id, deleted_at, source, email, username, first_name, last_name, image_url, phone, role, external_id, \
         public_metadata, banned, locked, deprovisioned, created_at, updated_at, last_sign_in_at, rev, \
         email_claim, email_claim_verified, username_claim, repair_due_at, repair_attempts, recorded_at, \
         changed_at, webhook_at"
    };
}
pub(crate) use user_columns as USER_COLUMNS;

pub(crate) fn read_entry(row: &Row<'_>) -> Result<Entry, Failure> {
    let mut fields = Fields::new(row, "clerk_user");
    let id = fields.parse(UserId::parse)?;
    let deleted_at = fields.optional_time()?;
    let source = fields.parse(|word| Source::from_word(word).ok_or("is no known source"))?;
    match deleted_at {
        Some(at) => Ok(Entry::Gone(Tombstone { id, at, source })),
        None => record(fields, id, source).map(Entry::Live),
    }
}

pub(crate) fn read_record(row: &Row<'_>) -> Result<Record, Failure> {
    match read_entry(row)? {
        Entry::Live(record) => Ok(record),
        Entry::Gone(_) => Err(Fields::new(row, "clerk_user").corrupt("a tombstone claims, holds or waits")),
    }
}

fn record(mut fields: Fields<'_, '_>, id: UserId, source: Source) -> Result<Record, Failure> {
    let email = fields.parse_optional(EmailAddress::parse)?;
    let username = fields.parse_optional(Username::parse)?;
    let first_name = fields.next()?;
    let last_name = fields.next()?;
    let image_url = fields.next()?;
    let phone = fields.next()?;
    let role = fields.parse_optional(Role::parse)?;
    let external_id = fields.next()?;
    let public_metadata = fields.next()?;
    let banned = fields.next()?;
    let locked = fields.next()?;
    let deprovisioned = fields.next()?;
    let created_at = fields.optional_time()?;
    let version = fields.optional_time()?;
    let last_sign_in_at = fields.optional_time()?;
    let rev = Revision(fields.next()?);
    let address = fields.parse_optional(EmailAddress::parse)?;
    let verified: Option<bool> = fields.next()?;
    let given = fields.parse_optional(Username::parse)?;
    let due_at = fields.optional_time()?;
    let attempts: Option<u32> = fields.next()?;
    Ok(Record {
        id,
        rev,
        version,
        profile: Profile {
            email: address.zip(verified).map(|(address, verified)| EmailClaim { address, verified }),
            username: given,
            first_name,
            last_name,
            image_url,
            phone,
            external_id,
            public_metadata,
            banned,
            locked,
            deprovisioned,
            created_at,
        },
        email,
        username,
        role,
        last_sign_in_at,
        repair: due_at.zip(attempts).map(|(due_at, attempts)| Repair { due_at, attempts }),
        source,
        recorded_at: fields.time()?,
        changed_at: fields.time()?,
        webhook_at: fields.optional_time()?,
    })
}

/// Binds the record to the parameters `?1` to `?30`, in the order of the insert and update statements.
/// `with_keys`: whether the unique keys are written, or NULL for now.
pub(crate) fn bind_record(
    statement: &mut Statement<'_>,
    record: &Record,
    with_keys: bool,
) -> Result<(), Failure> {
    let profile = &record.profile;
    let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
    let values = rusqlite::params![
        record.id.as_str(),
        record.source.as_str(),
        record.email.as_ref().map(EmailAddress::as_str).filter(|_| with_keys),
        record.username.as_ref().map(Username::as_str).filter(|_| with_keys),
        profile.first_name,
        profile.last_name,
        profile.image_url,
        profile.phone,
        record.role.as_ref().map(Role::as_str),
        profile.external_id,
        profile.public_metadata,
        profile.banned,
        profile.locked,
        profile.deprovisioned,
        millis(profile.created_at),
        millis(record.version),
        millis(record.last_sign_in_at),
        to_integer(record.rev, &record.id)?,
        profile.email.as_ref().map(|claim| claim.address.as_str()),
        profile.email.as_ref().map(|claim| claim.verified),
        profile.username.as_ref().map(Username::as_str),
        millis(record.repair.map(|repair| repair.due_at)),
        record.repair.map(|repair| repair.attempts),
        record.recorded_at.as_millis(),
        record.changed_at.as_millis(),
        millis(record.webhook_at),
        record.email_key().filter(|_| with_keys),
        record.username_key().filter(|_| with_keys),
        record.email_claim_key(),
        record.username_claim_key(),
    ];
    for (i, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(i + 1, value)?;
    }
    Ok(())
}

/// SQLite counts to 2^63 - 1.
pub(crate) fn to_integer(rev: Revision, id: &UserId) -> Result<i64, Failure> {
    i64::try_from(rev.0).map_err(|_| {
        let context = format!("clerk_user {id}: rev: is too large for this database");
        Failure::Row(StoreError::new(StoreErrorKind::Corrupt, context))
    })
}
