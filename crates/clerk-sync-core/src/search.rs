//! What operators look for, as plain data.

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;

use crate::{Delivery, DeliveryId, DeliveryStatus, Entry, Source, Timestamp, UserId};

/// Which deliveries are looked for: those that meet everything that is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// How far they have come.
    pub status: Option<DeliveryStatus>,
    /// Clerk's name for the event.
    pub event_type: Option<String>,
    /// The user they are about.
    pub user_id: Option<UserId>,
    /// Received at this moment or later.
    pub received_from: Option<Timestamp>,
    /// Received before this moment.
    pub received_before: Option<Timestamp>,
}

impl DeliveryFilter {
    /// Whether `delivery` is one of those looked for.
    pub fn matches(&self, delivery: &Delivery) -> bool {
        self.status.is_none_or(|status| delivery.status == status)
            && self.event_type.as_ref().is_none_or(|event_type| delivery.event_type == *event_type)
            && (self.user_id.is_none() || delivery.user_id == self.user_id)
            && self.received_from.is_none_or(|from| delivery.received_at >= from)
            && self.received_before.is_none_or(|before| delivery.received_at < before)
    }
}

/// A place in the order of deliveries, newest first: after the delivery it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryCursor {
    /// When that one was received.
    pub received_at: Timestamp,
    /// Its id, which orders those received in one millisecond.
    pub id: DeliveryId,
}

impl From<&Delivery> for DeliveryCursor {
    fn from(delivery: &Delivery) -> Self {
        Self { received_at: delivery.received_at, id: delivery.id.clone() }
    }
}

/// Which users are looked for: those that meet everything that is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserFilter {
    /// Deleted, or not.
    pub deleted: Option<bool>,
    /// To be compared with Clerk, or not; the deleted are not.
    pub dirty: Option<bool>,
    /// What created the record, or told of the deletion.
    pub source: Option<Source>,
    /// How the address Clerk has for them begins, lower-cased, whether or not the record may hold it.
    pub email_prefix: Option<String>,
}

impl UserFilter {
    /// Whether `entry` is one of those looked for.
    pub fn matches(&self, entry: &Entry) -> bool {
        let source = match entry {
            Entry::Live(record) => record.source,
            Entry::Gone(tombstone) => tombstone.source,
        };
        let record = entry.live();
        self.deleted.is_none_or(|deleted| deleted == record.is_none())
            && self.dirty.is_none_or(|dirty| dirty == record.is_some_and(|record| record.is_dirty()))
            && self.source.is_none_or(|wanted| wanted == source)
            && self.email_prefix.as_ref().is_none_or(|prefix| {
                record
                    .and_then(|record| record.email_claim_key())
                    .is_some_and(|key| key.starts_with(prefix.as_str()))
            })
    }

    /// Where keys that begin with the prefix end, as texts are ordered by their bytes: itself not included.
    pub fn email_end(&self) -> Option<String> {
        self.email_prefix.as_ref().map(|prefix| {
            let mut end = prefix.clone();
            end.push(char::MAX);
            end
        })
    }
}

/// How a database is set up, as far as a store depends on it. Everything is well where every list is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Migrations that are not applied. What they make is then not looked for.
    pub pending: Vec<String>,
    /// Tables, columns, indexes and rules that are missing or other than they must be.
    pub faults: Vec<String>,
    /// What has to be unique and is not.
    pub duplicates: Vec<Duplicates>,
    /// Why nothing can be written; `None`: a write was tried and taken back.
    pub unwritable: Option<String>,
    /// Settings by which an acknowledged commit could be lost.
    pub not_durable: Vec<String>,
    /// The time by the clock of the database, where it has one of its own.
    pub now: Option<Timestamp>,
}

/// Values held by more than one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicates {
    /// The column, which is also in the name of the unique index: `email_key` or `username_key`.
    pub column: String,
    /// How many values are held more than once.
    pub values: u64,
}
