use clerk_sync_core::{Delivery, DeliveryId, DeliveryState, DeliveryStatus, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Fields;
use crate::error::Failure;
use crate::value::Value;

/// The columns of `clerk_delivery` as [`read_delivery`] reads and [`delivery_values`] gives them.
macro_rules! delivery_columns {
    () => {
        "id, event_type, user_id, received_at, digest, status, attempts, outcome, error, processed_at, \
         due_at, body"
    };
}
pub(crate) use delivery_columns as DELIVERY_COLUMNS;

/// How many columns these are.
pub(crate) const DELIVERY_WIDTH: usize = 12;

/// The types of [`delivery_values`], and of the attempts expected where a statement looks at them.
pub(crate) const DELIVERY_TYPES: &[Type] = &[
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TIMESTAMPTZ,
    Type::BYTEA,
    Type::TEXT,
    Type::INT8,
    Type::TEXT,
    Type::TEXT,
    Type::TIMESTAMPTZ,
    Type::TIMESTAMPTZ,
    Type::TEXT,
    Type::INT8,
];

fn status(word: &str) -> Result<DeliveryStatus, &'static str> {
    DeliveryStatus::from_word(word).ok_or("is no known status")
}

fn digest(fields: &mut Fields<'_>) -> Result<[u8; 32], Failure> {
    let bytes: &[u8] = fields.required()?;
    bytes.try_into().map_err(|_| fields.corrupt("digest: is not 32 bytes long"))
}

pub(crate) fn read_delivery(row: &Row) -> Result<Delivery, Failure> {
    let mut fields = Fields::new(row, "clerk_delivery", 0);
    Ok(Delivery {
        id: fields.parse(DeliveryId::parse)?,
        event_type: fields.required()?,
        user_id: fields.parse_optional(UserId::parse)?,
        received_at: fields.time()?,
        digest: digest(&mut fields)?,
        status: fields.parse(status)?,
        attempts: fields.count()?,
        outcome: fields.optional()?,
        error: fields.optional()?,
        processed_at: fields.optional_time()?,
        due_at: fields.optional_time()?,
        body: fields.optional()?,
    })
}

/// Reads `id, status, attempts, digest` from column `first` on.
pub(crate) fn read_delivery_state(row: &Row, first: usize) -> Result<DeliveryState, Failure> {
    let mut fields = Fields::new(row, "clerk_delivery", first);
    fields.parse(DeliveryId::parse)?;
    Ok(DeliveryState {
        status: fields.parse(status)?,
        attempts: fields.count()?,
        digest: digest(&mut fields)?,
    })
}

/// The delivery as the parameters `$1` to `$12`.
pub(crate) fn delivery_values(delivery: &Delivery) -> Vec<Value<'_>> {
    vec![
        Value::text(delivery.id.as_str()),
        Value::text(&delivery.event_type),
        Value::optional_text(delivery.user_id.as_ref().map(UserId::as_str)),
        Value::time(delivery.received_at),
        Value::Bytes(&delivery.digest),
        Value::text(delivery.status.as_str()),
        Value::integer(delivery.attempts),
        Value::optional_text(delivery.outcome.as_deref()),
        Value::optional_text(delivery.error.as_deref()),
        Value::Time(delivery.processed_at),
        Value::Time(delivery.due_at),
        Value::optional_text(delivery.body.as_deref()),
    ]
}
