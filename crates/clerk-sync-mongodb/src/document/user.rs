use clerk_sync_core::{
    EmailAddress, EmailClaim, Entry, Profile, Record, Repair, Revision, Role, Source, StoreError, Timestamp,
    Tombstone, UserId, Username,
};
use mongodb::bson::{Bson, Document, doc};

use super::{Fields, put};
use crate::error::corrupt;

const COLLECTION: &str = "clerk_user";

/// Every field a record may have but its id: what an update does not set it removes. Fields an app has added
/// are not among them and stay, until the user is deleted.
pub(crate) const USER_FIELDS: [&str; 31] = [
    "source",
    "email",
    "username",
    "first_name",
    "last_name",
    "image_url",
    "phone",
    "role",
    "external_id",
    "public_metadata",
    "banned",
    "locked",
    "deprovisioned",
    "created_at",
    "updated_at",
    "last_sign_in_at",
    "rev",
    "email_key",
    "email_claim",
    "email_claim_key",
    "email_claim_verified",
    "username_key",
    "username_claim",
    "username_claim_key",
    "repair_due_at",
    "repair_attempts",
    "recorded_at",
    "changed_at",
    "webhook_at",
    "unconfirmed_since",
    "deleted_at",
];

pub(crate) fn read_entry(document: Document) -> Result<Entry, StoreError> {
    let fields = Fields::new(document, COLLECTION);
    let id = fields.parse("_id", UserId::parse)?;
    let source = fields.parse("source", |word| Source::from_word(word).ok_or("is no known source"))?;
    match fields.time("deleted_at")? {
        Some(at) => Ok(Entry::Gone(Tombstone { id, at, source })),
        None => record(fields, id, source).map(Entry::Live),
    }
}

pub(crate) fn read_record(document: Document) -> Result<Record, StoreError> {
    match read_entry(document)? {
        Entry::Live(record) => Ok(record),
        Entry::Gone(tombstone) => {
            Err(corrupt(format!("{COLLECTION} {}: a tombstone claims, holds or waits", tombstone.id)))
        }
    }
}

fn record(mut fields: Fields, id: UserId, source: Source) -> Result<Record, StoreError> {
    let address = fields.parse_optional("email_claim", EmailAddress::parse)?;
    let verified = fields.flag("email_claim_verified")?;
    let due_at = fields.time("repair_due_at")?;
    let attempts = fields.count("repair_attempts")?;
    let flag = |name| fields.required(name, fields.flag(name)?);
    let time = |name| fields.required(name, fields.time(name)?);
    let (banned, locked, deprovisioned) = (flag("banned")?, flag("locked")?, flag("deprovisioned")?);
    let (recorded_at, changed_at) = (time("recorded_at")?, time("changed_at")?);
    let rev = fields.required("rev", fields.count("rev")?)?;
    let public_metadata = fields.text("public_metadata")?;
    Ok(Record {
        id,
        rev: Revision(rev),
        version: fields.time("updated_at")?,
        profile: Profile {
            email: address.zip(verified).map(|(address, verified)| EmailClaim { address, verified }),
            username: fields.parse_optional("username_claim", Username::parse)?,
            first_name: fields.text("first_name")?,
            last_name: fields.text("last_name")?,
            image_url: fields.text("image_url")?,
            phone: fields.text("phone")?,
            external_id: fields.text("external_id")?,
            public_metadata: fields.required("public_metadata", public_metadata)?,
            banned,
            locked,
            deprovisioned,
            created_at: fields.time("created_at")?,
        },
        email: fields.parse_optional("email", EmailAddress::parse)?,
        username: fields.parse_optional("username", Username::parse)?,
        role: fields.parse_optional("role", Role::parse)?,
        last_sign_in_at: fields.time("last_sign_in_at")?,
        repair: due_at.zip(attempts).map(|(due_at, attempts)| Repair { due_at, attempts }),
        source,
        recorded_at,
        changed_at,
        webhook_at: fields.time("webhook_at")?,
    })
}

/// A record as a document. `with_keys`: whether what has to be unique is written, or left out for now.
pub(crate) fn record_document(record: &Record, with_keys: bool) -> Result<Document, StoreError> {
    let profile = &record.profile;
    let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
    let mut d = doc! {
        "_id": record.id.as_str(),
        "rev": to_integer(record.rev, &record.id)?,
        "source": record.source.as_str(),
        "public_metadata": &profile.public_metadata,
        "banned": profile.banned,
        "locked": profile.locked,
        "deprovisioned": profile.deprovisioned,
        "recorded_at": record.recorded_at.as_millis(),
        "changed_at": record.changed_at.as_millis(),
    };
    if with_keys {
        put(&mut d, "email", record.email.as_ref().map(EmailAddress::as_str));
        put(&mut d, "email_key", record.email_key());
        put(&mut d, "username", record.username.as_ref().map(Username::as_str));
        put(&mut d, "username_key", record.username_key());
    }
    put(&mut d, "email_claim", profile.email.as_ref().map(|claim| claim.address.as_str()));
    put(&mut d, "email_claim_key", record.email_claim_key());
    put(&mut d, "email_claim_verified", profile.email.as_ref().map(|claim| claim.verified));
    put(&mut d, "username_claim", profile.username.as_ref().map(Username::as_str));
    put(&mut d, "username_claim_key", record.username_claim_key());
    put(&mut d, "first_name", profile.first_name.as_deref());
    put(&mut d, "last_name", profile.last_name.as_deref());
    put(&mut d, "image_url", profile.image_url.as_deref());
    put(&mut d, "phone", profile.phone.as_deref());
    put(&mut d, "external_id", profile.external_id.as_deref());
    put(&mut d, "role", record.role.as_ref().map(Role::as_str));
    put(&mut d, "created_at", millis(profile.created_at));
    put(&mut d, "updated_at", millis(record.version));
    put(&mut d, "last_sign_in_at", millis(record.last_sign_in_at));
    put(&mut d, "repair_due_at", millis(record.repair.map(|repair| repair.due_at)));
    put(&mut d, "repair_attempts", record.repair.map(|repair| i64::from(repair.attempts)));
    put(&mut d, "webhook_at", millis(record.webhook_at));
    // A partial index cannot ask for what is not there, so what is unconfirmed says so itself.
    let just_in_time = matches!(record.source, Source::Lookup | Source::Claims);
    let unconfirmed = just_in_time && record.webhook_at.is_none();
    put(&mut d, "unconfirmed_since", unconfirmed.then_some(Bson::Int64(record.recorded_at.as_millis())));
    Ok(d)
}

/// What is left of a deleted user.
pub(crate) fn tombstone_document(tombstone: &Tombstone) -> Document {
    doc! {
        "_id": tombstone.id.as_str(),
        "deleted_at": tombstone.at.as_millis(),
        "source": tombstone.source.as_str(),
    }
}

/// BSON counts to 2^63 - 1.
pub(crate) fn to_integer(rev: Revision, id: &UserId) -> Result<i64, StoreError> {
    i64::try_from(rev.0)
        .map_err(|_| corrupt(format!("{COLLECTION} {id}: rev: is too large for this database")))
}
