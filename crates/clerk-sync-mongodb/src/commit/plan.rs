use std::collections::HashMap;

use clerk_sync_core::{Change, Record, StoreError, UserId};
use mongodb::bson::doc;

use super::Write;
use crate::document::{USER_FIELDS, delivery_document, record_document, to_integer, tombstone_document};
use crate::schema::{CLAIM, DELIVERY, FIRST_ADMIN, META, USER};

/// A commit's changes as writes, in order.
///
/// What has to be unique is judged by the database with each write, and by a commit once all are made. So
/// it is let go by everyone first and taken afterwards: records may swap a value.
pub(crate) fn plan(changes: &[Change]) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::with_capacity(changes.len() + 1);
    let several = changes.iter().filter(|change| rewritten(change).is_some()).count() > 1;
    let replaced: Vec<&str> = changes.iter().filter_map(replaced).map(UserId::as_str).collect();
    let takes = |change: &Change| {
        written(change).is_some_and(|record| record.email.is_some() || record.username.is_some())
    };
    if several && !replaced.is_empty() && changes.iter().any(takes) {
        writes.push(Write::release(&replaced));
    }
    // A record written twice holds only what it holds in the end.
    let last: HashMap<&UserId, usize> =
        changes.iter().enumerate().filter_map(|(at, change)| Some((rewritten(change)?, at))).collect();
    for (position, change) in changes.iter().enumerate() {
        let is_last = rewritten(change).is_none_or(|id| last.get(id) == Some(&position));
        let write = one(change, is_last)?;
        match writes.last_mut() {
            Some(last) if last.absorbs(&write) => last.absorb(write),
            _ => writes.push(write),
        }
    }
    Ok(writes)
}

fn written(change: &Change) -> Option<&Record> {
    match change {
        Change::Insert(record) | Change::Update { record, .. } => Some(record),
        _ => None,
    }
}

/// The user whose document the change writes as a whole.
fn rewritten(change: &Change) -> Option<&UserId> {
    match change {
        Change::Insert(record) => Some(&record.id),
        _ => replaced(change),
    }
}

/// The user whose document, already there, the change replaces.
fn replaced(change: &Change) -> Option<&UserId> {
    match change {
        Change::Update { record, .. } => Some(&record.id),
        Change::Bury { tombstone, .. } => Some(&tombstone.id),
        _ => None,
    }
}

fn one(change: &Change, with_keys: bool) -> Result<Write, StoreError> {
    Ok(match change {
        Change::Insert(record) => Write::insert(USER, record_document(record, with_keys)?),
        Change::Update { record, expected } => {
            let mut set = record_document(record, with_keys)?;
            set.remove("_id");
            let unset = USER_FIELDS.iter().filter(|field| !set.contains_key(field));
            let unset: mongodb::bson::Document = unset.map(|field| ((*field).into(), "".into())).collect();
            // A tombstone has no revision, so it is never met.
            let filter = doc! { "_id": record.id.as_str(), "rev": to_integer(*expected, &record.id)? };
            Write::update(USER, filter, doc! { "$set": set, "$unset": unset })
        }
        Change::Bury { tombstone, expected: None } => Write::insert(USER, tombstone_document(tombstone)),
        Change::Bury { tombstone, expected: Some(rev) } => {
            let filter = doc! { "_id": tombstone.id.as_str(), "rev": to_integer(*rev, &tombstone.id)? };
            // The whole document is replaced: what an app has added goes with the user.
            Write::replace(USER, filter, tombstone_document(tombstone))
        }
        Change::ClaimFirstAdmin(id) => {
            Write::insert(CLAIM, doc! { "_id": FIRST_ADMIN, "user_id": id.as_str() })
        }
        Change::Log { delivery, expected: None } => Write::insert(DELIVERY, delivery_document(delivery)),
        Change::Log { delivery, expected: Some(attempts) } => {
            let filter = doc! { "_id": delivery.id.as_str(), "attempts": i64::from(*attempts) };
            Write::replace(DELIVERY, filter, delivery_document(delivery))
        }
        Change::Note { name, value, expected: None } => {
            Write::insert(META, doc! { "_id": name, "value": value })
        }
        Change::Note { name, value, expected: Some(expected) } => {
            let filter = doc! { "_id": name, "value": expected };
            Write::update(META, filter, doc! { "$set": { "value": value } })
        }
        Change::PostponeRepair { id, expected, repair } => {
            let filter = doc! { "_id": id.as_str(), "rev": to_integer(*expected, id)? };
            let set = doc! {
                "repair_due_at": repair.due_at.as_millis(),
                "repair_attempts": i64::from(repair.attempts),
            };
            Write::attempt(USER, filter, doc! { "$set": set })
        }
    })
}
