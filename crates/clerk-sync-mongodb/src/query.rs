//! What is asked of the indexes. A filter that is served by a partial index repeats its condition, without which a
//! planner may not use it.

use std::collections::BTreeSet;

use clerk_sync_core::{DeliveryCursor, DeliveryFilter, DeliveryStatus, Timestamp, UserFilter, UserId};
use mongodb::bson::{Bson, Document, doc};

/// What has one of these values in the field.
pub(crate) fn one_of(field: &str, values: &BTreeSet<&str>) -> Document {
    doc! { field: { "$in": values.iter().copied().collect::<Vec<_>>() } }
}

/// Claims to addresses: by key, the highest claim first.
pub(crate) fn email_rank() -> Document {
    doc! { "email_claim_key": 1, "email_claim_verified": -1, "updated_at": -1, "_id": -1 }
}

/// Claims to names as given: by key, the highest claim first.
pub(crate) fn username_rank() -> Document {
    doc! { "username_claim_key": 1, "updated_at": -1, "_id": -1 }
}

/// What is due by the field `due`.
pub(crate) fn due(due: &str, now: Timestamp) -> Document {
    doc! { due: { "$lte": now.as_millis(), "$gte": i64::MIN } }
}

/// What has waited longest.
pub(crate) fn by_due(due: &str) -> Document {
    doc! { due: 1, "_id": 1 }
}

/// Deliveries whose body may be dropped.
pub(crate) fn old_bodies(status: DeliveryStatus, before: Timestamp) -> Document {
    doc! {
        "status": status.as_str(),
        "received_at": { "$lt": before.as_millis() },
        "body": { "$exists": true },
    }
}

/// What has a time in the field. Said as a range, since an index is walked for a range alone, and for what is there
/// at all the documents are looked at too.
pub(crate) fn waits(field: &str) -> Document {
    doc! { field: { "$gte": i64::MIN } }
}

/// Users made just in time before a moment, and still without a webhook.
pub(crate) fn unconfirmed(before: Timestamp) -> Document {
    doc! { "unconfirmed_since": { "$lt": before.as_millis(), "$gte": i64::MIN } }
}

/// Entries an operator looks for.
pub(crate) fn users(filter: &UserFilter, after: Option<&UserId>) -> Document {
    let mut wanted = doc! {};
    if let Some(after) = after {
        wanted.insert("_id", doc! { "$gt": after.as_str() });
    }
    if let Some(deleted) = filter.deleted {
        wanted.insert("deleted_at", doc! { "$exists": deleted });
    }
    if let Some(dirty) = filter.dirty {
        wanted.insert("repair_due_at", doc! { "$exists": dirty });
    }
    if let Some(source) = filter.source {
        wanted.insert("source", source.as_str());
    }
    if let (Some(prefix), Some(end)) = (&filter.email_prefix, filter.email_end()) {
        wanted.insert("email_claim_key", doc! { "$gte": prefix, "$lt": end });
    }
    wanted
}

/// Deliveries an operator looks for.
pub(crate) fn deliveries(filter: &DeliveryFilter, after: Option<&DeliveryCursor>) -> Document {
    let mut wanted = doc! {};
    if let Some(status) = filter.status {
        wanted.insert("status", status.as_str());
    }
    if let Some(event_type) = &filter.event_type {
        wanted.insert("event_type", event_type);
    }
    if let Some(user) = &filter.user_id {
        wanted.insert("user_id", doc! { "$eq": user.as_str(), "$type": "string" });
    }
    let mut received = doc! {};
    if let Some(from) = filter.received_from {
        received.insert("$gte", from.as_millis());
    }
    if let Some(before) = filter.received_before {
        received.insert("$lt", before.as_millis());
    }
    if let Some(after) = after {
        // Bounds the walk along the index; which of that very millisecond are meant the second part says.
        received.insert("$lte", after.received_at.as_millis());
        wanted.insert(
            "$or",
            vec![
                doc! { "received_at": { "$lt": after.received_at.as_millis() } },
                doc! { "received_at": after.received_at.as_millis(), "_id": { "$lt": after.id.as_str() } },
            ],
        );
    }
    if !received.is_empty() {
        wanted.insert("received_at", received);
    }
    wanted
}

/// Bodies to be erased with a user: about them, or about nobody and with one of the texts.
pub(crate) fn mentioning(user: &UserId, mentions: &[String]) -> Document {
    let mut either = vec![doc! { "user_id": { "$eq": user.as_str(), "$type": "string" } }];
    let literal = |text: &String| {
        let escaped: String = text.chars().flat_map(escaped).collect();
        Bson::Document(doc! { "body": { "$regex": escaped } })
    };
    if !mentions.is_empty() {
        let said: Vec<Bson> = mentions.iter().map(literal).collect();
        either.push(doc! { "user_id": { "$exists": false }, "$or": said });
    }
    doc! { "body": { "$exists": true }, "$or": either }
}

/// A character that means itself in a regular expression.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let special = c.is_ascii_punctuation() && !matches!(c, '"' | '@' | '_');
    special.then_some('\\').into_iter().chain([c])
}
