use clerk_sync_core::{Delivery, DeliveryId, DeliveryState, DeliveryStatus, Timestamp, UserId};
use rusqlite::{Row, Statement};

use super::Fields;
use crate::error::Failure;

/// The columns of `clerk_delivery` as [`read_delivery`] reads and [`bind_delivery`] binds them.
macro_rules! delivery_columns {
    () => {
        "id, event_type, user_id, received_at, digest, status, attempts, outcome, error, processed_at, \
         due_at, body"
    };
}
pub(crate) use delivery_columns as DELIVERY_COLUMNS;

fn status(word: &str) -> Result<DeliveryStatus, &'static str> {
    DeliveryStatus::from_word(word).ok_or("is no known status")
}

pub(crate) fn read_delivery(row: &Row<'_>) -> Result<Delivery, Failure> {
    let mut fields = Fields::new(row, "clerk_delivery");
    Ok(Delivery {
        id: fields.parse(DeliveryId::parse)?,
        event_type: fields.next()?,
        user_id: fields.parse_optional(UserId::parse)?,
        received_at: fields.time()?,
        digest: fields.next()?,
        status: fields.parse(status)?,
        attempts: fields.next()?,
        outcome: fields.next()?,
        error: fields.next()?,
        processed_at: fields.optional_time()?,
        due_at: fields.optional_time()?,
        body: fields.next()?,
    })
}

/// Reads `id, status, attempts, digest`.
pub(crate) fn read_delivery_state(row: &Row<'_>) -> Result<DeliveryState, Failure> {
    let mut fields = Fields::new(row, "clerk_delivery");
    fields.parse(DeliveryId::parse)?;
    Ok(DeliveryState { status: fields.parse(status)?, attempts: fields.next()?, digest: fields.next()? })
}

/// Binds the delivery to the parameters `?1` to `?12`.
pub(crate) fn bind_delivery(statement: &mut Statement<'_>, delivery: &Delivery) -> Result<(), Failure> {
    let values = rusqlite::params![
        delivery.id.as_str(),
        delivery.event_type,
        delivery.user_id.as_ref().map(UserId::as_str),
        delivery.received_at.as_millis(),
        delivery.digest,
        delivery.status.as_str(),
        delivery.attempts,
        delivery.outcome,
        delivery.error,
        delivery.processed_at.map(Timestamp::as_millis),
        delivery.due_at.map(Timestamp::as_millis),
        delivery.body,
    ];
    for (i, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(i + 1, value)?;
    }
    Ok(())
}
