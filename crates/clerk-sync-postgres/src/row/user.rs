use clerk_sync_core::{
    EmailAddress, EmailClaim, Entry, Profile, Record, Repair, Revision, Role, Source, StoreError,
    StoreErrorKind, Tombstone, UserId, Username,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Fields;
use crate::error::Failure;
use crate::value::Value;

/// The columns of `clerk_user` as [`read_entry`] reads them. What follows from other columns, the lower-cased
/// keys, is written and not read.
macro_rules! user_columns {
    () => {
        "id, deleted_at, source, email, username, first_name, last_name, image_url, phone, role, external_id, \
         public_metadata, banned, locked, deprovisioned, created_at, updated_at, last_sign_in_at, rev, \
         email_claim, email_claim_verified, username_claim, repair_due_at, repair_attempts, recorded_at, \
         changed_at, webhook_at"
    };
}
pub(crate) use user_columns as USER_COLUMNS;

/// How many columns these are.
pub(crate) const USER_WIDTH: usize = 27;

/// The types of [`user_values`], and of the revision expected where a statement looks at it.
pub(crate) const USER_TYPES: &[Type] = &[
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::BOOL,
    Type::BOOL,
    Type::BOOL,
    Type::TIMESTAMPTZ,
    Type::TIMESTAMPTZ,
    Type::TIMESTAMPTZ,
    Type::INT8,
    Type::TEXT,
    Type::BOOL,
    Type::TEXT,
    Type::TIMESTAMPTZ,
    Type::INT8,
    Type::TIMESTAMPTZ,
    Type::TIMESTAMPTZ,
    Type::TIMESTAMPTZ,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
];

/// The type of many values of one of these types.
pub(crate) fn array_of(ty: &Type) -> Type {
    match *ty {
        Type::BOOL => Type::BOOL_ARRAY,
        Type::INT8 => Type::INT8_ARRAY,
        Type::TIMESTAMPTZ => Type::TIMESTAMPTZ_ARRAY,
        _ => Type::TEXT_ARRAY,
    }
}

/// The entry in the columns from `first` on.
pub(crate) fn read_entry(row: &Row, first: usize) -> Result<Entry, Failure> {
    let mut fields = Fields::new(row, "clerk_user", first);
    let id = fields.parse(UserId::parse)?;
    let deleted_at = fields.optional_time()?;
    let source = fields.parse(|word| Source::from_word(word).ok_or("is no known source"))?;
    match deleted_at {
        Some(at) => Ok(Entry::Gone(Tombstone { id, at, source })),
        None => record(fields, id, source).map(Entry::Live),
    }
}

pub(crate) fn read_record(row: &Row, first: usize) -> Result<Record, Failure> {
    match read_entry(row, first)? {
        Entry::Live(record) => Ok(record),
        Entry::Gone(_) => {
            Err(Fields::new(row, "clerk_user", first).corrupt("a tombstone claims, holds or waits"))
        }
    }
}

fn record(mut fields: Fields<'_>, id: UserId, source: Source) -> Result<Record, Failure> {
    let email = fields.parse_optional(EmailAddress::parse)?;
    let username = fields.parse_optional(Username::parse)?;
    let first_name = fields.optional()?;
    let last_name = fields.optional()?;
    let image_url = fields.optional()?;
    let phone = fields.optional()?;
    let role = fields.parse_optional(Role::parse)?;
    let external_id = fields.optional()?;
    let public_metadata = fields.required()?;
    let banned = fields.required()?;
    let locked = fields.required()?;
    let deprovisioned = fields.required()?;
    let created_at = fields.optional_time()?;
    let version = fields.optional_time()?;
    let last_sign_in_at = fields.optional_time()?;
    let rev = Revision(fields.count()?);
    let address = fields.parse_optional(EmailAddress::parse)?;
    let verified: Option<bool> = fields.optional()?;
    let given = fields.parse_optional(Username::parse)?;
    let due_at = fields.optional_time()?;
    let attempts: Option<u32> = fields.optional_count()?;
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

/// The record as the parameters `$1` to `$30`, in the order of the insert and update statements.
/// `with_keys`: whether what has to be unique is written, or NULL for now.
pub(crate) fn user_values(record: &Record, with_keys: bool) -> Result<Vec<Value<'_>>, StoreError> {
    let profile = &record.profile;
    Ok(vec![
        Value::text(record.id.as_str()),
        Value::text(record.source.as_str()),
        Value::optional_text(record.email.as_ref().map(EmailAddress::as_str).filter(|_| with_keys)),
        Value::optional_text(record.username.as_ref().map(Username::as_str).filter(|_| with_keys)),
        Value::optional_text(profile.first_name.as_deref()),
        Value::optional_text(profile.last_name.as_deref()),
        Value::optional_text(profile.image_url.as_deref()),
        Value::optional_text(profile.phone.as_deref()),
        Value::optional_text(record.role.as_ref().map(Role::as_str)),
        Value::optional_text(profile.external_id.as_deref()),
        Value::text(&profile.public_metadata),
        Value::Boolean(Some(profile.banned)),
        Value::Boolean(Some(profile.locked)),
        Value::Boolean(Some(profile.deprovisioned)),
        Value::Time(profile.created_at),
        Value::Time(record.version),
        Value::Time(record.last_sign_in_at),
        Value::Integer(Some(to_integer(record.rev, &record.id)?)),
        Value::optional_text(profile.email.as_ref().map(|claim| claim.address.as_str())),
        Value::Boolean(profile.email.as_ref().map(|claim| claim.verified)),
        Value::optional_text(profile.username.as_ref().map(Username::as_str)),
        Value::Time(record.repair.map(|repair| repair.due_at)),
        Value::Integer(record.repair.map(|repair| repair.attempts.into())),
        Value::time(record.recorded_at),
        Value::time(record.changed_at),
        Value::Time(record.webhook_at),
        Value::optional_text(record.email_key().filter(|_| with_keys)),
        Value::optional_text(record.username_key().filter(|_| with_keys)),
        Value::optional_text(record.email_claim_key()),
        Value::optional_text(record.username_claim_key()),
    ])
}

/// PostgreSQL counts to 2^63 - 1.
pub(crate) fn to_integer(rev: Revision, id: &UserId) -> Result<i64, StoreError> {
    i64::try_from(rev.0).map_err(|_| {
        let context = format!("clerk_user {id}: rev: is too large for this database");
        StoreError::new(StoreErrorKind::Corrupt, context)
    })
}
