//! What is asked of the indexes. Each filter repeats the condition of the partial index it is served by,
//! without which a planner may not use it.

use clerk_sync_core::{DeliveryStatus, Timestamp};
use mongodb::bson::{Document, doc};

/// Who holds one of these addresses or names, beside the subject.
pub(crate) fn holders(emails: &[&str], usernames: &[&str]) -> Document {
    let text = |field: &str, keys: &[&str]| doc! { field: { "$in": keys, "$type": "string" } };
    doc! { "$or": [text("email_key", emails), text("username_key", usernames)] }
}

/// Who claims the address and does not hold it.
pub(crate) fn email_claims(key: &str) -> Document {
    doc! { "email_claim_key": { "$eq": key, "$type": "string" }, "email_key": { "$ne": key } }
}

pub(crate) fn email_rank() -> Document {
    doc! { "email_claim_verified": -1, "updated_at": -1, "_id": -1 }
}

/// Who claims the name as given and does not hold it.
pub(crate) fn username_claims(key: &str) -> Document {
    doc! { "username_claim_key": { "$eq": key, "$type": "string" }, "username_key": { "$ne": key } }
}

pub(crate) fn username_rank() -> Document {
    doc! { "updated_at": -1, "_id": -1 }
}

/// What is due by the field `due`.
pub(crate) fn due(due: &str, now: Timestamp) -> Document {
    doc! { due: { "$lte": now.as_millis(), "$exists": true } }
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

/// What has the field at all.
pub(crate) fn waits(field: &str) -> Document {
    doc! { field: { "$exists": true } }
}

/// Users made just in time before a moment, and still without a webhook.
pub(crate) fn unconfirmed(before: Timestamp) -> Document {
    doc! { "unconfirmed_since": { "$lt": before.as_millis(), "$exists": true } }
}
