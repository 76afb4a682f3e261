//! PostgreSQL store of clerk-sync.
//!
//! Everything is in one schema of the database, `clerk_sync` by default. Its table `clerk_user` is keyed by
//! Clerk's id, so that an app can point foreign keys at it; apps read the view `users`.
//!
//! A commit is one transaction at READ COMMITTED. Rows are locked in the order of their ids, revisions are
//! compared in the statement that writes, and what has to be unique is kept so by indexes.
//!
//! Things to know:
//!
//! - `public_metadata` is kept as text, byte for byte, since `jsonb` sorts keys and rewrites numbers; the view
//!   has it as `jsonb`, by a function an app can build an index on.
//! - Times are kept to the millisecond; NUL, which PostgreSQL has in no text, is left out.
//! - `sslmode=require` verifies the server's certificate and name. The words `verify-ca` and `verify-full` are
//!   not known to it, nor is `sslrootcert`: that is [`Options::root_certificates`].
//! - Behind `PgBouncer` in transaction mode set [`Options::transaction_pooler`], before 1.21 also
//!   [`Options::prepared_statements`] to `false`, and give [`Options::listen_url`].
//! - A failover to a standby that was not synchronous loses what was acknowledged last, as it does for
//!   everybody: compare with Clerk after one.
//!
//! ```no_run
//! use clerk_sync_postgres::{Options, PostgresStore};
//!
//! # async fn run() -> Result<(), clerk_sync_core::StoreError> {
//! let store = PostgresStore::connect("postgres://app@localhost/app", Options::default()).await?;
//! # Ok(())
//! # }
//! ```

mod changes;
mod connection;
mod error;
mod health;
mod inspect;
mod migrate;
mod name;
mod options;
mod pool;
mod read;
mod row;
mod search;
mod statement;
#[cfg(test)]
mod tests;
mod value;
mod verify;
mod view;
mod write;

use std::fmt;

use async_trait::async_trait;
use clerk_sync_core::port::Store;
use clerk_sync_core::{
    Change, Commit, Delivery, Entry, Record, StoreError, Subject, Timestamp, UserId, View,
};

use changes::Listener;
use connection::Server;
use deadpool_postgres::RecyclingMethod;
use error::{Failure, unavailable};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt};
use name::Schema;
use pool::{Connection, Pool};
use read::Readers;
use tokio::sync::Mutex;

pub use health::health;
pub use migrate::{Migration, migrate, migration_sql, pending};
pub use options::{Migrate, Options};

/// A [`Store`] on a PostgreSQL database.
pub struct PostgresStore {
    pool: Pool,
    readers: Readers,
    listener: Listener,
    schema: Schema,
    reads: view::Reads,
    writes: write::Writes,
    looks: inspect::Looks,
    /// Whether there is anything to listen to: not through a pooler in transaction mode.
    listens: bool,
    /// What [`Store::changed`] hears through, once it was asked.
    heard: Mutex<Option<BoxStream<'static, UserId>>>,
}

impl PostgresStore {
    /// Connects to the database at `url` (`postgres://…`, or libpq's `key=value` form).
    ///
    /// Pending migrations are applied or refused, as [`Options::migrate`] says; then what the store relies on
    /// (its unique indexes above all) is verified.
    ///
    /// # Errors
    /// `Schema` when the URL or an option cannot be used, when a migration is pending and may not be applied,
    /// or when something the store relies on is missing or other than it must be; `Unavailable` when the
    /// server cannot be reached.
    pub async fn connect(url: &str, options: Options) -> Result<Self, StoreError> {
        let schema = Schema::parse(&options.schema)?;
        let server = Server::parse(url, &options)?;
        let pool = Pool::new(&server, options.connections, RecyclingMethod::Fast, &options)?;
        let connection = pool.get("connect").await?;
        let client = connection.client();
        let migrated = match options.migrate {
            Migrate::Apply => migrate::apply(client, &schema).await.map(drop),
            Migrate::Refuse => migrate::refuse_pending(client, &schema).await,
        };
        migrated.map_err(|failure| failure.into_store_error("migrate"))?;
        let verified = verify::verify(client, &schema, options.accept_asynchronous_default).await;
        verified.map_err(|failure| failure.into_store_error("verify the schema"))?;
        drop(connection);
        let listen_at = match &options.listen_url {
            Some(url) => Server::parse(url, &options)?,
            None => server.clone(),
        };
        Ok(Self {
            readers: Readers::new(&server, &pool, &options)?,
            listener: Listener::new(listen_at, schema.channel()),
            pool,
            reads: view::Reads::new(&schema),
            writes: write::Writes::new(&schema),
            looks: inspect::Looks::new(&schema),
            listens: !options.transaction_pooler || options.listen_url.is_some(),
            heard: Mutex::new(None),
            schema,
        })
    }

