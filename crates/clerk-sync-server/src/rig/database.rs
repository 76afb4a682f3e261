//! The database under a rig, looked at from outside the server.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clerk_sync::core::port::Inspect;
use clerk_sync::core::{Delivery, DeliveryId, DeliveryStatus, Entry, Record, Role};

use super::Wire;
use crate::compose;
use crate::config::Database;

/// A `DATABASE_URL`.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    pub(crate) fn sqlite(path: &Path) -> Self {
        Self(format!("sqlite:{}", path.display()))
    }

    /// One that may lose what it acknowledged when the power is cut.
    pub(crate) fn sqlite_normal(path: &Path) -> Self {
        Self(format!("sqlite:{}?durability=normal", path.display()))
    }

    /// A database of its own beside the one `base` names, for one scenario: another file, schema or database.
    /// One that is there already is not touched.
    pub(crate) async fn beside(base: &str, name: &str) -> Result<Self> {
        let url = match Database::parse(base)? {
            Database::Sqlite { path, .. } => {
                let path = path.with_extension("");
                format!("sqlite:{}-{name}.db", path.display())
            }
            Database::Postgres { url, schema, pooler } => {
                let mark = if url.contains('?') { '&' } else { '?' };
                format!("{url}{mark}schema={schema}_{name}&pgbouncer={pooler}")
            }
            Database::Mongodb { uri } => beside_mongodb(&uri, name)?,
        };
        let there = match Database::parse(&url)? {
            Database::Sqlite { path, .. } => path.exists(),
            server => compose::inspect(&server).await.is_ok(),
        };
        if there {
            bail!("the database for {name} is there already; name another --database-url, or remove it");
        }
        Ok(Self(url))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn database(&self) -> Result<Database> {
        Ok(Database::parse(&self.0)?)
    }

    /// The same database over a wire that can be cut; `None` for one that is no server.
    pub(crate) async fn over_a_wire(&self) -> Result<Option<(Self, Wire)>> {
        if let Database::Sqlite { .. } = self.database()? {
            return Ok(None);
        }
        let (scheme, rest) = self.0.split_once("://").context("a database address has ://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
        let wire = Wire::lay(host.to_owned()).await?;
        let at = if user.is_empty() { "" } else { "@" };
        let path = if scheme.starts_with("mongodb") {
            // The names of a replica set would lead past the wire.
            format!("{}?directConnection=true", path.split('?').next().unwrap_or_default())
        } else {
            path.to_owned()
        };
        Ok(Some((Self(format!("{scheme}://{user}{at}{}/{path}", wire.address())), wire)))
    }

    /// Keeps everybody else from writing, as a backup or a stuck process would, until the answer is dropped;
    /// reading goes on. `None` where the database knows no such lock.
    pub(crate) async fn lock(&self) -> Result<Option<Locked>> {
        match self.database()? {
            Database::Sqlite { path, .. } => {
                let connection = rusqlite::Connection::open(&path)?;
                connection.busy_timeout(std::time::Duration::from_secs(10))?;
                connection.execute_batch("BEGIN IMMEDIATE").context("the write lock could not be taken")?;
                Ok(Some(Locked::Sqlite { _connection: connection }))
            }
            Database::Postgres { url, schema, .. } => {
                let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
                let driver = tokio::spawn(async move {
                    // It ends with the lock; that the server may see it as broken off is the point.
                    let _ = connection.await;
                });
                let lock = format!(
                    "BEGIN; LOCK TABLE \"{schema}\".clerk_user, \"{schema}\".clerk_delivery IN SHARE MODE"
                );
                client.batch_execute(&lock).await.context("the tables could not be locked")?;
                Ok(Some(Locked::Postgres { _client: client, driver }))
            }
            Database::Mongodb { .. } => Ok(None),
        }
    }
}

/// The database name of a MongoDB address is its path.
fn beside_mongodb(uri: &str, name: &str) -> Result<String> {
    let (address, query) = uri.split_once('?').map_or((uri, None), |(address, query)| (address, Some(query)));
    let (scheme, rest) = address.split_once("://").context("a MongoDB address has ://")?;
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    let database = if database.is_empty() { "clerk_sync" } else { database };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Ok(format!("{scheme}://{hosts}/{database}_{name}{query}"))
}

/// A held write lock.
pub(crate) enum Locked {
    /// Closing it rolls back and lets go.
    Sqlite { _connection: rusqlite::Connection },
    /// The same.
    Postgres { _client: tokio_postgres::Client, driver: tokio::task::JoinHandle<()> },
}

impl Drop for Locked {
    fn drop(&mut self) {
        if let Self::Postgres { driver, .. } = self {
            driver.abort();
        }
    }
}

/// Every row there is, and the event log by id.
pub(crate) struct Rows {
    inspect: Arc<dyn Inspect>,
    entries: Vec<Entry>,
}

impl Rows {
    pub(crate) async fn read(database: &DatabaseUrl) -> Result<Self> {
        Self::read_from(compose::inspect(&database.database()?).await?).await
    }

    /// The event log alone, for a database with more rows than are to be read.
    pub(crate) async fn log(database: &DatabaseUrl) -> Result<Self> {
        Ok(Self { inspect: compose::inspect(&database.database()?).await?, entries: vec![] })
    }

    pub(crate) async fn read_from(inspect: Arc<dyn Inspect>) -> Result<Self> {
        let mut entries = vec![];
        loop {
            let after = entries.last().map(|entry: &Entry| entry.id().clone());
            let page = inspect.entries(after.as_ref(), 1_000).await?;
            if page.is_empty() {
                return Ok(Self { inspect, entries });
            }
            entries.extend(page);
        }
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Record> {
        self.entries.iter().filter_map(Entry::live)
    }

    pub(crate) fn tombstones(&self) -> usize {
        self.entries.len() - self.live().count()
    }

    pub(crate) fn record(&self, id: &str) -> Option<&Record> {
        // Entries come in the order of their ids.
        let place = self.entries.binary_search_by(|entry| entry.id().as_str().cmp(id)).ok()?;
        self.entries.get(place)?.live()
    }

    pub(crate) fn is_gone(&self, id: &str) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Gone(stone) if stone.id.as_str() == id))
    }

    pub(crate) fn admins(&self) -> usize {
        self.live().filter(|record| record.role == Some(Role::admin())).count()
    }

    pub(crate) fn dirty(&self) -> usize {
        self.live().filter(|record| record.is_dirty()).count()
    }

    /// The event log's entry of a message.
    pub(crate) async fn delivery(&self, message_id: &str) -> Result<Option<Delivery>> {
        Ok(self.inspect.delivery(&DeliveryId::parse(message_id)?).await?)
    }

    /// How many deliveries are in none but the processed status.
    pub(crate) async fn unprocessed(&self) -> Result<usize> {
        let mut count = 0;
        for status in [DeliveryStatus::Pending, DeliveryStatus::Failed, DeliveryStatus::Dead] {
            count += self.inspect.deliveries(Some(status), 1_000).await?.len();
        }
        Ok(count)
    }
}
