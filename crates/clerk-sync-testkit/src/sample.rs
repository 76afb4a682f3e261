//! Ids, records and deliveries for tests.
//!
//! What is written by hand here is checked by the type it becomes; a text that is none is a fault of the
//! test, and ends it.
#![allow(clippy::expect_used, reason = "only tests call this, and they are to end on a wrong text")]

mod arbitrary;

use clerk_sync_core::{
    Delivery, DeliveryId, DeliveryStatus, EmailAddress, EmailClaim, Profile, Record, Repair, Revision,
    Source, Timestamp, Tombstone, UserId, Username,
};

pub use arbitrary::{any_delivery, any_profile, any_record, generated};

/// The moment at which samples happen, in milliseconds since the Unix epoch; not a whole second.
pub const NOW_MS: i64 = 1_769_500_801_016;

/// The moment at which samples happen.
pub const NOW: Timestamp = Timestamp::from_millis(NOW_MS);

/// `NOW` moved by `millis` milliseconds.
pub const fn at(millis: i64) -> Timestamp {
    NOW.plus_millis(millis)
}

/// The user id `user_<name>`.
pub fn user_id(name: &str) -> UserId {
    UserId::parse(&format!("user_{name}")).expect("letters, digits and _")
}

/// The delivery id `msg_<name>`.
pub fn delivery_id(name: &str) -> DeliveryId {
    DeliveryId::parse(&format!("msg_{name}")).expect("letters, digits and _")
}

/// An e-mail address.
pub fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("an e-mail address")
}

/// A username.
pub fn username(text: &str) -> Username {
    Username::parse(text).expect("a username")
}

/// A record at its first revision that claims and holds nothing.
pub fn record(name: &str) -> Record {
    Record {
        id: user_id(name),
        rev: Revision::FIRST,
        version: Some(NOW),
        profile: Profile::default(),
        email: None,
        username: None,
        role: None,
        last_sign_in_at: None,
        repair: None,
        source: Source::Webhook,
        recorded_at: NOW,
        changed_at: NOW,
        webhook_at: Some(NOW),
    }
}

/// The record with a verified claim to `address`, which it does not hold.
#[must_use]
pub fn claiming_email(mut record: Record, address: &str, version: Timestamp) -> Record {
    record.profile.email = Some(EmailClaim { address: email(address), verified: true });
    record.version = Some(version);
    record
}

/// The record with a verified claim to `address`, which it holds.
#[must_use]
pub fn holding_email(record: Record, address: &str) -> Record {
    let version = record.version.unwrap_or(NOW);
    let mut record = claiming_email(record, address, version);
    record.email = Some(email(address));
    record
}

/// The record with the given username `name`, which it does not hold.
#[must_use]
pub fn claiming_username(mut record: Record, name: &str, version: Timestamp) -> Record {
    record.profile.username = Some(username(name));
    record.version = Some(version);
    record
}

/// The record with the given username `name`, which it holds.
#[must_use]
pub fn holding_username(record: Record, name: &str) -> Record {
    let version = record.version.unwrap_or(NOW);
    let mut record = claiming_username(record, name, version);
    record.username = Some(username(name));
    record
}

/// The record with the derived username `name`, which it holds and no claim of Clerk's gives it.
#[must_use]
pub fn deriving_username(mut record: Record, name: &str) -> Record {
    record.username = Some(username(name));
    record
}

/// The record, dirty and due at `due_at`.
#[must_use]
pub fn dirty(mut record: Record, due_at: Timestamp) -> Record {
    record.repair = Some(Repair { due_at, attempts: 0 });
    record
}

/// The record one revision later.
#[must_use]
pub fn next(mut record: Record) -> Record {
    record.rev = record.rev.next();
    record
}

/// A tombstone.
pub fn tombstone(name: &str) -> Tombstone {
    Tombstone { id: user_id(name), at: NOW, source: Source::Webhook }
}

/// A delivery as it is stored when nothing could be done yet.
pub fn delivery(name: &str) -> Delivery {
    Delivery {
        id: delivery_id(name),
        event_type: "user.updated".into(),
        user_id: Some(user_id("ada")),
        received_at: NOW,
        digest: [7; 32],
        body: Some("{}".into()),
        status: DeliveryStatus::Pending,
        attempts: 0,
        outcome: None,
        error: None,
        processed_at: None,
        due_at: Some(NOW),
    }
}
