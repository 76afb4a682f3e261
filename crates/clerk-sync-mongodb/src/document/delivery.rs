use clerk_sync_core::{Delivery, DeliveryId, DeliveryState, DeliveryStatus, StoreError, Timestamp, UserId};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};

use super::{Fields, put};

const COLLECTION: &str = "clerk_delivery";

impl Fields {
    fn status(&self) -> Result<DeliveryStatus, StoreError> {
        self.parse("status", |word| DeliveryStatus::from_word(word).ok_or("is no known status"))
    }

    fn attempts(&self) -> Result<u32, StoreError> {
        self.required("attempts", self.count("attempts")?)
    }

    fn digest(&self) -> Result<[u8; 32], StoreError> {
        let bytes = match self.get("digest") {
            Some(Bson::Binary(binary)) => binary.bytes.as_slice().try_into().ok(),
            _ => None,
        };
        bytes.ok_or_else(|| self.corrupt("digest", "is not 32 bytes"))
    }
}

pub(crate) fn read_delivery(document: Document) -> Result<Delivery, StoreError> {
    let mut fields = Fields::new(document, COLLECTION);
    let event_type = fields.text("event_type")?;
    Ok(Delivery {
        id: fields.parse("_id", DeliveryId::parse)?,
        event_type: fields.required("event_type", event_type)?,
        user_id: fields.parse_optional("user_id", UserId::parse)?,
        received_at: fields.required("received_at", fields.time("received_at")?)?,
        digest: fields.digest()?,
        status: fields.status()?,
        attempts: fields.attempts()?,
        outcome: fields.text("outcome")?,
        error: fields.text("error")?,
        processed_at: fields.time("processed_at")?,
        due_at: fields.time("due_at")?,
        body: fields.text("body")?,
    })
}

/// Reads `_id, status, attempts, digest`.
pub(crate) fn read_delivery_state(document: Document) -> Result<(DeliveryId, DeliveryState), StoreError> {
    let fields = Fields::new(document, COLLECTION);
    let id = fields.parse("_id", DeliveryId::parse)?;
    let (status, attempts, digest) = (fields.status()?, fields.attempts()?, fields.digest()?);
    Ok((id, DeliveryState { status, attempts, digest }))
}

/// A delivery as a document.
pub(crate) fn delivery_document(delivery: &Delivery) -> Document {
    let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
    let digest = Binary { subtype: BinarySubtype::Generic, bytes: delivery.digest.to_vec() };
    let mut d = doc! {
        "_id": delivery.id.as_str(),
        "event_type": &delivery.event_type,
        "received_at": delivery.received_at.as_millis(),
        "digest": digest,
        "status": delivery.status.as_str(),
        "attempts": i64::from(delivery.attempts),
    };
    put(&mut d, "user_id", delivery.user_id.as_ref().map(UserId::as_str));
    put(&mut d, "outcome", delivery.outcome.as_deref());
    put(&mut d, "error", delivery.error.as_deref());
    put(&mut d, "processed_at", millis(delivery.processed_at));
    put(&mut d, "due_at", millis(delivery.due_at));
    put(&mut d, "body", delivery.body.as_deref());
    // The queue of work is an index over this one field, which only what waits has.
    let waits = matches!(delivery.status, DeliveryStatus::Pending | DeliveryStatus::Failed);
    put(&mut d, "take_at", millis(delivery.due_at.filter(|_| waits)));
    d
}
