//! Work taken by lease, and bodies dropped or erased.

use std::time::Duration;

use clerk_sync_core::{Delivery, DeliveryStatus, Record, StoreError, Timestamp, UserId};
use tokio_postgres::Row;

use super::Writes;
use crate::error::{Failure, unavailable};
use crate::pool::{Connection, Pool};
use crate::row::{DELIVERY_WIDTH, USER_WIDTH, read_delivery, read_record};
use crate::statement::Sql;
use crate::value::{Time, Value};

/// From when until when, and how much.
pub(crate) struct Period {
    pub(crate) now: Timestamp,
    pub(crate) lease_until: Timestamp,
    pub(crate) limit: u32,
}

pub(crate) async fn take_repairs(
    connection: &Connection,
    writes: &Writes,
    period: Period,
) -> Result<Vec<Record>, Failure> {
    take(connection, &writes.take_repairs, period, USER_WIDTH, |row| read_record(row, 0)).await
}

pub(crate) async fn take_deliveries(
    connection: &Connection,
    writes: &Writes,
    period: Period,
) -> Result<Vec<Delivery>, Failure> {
    take(connection, &writes.take_deliveries, period, DELIVERY_WIDTH, read_delivery).await
}

/// Takes what is due. A row that cannot be read is put off like the others, so that it does not stand before
/// them for ever; it is an error only where there is nothing else.
async fn take<T>(
    connection: &Connection,
    sql: &Sql,
    period: Period,
    was_due: usize,
    read: impl Fn(&Row) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let Period { now, lease_until, limit } = period;
    let values = [Value::time(now), Value::time(lease_until), Value::integer(limit)];
    let mut rows = Vec::new();
    for row in connection.rows(sql, &values).await? {
        let Time(was) = row.try_get(was_due)?;
        rows.push((was, row.try_get::<_, String>(0)?, row));
    }
    // The rows come in any order.
    rows.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let (mut taken, mut unreadable) = (Vec::new(), None::<StoreError>);
    for (_, _, row) in &rows {
        match read(row) {
            Ok(work) => taken.push(work),
            Err(Failure::Row(error)) => unreadable = unreadable.or(Some(error)),
            Err(failure) => return Err(failure),
        }
    }
    match unreadable {
        Some(error) if taken.is_empty() => Err(error.into()),
        _ => Ok(taken),
    }
}

pub(crate) async fn drop_bodies(
    connection: &Connection,
    writes: &Writes,
    status: DeliveryStatus,
    before: Timestamp,
    limit: u32,
) -> Result<u64, Failure> {
    let values = [Value::text(status.as_str()), Value::time(before), Value::integer(limit)];
    let ready = connection.ready(&writes.drop_bodies).await?;
    Ok(connection.execute(&ready, &values).await?)
}

/// How long erasing may take: it reads every body about no user.
const ERASE_TIME: Duration = Duration::from_secs(600);

pub(crate) async fn erase_bodies(
    pool: &Pool,
    writes: &Writes,
    user: &UserId,
    mentions: &[String],
    limit: u32,
) -> Result<u64, StoreError> {
    const DOING: &str = "erase bodies";
    let values = [Value::text(user.as_str()), Value::texts(mentions), Value::integer(limit)];
    let connection = pool.get(DOING).await?;
    let erase = async {
        let begin = format!("{}; SET LOCAL statement_timeout = 0", connection.settings().begin());
        connection.batch(&begin).await?;
        let ready = connection.ready(&writes.erase_bodies).await?;
        let erased = connection.execute(&ready, &values).await?;
        connection.batch("COMMIT").await?;
        Ok::<_, Failure>(erased)
    };
    match tokio::time::timeout(ERASE_TIME, erase).await {
        Ok(Ok(erased)) => Ok(erased),
        // What was begun ends with the connection.
        Ok(Err(failure)) => {
            connection.discard();
            Err(failure.into_store_error(DOING))
        }
        Err(_) => {
            connection.discard();
            Err(unavailable(format!("{DOING}: no answer in time")))
        }
    }
}
