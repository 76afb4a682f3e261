use std::collections::{BTreeSet, HashMap};

use clerk_sync_core::{Change, Record, StoreError, UserId};
use mongodb::bson::doc;

use super::Write;
use crate::document::{USER_FIELDS, delivery_document, record_document, to_integer, tombstone_document};
use crate::schema::{CLAIM, DELIVERY, FIRST_ADMIN, META, USER};

/// A commit's changes as few writes. What is written twice is written in the order given.
///
/// What has to be unique is judged by the database with each write, and by a commit once all are made: where that
/// makes a difference, [`release`] comes first.
pub(crate) fn plan(changes: &[Change]) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::new();
    // A record written twice holds only what it holds in the end.
    let last: HashMap<&UserId, usize> =
        changes.iter().enumerate().filter_map(|(at, change)| Some((rewritten(change)?, at))).collect();
    for (position, change) in changes.iter().enumerate() {
        let is_last = rewritten(change).is_none_or(|id| last.get(id) == Some(&position));
        place(&mut writes, one(change, is_last)?);
    }
    Ok(writes)
}

/// A write may be made before those of other documents, and not before one of its own.
fn place(writes: &mut Vec<Write>, next: Write) {
    for earlier in writes.iter_mut().rev() {
        if earlier.absorbs(&next) {
            return earlier.absorb(next);
        }
        if earlier.concerns_one_of(&next) {
            break;
        }
    }
    writes.push(next);
}

/// What lets everyone whose record is replaced let go of what they hold, so that it can be taken afterwards in any
/// order: records may swap a value. `None` where nobody could be in another's way.
///
/// It writes every record a second time, so it is for when it has turned out that somebody is.
pub(crate) fn release(changes: &[Change]) -> Option<Write> {
    let several = changes.iter().filter_map(rewritten).nth(1).is_some();
    let takes = |change: &Change| {
        written(change).is_some_and(|record| record.email.is_some() || record.username.is_some())
    };
    let replaced: BTreeSet<&str> = changes.iter().filter_map(replaced).map(UserId::as_str).collect();
    let is_of_use = several && !replaced.is_empty() && changes.iter().any(takes);
    is_of_use.then(|| Write::release(&replaced))
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
        Change::Insert(record) => {
            Write::insert(USER, record.id.as_str(), record_document(record, with_keys)?)
        }
        Change::Update { record, expected } => {
            let mut set = record_document(record, with_keys)?;
            set.remove("_id");
            let unset = USER_FIELDS.iter().filter(|field| !set.contains_key(field));
            let unset: mongodb::bson::Document = unset.map(|field| ((*field).into(), "".into())).collect();
            // A tombstone has no revision, so it is never met.
            let guard = doc! { "rev": to_integer(*expected, &record.id)? };
            Write::update(USER, record.id.as_str(), guard, doc! { "$set": set, "$unset": unset })
        }
        Change::Bury { tombstone, expected: None } => {
            Write::insert(USER, tombstone.id.as_str(), tombstone_document(tombstone))
        }
        Change::Bury { tombstone, expected: Some(rev) } => {
            let guard = doc! { "rev": to_integer(*rev, &tombstone.id)? };
            // The whole document is replaced: what an app has added goes with the user.
            Write::replace(USER, tombstone.id.as_str(), guard, tombstone_document(tombstone))
        }
        Change::ClaimFirstAdmin(id) => {
            Write::insert(CLAIM, FIRST_ADMIN, doc! { "_id": FIRST_ADMIN, "user_id": id.as_str() })
        }
        Change::Log { delivery, expected: None } => {
            Write::insert(DELIVERY, delivery.id.as_str(), delivery_document(delivery))
        }
        Change::Log { delivery, expected: Some(attempts) } => {
            let guard = doc! { "attempts": i64::from(*attempts) };
            Write::replace(DELIVERY, delivery.id.as_str(), guard, delivery_document(delivery))
        }
        Change::Note { name, value, expected: None } => {
            Write::insert(META, name, doc! { "_id": name, "value": value })
        }
        Change::Note { name, value, expected: Some(expected) } => {
            Write::update(META, name, doc! { "value": expected }, doc! { "$set": { "value": value } })
        }
        Change::PostponeRepair { id, expected, repair } => {
            let guard = doc! { "rev": to_integer(*expected, id)? };
            let set = doc! {
                "repair_due_at": repair.due_at.as_millis(),
                "repair_attempts": i64::from(repair.attempts),
            };
            Write::attempt(USER, id.as_str(), guard, doc! { "$set": set })
        }
    })
}
