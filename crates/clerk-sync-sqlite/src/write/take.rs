//! Work taken by lease, and bodies dropped.

use clerk_sync_core::{Delivery, DeliveryStatus, Record, Repair, Timestamp};
use rusqlite::Connection;

use super::Effect;
use crate::error::Failure;
use crate::row::{DELIVERY_COLUMNS, USER_COLUMNS, read_delivery, read_record};

pub(crate) const DUE_REPAIRS: &str = concat!(
    "SELECT ",
    USER_COLUMNS!(),
    " FROM clerk_user WHERE repair_due_at <= ?1 ORDER BY repair_due_at, id LIMIT ?2"
);

pub(crate) const LEASE_REPAIR: &str = "UPDATE clerk_user SET repair_due_at = ?2 WHERE id = ?1";

pub(crate) const DUE_DELIVERIES: &str = concat!(
    "SELECT ",
    DELIVERY_COLUMNS!(),
    " FROM clerk_delivery WHERE status IN ('pending', 'failed') AND due_at <= ?1
     ORDER BY due_at, id LIMIT ?2"
);

pub(crate) const LEASE_DELIVERY: &str = "UPDATE clerk_delivery SET due_at = ?2 WHERE id = ?1";

pub(crate) const DROP_BODIES: &str = "UPDATE clerk_delivery SET body = NULL WHERE id IN (
  SELECT id FROM clerk_delivery WHERE status = ?1 AND received_at < ?2 AND body IS NOT NULL
  ORDER BY received_at, id LIMIT ?3)";

pub(crate) fn take_repairs(
    connection: &Connection,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
) -> Result<Effect<Vec<Record>>, Failure> {
    let mut taken = Vec::new();
    let mut due = connection.prepare_cached(DUE_REPAIRS)?;
    let mut rows = due.query((now.as_millis(), limit))?;
    while let Some(row) = rows.next()? {
        taken.push(read_record(row)?);
    }
    let mut lease = connection.prepare_cached(LEASE_REPAIR)?;
    for record in &mut taken {
        lease.execute((record.id.as_str(), lease_until.as_millis()))?;
        record.repair = record.repair.map(|repair| Repair { due_at: lease_until, ..repair });
    }
    Ok(Effect::Keep(taken))
}

pub(crate) fn take_deliveries(
    connection: &Connection,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
) -> Result<Effect<Vec<Delivery>>, Failure> {
    let mut taken = Vec::new();
    let mut due = connection.prepare_cached(DUE_DELIVERIES)?;
    let mut rows = due.query((now.as_millis(), limit))?;
    while let Some(row) = rows.next()? {
        taken.push(read_delivery(row)?);
    }
    let mut lease = connection.prepare_cached(LEASE_DELIVERY)?;
    for delivery in &mut taken {
        lease.execute((delivery.id.as_str(), lease_until.as_millis()))?;
        delivery.due_at = Some(lease_until);
    }
    Ok(Effect::Keep(taken))
}

pub(crate) fn drop_bodies(
    connection: &Connection,
    status: DeliveryStatus,
    before: Timestamp,
    limit: u32,
) -> Result<Effect<u64>, Failure> {
    let mut drop = connection.prepare_cached(DROP_BODIES)?;
    let dropped = drop.execute((status.as_str(), before.as_millis(), limit))?;
    Ok(Effect::Keep(dropped as u64))
}

/// Nothing, in a transaction that could have written.
pub(crate) fn nothing(_: &Connection) -> Result<Effect<()>, Failure> {
    Ok(Effect::Keep(()))
}
