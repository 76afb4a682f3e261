//! Work taken by lease, and bodies dropped or erased.

use clerk_sync_core::{Delivery, DeliveryStatus, Record, Repair, StoreError, Timestamp, UserId};
use rusqlite::{Connection, Row};

use super::Effect;
use crate::error::Failure;
use crate::row::{DELIVERY_COLUMNS, USER_COLUMNS, read_delivery, read_record};

pub(crate) const DUE_REPAIRS: &str = concat!(
    "SELECT ",
    USER_COLUMNS!(),
    " FROM clerk_user WHERE repair_due_at <= ?1 ORDER BY repair_due_at, id LIMIT ?2"
);

pub(crate) const LEASE_REPAIR: &str = "UPDATE clerk_user SET repair_due_at = ?2 WHERE id = ?1";

// Left to itself, SQLite takes the index by status and sorts everything that waits.
pub(crate) const DUE_DELIVERIES: &str = concat!(
    "SELECT ",
    DELIVERY_COLUMNS!(),
    " FROM clerk_delivery INDEXED BY clerk_delivery_due
     WHERE status IN ('pending', 'failed') AND due_at <= ?1
     ORDER BY due_at, id LIMIT ?2"
);

pub(crate) const LEASE_DELIVERY: &str = "UPDATE clerk_delivery SET due_at = ?2 WHERE id = ?1";

pub(crate) const DROP_BODIES: &str = "UPDATE clerk_delivery SET body = NULL WHERE id IN (
  SELECT id FROM clerk_delivery WHERE status = ?1 AND received_at < ?2 AND body IS NOT NULL
  ORDER BY received_at, id LIMIT ?3)";

pub(crate) const ERASE_OWN: &str = "UPDATE clerk_delivery SET body = NULL WHERE id IN (
  SELECT id FROM clerk_delivery WHERE user_id = ?1 AND body IS NOT NULL LIMIT ?2)";

// No index knows what a body says.
const ERASE_MENTIONS: &str = "UPDATE clerk_delivery SET body = NULL WHERE id IN (
  SELECT id FROM clerk_delivery WHERE user_id IS NULL AND instr(body, ?1) > 0 LIMIT ?2)";

/// Work taken. A row that cannot be read is put off like the others, so that it does not stand before them
/// for ever; it is an error only where there is nothing else.
pub(crate) type Taken<T> = Result<Vec<T>, StoreError>;

pub(crate) fn take_repairs(
    connection: &Connection,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
) -> Result<Effect<Taken<Record>>, Failure> {
    let period = (now, lease_until, limit);
    let mut taken = take(connection, DUE_REPAIRS, LEASE_REPAIR, period, read_record)?;
    for record in taken.iter_mut().flatten() {
        record.repair = record.repair.map(|repair| Repair { due_at: lease_until, ..repair });
    }
    Ok(Effect::Keep(taken))
}

pub(crate) fn take_deliveries(
    connection: &Connection,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
) -> Result<Effect<Taken<Delivery>>, Failure> {
    let period = (now, lease_until, limit);
    let mut taken = take(connection, DUE_DELIVERIES, LEASE_DELIVERY, period, read_delivery)?;
    for delivery in taken.iter_mut().flatten() {
        delivery.due_at = Some(lease_until);
    }
    Ok(Effect::Keep(taken))
}

fn take<T>(
    connection: &Connection,
    due: &str,
    lease: &str,
    (now, lease_until, limit): (Timestamp, Timestamp, u32),
    read: impl Fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Taken<T>, Failure> {
    let (mut ids, mut taken, mut unreadable) = (Vec::new(), Vec::new(), None);
    let mut statement = connection.prepare_cached(due)?;
    let mut rows = statement.query((now.as_millis(), limit))?;
    while let Some(row) = rows.next()? {
        ids.push(row.get::<_, String>(0)?);
        match read(row) {
            Ok(work) => taken.push(work),
            Err(Failure::Row(error)) => unreadable = unreadable.or(Some(error)),
            Err(failure) => return Err(failure),
        }
    }
    let mut lease = connection.prepare_cached(lease)?;
    for id in ids {
        lease.execute((id, lease_until.as_millis()))?;
    }
    match unreadable {
        Some(error) if taken.is_empty() => Ok(Err(error)),
        _ => Ok(Ok(taken)),
    }
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

pub(crate) fn erase_bodies(
    connection: &Connection,
    user: &UserId,
    mentions: &[String],
    limit: u32,
) -> Result<Effect<u64>, Failure> {
    let mut erase = connection.prepare_cached(ERASE_OWN)?;
    let mut erased = erase.execute((user.as_str(), limit))?;
    for text in mentions {
        let left = (limit as usize).saturating_sub(erased);
        let mut erase = connection.prepare_cached(ERASE_MENTIONS)?;
        erased += erase.execute((text, left))?;
    }
    Ok(Effect::Keep(erased as u64))
}

/// Nothing, in a transaction that could have written.
pub(crate) fn nothing(_: &Connection) -> Result<Effect<()>, Failure> {
    Ok(Effect::Keep(()))
}
