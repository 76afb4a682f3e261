//! What operators ask.

use async_trait::async_trait;
use clerk_sync_core::port::{Backlog, Inspect};
use clerk_sync_core::{
    Delivery, DeliveryCursor, DeliveryFilter, DeliveryId, DeliveryStatus, Entry, Health, StoreError,
    Timestamp, UserFilter, UserId,
};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::{Failure, unavailable};
use crate::row::{DELIVERY_COLUMNS, read_delivery};
use crate::write::{drop_bodies, erase_bodies, nothing};
use crate::{SqliteStore, health, search};

pub(crate) const DELIVERY: &str =
    concat!("SELECT ", DELIVERY_COLUMNS!(), " FROM clerk_delivery WHERE id = ?1");

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
  (SELECT count(*) FROM clerk_user) - (SELECT count(*) FROM clerk_user WHERE deleted_at IS NOT NULL),
  (SELECT min(repair_due_at) FROM clerk_user WHERE repair_due_at IS NOT NULL),
  (SELECT max(recorded_at) FROM clerk_user WHERE webhook_at IS NULL AND source IN ('lookup', 'claims')
     AND deleted_at IS NULL AND recorded_at < ?1)";

#[async_trait]
impl Inspect for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.readers.with(|connection| Ok(connection.query_row("SELECT 1", (), |_| Ok(()))?))?;
        self.writer.run("ping", nothing).await
    }

    async fn backlog(&self, unconfirmed_before: Timestamp) -> Result<Backlog, StoreError> {
        self.readers.with(|connection| backlog(connection, unconfirmed_before))
    }

    async fn health(&self) -> Result<Health, StoreError> {
        // It may wait for the lock, so it has a thread to itself for that time.
        let (path, options) = (self.path.clone(), self.options.clone());
        let (reply, answer) = oneshot::channel();
        std::thread::spawn(move || {
            // Whoever asked may have gone.
            let _ = reply.send(health::health(path, &options));
        });
        answer.await.unwrap_or_else(|_| Err(unavailable("the database could not be examined")))
    }

    async fn search_users(
        &self,
        filter: &UserFilter,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        self.readers.with(|connection| search::users(connection, filter, after, limit))
    }

    async fn search_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.readers.with(|connection| search::deliveries(connection, filter, after, limit))
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.readers.with(|connection| {
            let mut statement = connection.prepare_cached(DELIVERY)?;
            let mut rows = statement.query([id.as_str()])?;
            rows.next()?.map(read_delivery).transpose()
        })
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

    async fn erase_bodies(&self, user: &UserId, mentions: &[String], limit: u32) -> Result<u64, StoreError> {
        let (user, mentions) = (user.clone(), mentions.to_vec());
        let erase = move |connection: &_| erase_bodies(connection, &user, &mentions, limit);
        self.writer.run("erase bodies", erase).await
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
            oldest_repair: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_millis),
            unconfirmed: row.get(6)?,
            newest_unconfirmed: row.get::<_, Option<i64>>(9)?.map(Timestamp::from_millis),
            users: row.get(7)?,
        })
    })?;
    Ok(backlog)
}
