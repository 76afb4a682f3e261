//! The database under a rig, looked at from outside the server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clerk_sync::core::port::Inspect;
use clerk_sync::core::{Delivery, DeliveryId, DeliveryStatus, Entry, Record, Role};

use crate::compose;
use crate::config::Database;

/// A `DATABASE_URL`.
#[derive(Debug, Clone)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    pub(crate) fn sqlite(path: &Path) -> Self {
        Self(format!("sqlite:{}", path.display()))
    }

    /// A database of its own beside the one `base` names, for one scenario. An existing one is not touched.
    pub(crate) fn beside(base: &str, name: &str) -> Result<Self> {
        let Some(path) = base.strip_prefix("sqlite:") else {
            bail!("DATABASE_URL {base:?}: this version knows sqlite: only");
        };
        let stem = path.strip_suffix(".db").unwrap_or(path);
        let path = PathBuf::from(format!("{stem}-{name}.db"));
        if path.exists() {
            bail!("{} is there already; name another --database-url, or remove it", path.display());
        }
        Ok(Self::sqlite(&path))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn database(&self) -> Result<Database> {
        Ok(Database::parse(&self.0)?)
    }

    /// Takes the write lock, as a backup or a stuck process would, until the answer is dropped.
    pub(crate) fn lock(&self) -> Result<Locked> {
        let Database::Sqlite { path, .. } = self.database()?;
        let connection = rusqlite::Connection::open(&path)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        connection.execute_batch("BEGIN IMMEDIATE").context("the write lock could not be taken")?;
        Ok(Locked { _connection: connection })
    }
}

/// A held write lock.
pub(crate) struct Locked {
    /// Closing it rolls back and lets go.
    _connection: rusqlite::Connection,
}

/// Every row there is, and the event log by id.
pub(crate) struct Rows {
    inspect: std::sync::Arc<dyn Inspect>,
    entries: Vec<Entry>,
}

impl Rows {
    pub(crate) async fn read(database: &DatabaseUrl) -> Result<Self> {
        let inspect = compose::inspect(&database.database()?)?;
        let mut entries = vec![];
        loop {
            let after = entries.last().map(|entry| match entry {
                Entry::Live(record) => record.id.clone(),
                Entry::Gone(tombstone) => tombstone.id.clone(),
            });
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
        self.live().find(|record| record.id.as_str() == id)
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
