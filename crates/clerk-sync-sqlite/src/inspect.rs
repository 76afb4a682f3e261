//! What operators ask.

use async_trait::async_trait;
use clerk_sync_core::port::{Backlog, Inspect};
use clerk_sync_core::{Delivery, DeliveryId, DeliveryStatus, Entry, StoreError, Timestamp, UserId};
use rusqlite::Connection;

use crate::SqliteStore;
use crate::error::Failure;
use crate::row::{DELIVERY_COLUMNS, USER_COLUMNS, read_delivery, read_entry};
use crate::write::{drop_bodies, nothing};

/// The longest page of entries or deliveries.
const MAX_PAGE: u32 = 1_000;

pub(crate) const ENTRIES: &str =
    concat!("SELECT ", USER_COLUMNS!(), " FROM clerk_user WHERE id > ?1 ORDER BY id LIMIT ?2");

pub(crate) const DELIVERY: &str =
    concat!("SELECT ", DELIVERY_COLUMNS!(), " FROM clerk_delivery WHERE id = ?1");

pub(crate) const DELIVERIES: &str = concat!(
    "SELECT ",
    DELIVERY_COLUMNS!(),
    " FROM clerk_delivery WHERE status = ?1 ORDER BY received_at DESC, id DESC LIMIT ?2"
);

// Users are counted as all entries without the deleted, since all entries are counted by the primary key
// alone.
pub(crate) const BACKLOG: &str = "SELECT
  (SELECT count(*) FROM clerk_delivery WHERE status = 'pending'),
  (SELECT count(*) FROM clerk_delivery WHERE status = 'failed'),
  (SELECT count(*) FROM clerk_delivery WHERE status = 'dead'),
  (SELECT min(received_at) FROM clerk_delivery WHERE status = 'pending'),
  (SELECT min(received_at) FROM clerk_delivery WHERE status = 'failed'),
  (SELECT count(*) FROM clerk_user WHERE repair_due_at IS NOT NULL),
  (SELECT count(*) FROM clerk_user WHERE webhook_at IS NULL AND source IN ('lookup', 'claims')
     AND deleted_at IS NULL AND recorded_at < ?1),
  (SELECT count(*) FROM clerk_user) - (SELECT count(*) FROM clerk_user WHERE deleted_at IS NOT NULL)";

#[async_trait]
impl Inspect for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.readers.with(|connection| Ok(connection.query_row("SELECT 1", (), |_| Ok(()))?))?;
        self.writer.run("ping", nothing).await
    }

    async fn backlog(&self, unconfirmed_before: Timestamp) -> Result<Backlog, StoreError> {
        self.readers.with(|connection| backlog(connection, unconfirmed_before))
    }

    async fn entries(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.readers.with(|connection| {
            let mut statement = connection.prepare_cached(ENTRIES)?;
            let after = after.map_or("", UserId::as_str);
            let mut rows = statement.query((after, limit.min(MAX_PAGE)))?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push(read_entry(row)?);
            }
            Ok(page)
        })
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.readers.with(|connection| {
            let mut statement = connection.prepare_cached(DELIVERY)?;
            let mut rows = statement.query([id.as_str()])?;
            rows.next()?.map(read_delivery).transpose()
        })
    }

    async fn deliveries(
        &self,
        status: Option<DeliveryStatus>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.readers.with(|connection| deliveries(connection, status, limit.min(MAX_PAGE)))
    }

    async fn drop_bodies(
        &self,
        status: DeliveryStatus,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let drop = move |connection: &_| drop_bodies(connection, status, before, limit);
        self.writer.run("drop bodies", drop).await
    }
}

fn backlog(connection: &Connection, unconfirmed_before: Timestamp) -> Result<Backlog, Failure> {
    let mut statement = connection.prepare_cached(BACKLOG)?;
    let backlog = statement.query_row([unconfirmed_before.as_millis()], |row| {
        let oldest: [Option<i64>; 2] = [row.get(3)?, row.get(4)?];
        Ok(Backlog {
            pending: row.get(0)?,
            failed: row.get(1)?,
            dead: row.get(2)?,
            oldest_unprocessed: oldest.into_iter().flatten().min().map(Timestamp::from_millis),
            dirty: row.get(5)?,
            unconfirmed: row.get(6)?,
            users: row.get(7)?,
        })
    })?;
    Ok(backlog)
}

/// The newest of each status asked for, as of one moment, and of these the newest.
fn deliveries(
    connection: &Connection,
    status: Option<DeliveryStatus>,
    limit: u32,
) -> Result<Vec<Delivery>, Failure> {
    let transaction = connection.unchecked_transaction()?;
    let mut found = Vec::new();
    for status in DeliveryStatus::ALL.into_iter().filter(|one| status.is_none_or(|wanted| wanted == *one)) {
        let mut statement = transaction.prepare_cached(DELIVERIES)?;
        let mut rows = statement.query((status.as_str(), limit))?;
        while let Some(row) = rows.next()? {
            found.push(read_delivery(row)?);
        }
    }
    found.sort_by(|a: &Delivery, b| (b.received_at, &b.id).cmp(&(a.received_at, &a.id)));
    found.truncate(limit as usize);
    Ok(found)
}