    /// The users whose entries were changed by a commit of any replica, this one too, from now on.
    ///
    /// It is advice, and soon: while the connection is lost nothing is heard, and the stream tries to connect
    /// again for as long as it is polled. Whoever waits for a user looks from time to time all the same. It
    /// has a connection of its own, which goes with it.
    ///
    /// The stream listens when this answers, unless the server could not be reached.
    pub async fn changes(&self) -> impl Stream<Item = UserId> + Send + Unpin + use<> {
        self.listener.changes().await
    }

    /// Does something with a connection, within the time an operation may take.
    async fn with<T>(
        &self,
        doing: &str,
        work: impl AsyncFnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let connection = self.pool.get(doing).await?;
        let result = tokio::time::timeout(self.pool.deadline(), work(&connection)).await;
        if !matches!(result, Ok(Ok(_) | Err(Failure::Row(_)))) {
            // It may still wait for an answer, or be with a server that is no longer the one that writes.
            connection.discard();
        }
        match result {
            Ok(result) => result.map_err(|failure| failure.into_store_error(doing)),
            Err(_) => Err(unavailable(format!("{doing}: no answer in time"))),
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the URL: a password may be part of it.
        f.debug_struct("PostgresStore").field("schema", &self.schema.as_str()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn record(&self, id: &UserId) -> Result<Option<Entry>, StoreError> {
        self.readers
            .with("read a user", async |connection| view::entry(connection, &self.reads, id).await)
            .await
    }

    async fn view(&self, subject: &Subject) -> Result<View, StoreError> {
        let views = self.views(std::slice::from_ref(subject)).await?;
        Ok(views.into_iter().next().unwrap_or_default())
    }

    async fn views(&self, subjects: &[Subject]) -> Result<Vec<View>, StoreError> {
        self.readers
            .with("view", async |connection| view::views(connection, &self.reads, subjects).await)
            .await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Commit, StoreError> {
        let commit = write::commit(&self.pool, &self.writes, &changes);
        match tokio::time::timeout(self.pool.deadline(), commit).await {
            Ok(result) => result,
            Err(_) => Err(unavailable("commit: no answer in time")),
        }
    }

    async fn changed(&self) -> Result<Vec<UserId>, StoreError> {
        if !self.listens {
            return std::future::pending().await;
        }
        let mut heard = self.heard.lock().await;
        let stream = match &mut *heard {
            Some(stream) => stream,
            none => none.insert(self.changes().await.boxed()),
        };
        let mut ids: Vec<UserId> = stream.next().await.into_iter().collect();
        // Whatever else is there already wakes in the same go.
        while let Some(Some(id)) = stream.next().now_or_never() {
            ids.push(id);
        }
        Ok(ids)
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.readers
            .with("read a note", async |connection| view::note(connection, &self.reads, name).await)
            .await
    }

    async fn take_repairs(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let period = write::Period { now, lease_until, limit };
        self.with("take repairs", async |connection| {
            write::take_repairs(connection, &self.writes, period).await
        })
        .await
    }

    async fn take_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let period = write::Period { now, lease_until, limit };
        self.with("take deliveries", async |connection| {
            write::take_deliveries(connection, &self.writes, period).await
        })
        .await
    }
}
