//! What operators ask.

use async_trait::async_trait;
use clerk_sync_core::port::{Backlog, Inspect};
use clerk_sync_core::{
    Delivery, DeliveryCursor, DeliveryFilter, DeliveryId, DeliveryStatus, Entry, Health, StoreError,
    Timestamp, UserFilter, UserId,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::PostgresStore;
use crate::error::{Failure, unavailable};
use crate::name::Schema;
use crate::row::{DELIVERY_COLUMNS, read_delivery, read_entry};
use crate::search::Search;
use crate::statement::Sql;
use crate::value::{Time, Value};
use crate::{health, write};

const PING: &str = "SELECT current_setting('transaction_read_only') = 'off'";

const DELIVERY: &str = concat!("SELECT ", DELIVERY_COLUMNS!(), " FROM {s}.clerk_delivery WHERE id = $1");

const BACKLOG: &str = "SELECT
  (SELECT count(*) FROM {s}.clerk_delivery WHERE status = 'pending'),
  (SELECT count(*) FROM {s}.clerk_delivery WHERE status = 'failed'),
  (SELECT count(*) FROM {s}.clerk_delivery WHERE status = 'dead'),
  least((SELECT min(received_at) FROM {s}.clerk_delivery WHERE status = 'pending'),
    (SELECT min(received_at) FROM {s}.clerk_delivery WHERE status = 'failed')),
  (SELECT count(*) FROM {s}.clerk_user WHERE repair_due_at IS NOT NULL),
  (SELECT count(*) FROM {s}.clerk_user WHERE webhook_at IS NULL AND source IN ('lookup', 'claims')
     AND deleted_at IS NULL AND recorded_at < $1),
  (SELECT count(*) FROM {s}.clerk_user)
    - (SELECT count(*) FROM {s}.clerk_user WHERE deleted_at IS NOT NULL),
  (SELECT min(repair_due_at) FROM {s}.clerk_user WHERE repair_due_at IS NOT NULL),
  (SELECT max(recorded_at) FROM {s}.clerk_user WHERE webhook_at IS NULL AND source IN ('lookup', 'claims')
     AND deleted_at IS NULL AND recorded_at < $1)";

/// The statements that operators need.
#[derive(Debug)]
pub(crate) struct Looks {
    pub(crate) ping: Sql,
    pub(crate) delivery: Sql,
    pub(crate) backlog: Sql,
}

impl Looks {
    pub(crate) fn new(schema: &Schema) -> Self {
        const MOMENT: &[Type] = &[Type::TIMESTAMPTZ];
        const ID: &[Type] = &[Type::TEXT];
        let sql = |text, types: &[Type]| Sql::new(schema, text, types);
        Self { ping: sql(PING, &[]), delivery: sql(DELIVERY, ID), backlog: sql(BACKLOG, MOMENT) }
    }
}

#[async_trait]
impl Inspect for PostgresStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let rows = self.look("ping", &self.looks.ping, &[]).await?;
        match rows.first().map(|row| row.try_get(0)) {
            Some(Ok(true)) => Ok(()),
            _ => Err(unavailable("the database is read-only")),
        }
    }

    async fn backlog(&self, unconfirmed_before: Timestamp) -> Result<Backlog, StoreError> {
        let doing = "count what waits";
        let rows = self.look(doing, &self.looks.backlog, &[Value::time(unconfirmed_before)]).await?;
        let row = rows.first().ok_or_else(|| unavailable(doing))?;
        read_backlog(row).map_err(|failure| failure.into_store_error(doing))
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.with("examine the database", async |connection| {
            health::examine(connection.client(), &self.schema).await
        })
        .await
    }

    async fn search_users(
        &self,
        filter: &UserFilter,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let search = Search::for_users(filter, after, limit);
        let rows = self.search("search for users", search).await?;
        rows.iter().map(|row| read_entry(row, 0)).collect::<Result<_, _>>().map_err(in_a_page)
    }

    async fn search_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let search = Search::for_deliveries(filter, after, limit);
        let rows = self.search("search for deliveries", search).await?;
        rows.iter().map(read_delivery).collect::<Result<_, _>>().map_err(in_a_page)
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let rows = self.look("read a delivery", &self.looks.delivery, &[Value::text(id.as_str())]).await?;
        rows.first().map(read_delivery).transpose().map_err(in_a_page)
    }

    async fn drop_bodies(
        &self,
        status: DeliveryStatus,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.with("drop bodies", async |connection| {
            write::drop_bodies(connection, &self.writes, status, before, limit).await
        })
        .await
    }

    async fn erase_bodies(&self, user: &UserId, mentions: &[String], limit: u32) -> Result<u64, StoreError> {
        write::erase_bodies(&self.pool, &self.writes, user, mentions, limit).await
    }
}

impl PostgresStore {
    async fn search(&self, doing: &str, search: Search<'_>) -> Result<Vec<Row>, StoreError> {
        let text = self.schema.fill(&search.sql);
        self.with(doing, async |connection| {
            Ok(connection.client().query_typed(&text, &search.typed()).await?)
        })
        .await
    }

    async fn look(&self, doing: &str, sql: &Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.with(doing, async |connection| connection.rows(sql, values).await).await
    }
}

fn in_a_page(failure: Failure) -> StoreError {
    failure.into_store_error("read a row")
}

fn read_backlog(row: &Row) -> Result<Backlog, Failure> {
    let count = |column: usize| Ok::<_, Failure>(row.try_get::<_, i64>(column)?.try_into().unwrap_or(0));
    Ok(Backlog {
        pending: count(0)?,
        failed: count(1)?,
        dead: count(2)?,
        oldest_unprocessed: row.try_get::<_, Option<Time>>(3)?.map(|Time(time)| time),
        dirty: count(4)?,
        oldest_repair: row.try_get::<_, Option<Time>>(7)?.map(|Time(time)| time),
        unconfirmed: count(5)?,
        newest_unconfirmed: row.try_get::<_, Option<Time>>(8)?.map(|Time(time)| time),
        users: count(6)?,
    })
}
