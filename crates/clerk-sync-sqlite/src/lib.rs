//! SQLite store of clerk-sync.
//!
//! One writer thread owns the one connection that writes; whatever commits wait for it go into one
//! transaction together, so that durability costs one sync for all of them. Reads are made in place, on a
//! few read-only connections: WAL keeps them going while anybody writes.
//!
//! Several processes of one host may share the file; several hosts may not, since WAL needs shared memory.
//!
//! ```no_run
//! use clerk_sync_sqlite::{Options, SqliteStore};
//!
//! # fn main() -> Result<(), clerk_sync_core::StoreError> {
//! let store = SqliteStore::open("users.db", Options::default())?;
//! # Ok(())
//! # }
//! ```

mod connection;
mod error;
mod health;
mod inspect;
mod migrate;
mod options;
mod read;
mod row;
mod schema;
mod search;
#[cfg(test)]
mod tests;
mod view;
mod write;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use clerk_sync_core::port::Store;
use clerk_sync_core::{
    Change, Commit, Delivery, Entry, Record, StoreError, Subject, Timestamp, UserId, View,
};
use tempfile::TempDir;

pub use health::health;
pub use migrate::{Migration, migrate, migration_sql, pending};
pub use options::{Migrate, Options, Synchronous};
pub use write::Written;

/// A [`Store`] on an SQLite file.
///
/// Dropping it finishes what waits in its queue, then ends its thread.
#[derive(Debug)]
pub struct SqliteStore {
    // In the order in which they are to end: the file goes last.
    readers: read::Readers,
    writer: write::Writer,
    path: PathBuf,
    options: Options,
    _directory: Option<TempDir>,
}

impl SqliteStore {
    /// Opens the database at `path`, and creates it where there is none.
    ///
    /// Pending migrations are applied or refused, as [`Options::migrate`] says; then what the store relies on
    /// (its unique indexes above all) is verified.
    ///
    /// # Errors
    /// `Schema` when a migration is pending and may not be applied, or when a table, view or index is
    /// missing or other than it must be; `Unavailable` when the file cannot be opened, read or locked.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        Self::open_in(path.as_ref(), options, None)
    }

    /// Opens an empty database of its own, which goes when the store is dropped.
    ///
    /// It is a file in a temporary directory, since a database in memory has no WAL to read beside a writer.
    ///
    /// # Errors
    /// `Unavailable` when no file can be created there.
    pub fn open_temporary(options: Options) -> Result<Self, StoreError> {
        let directory = tempfile::tempdir()
            .map_err(|e| error::unavailable("cannot create a temporary directory").caused_by(e))?;
        let path = directory.path().join("clerk-sync.db");
        Self::open_in(&path, options, Some(directory))
    }

    fn open_in(path: &Path, options: Options, directory: Option<TempDir>) -> Result<Self, StoreError> {
        let mut connection = connection::writer(path, &options)?;
        connection::require_wal(&connection)?;
        match options.migrate {
            Migrate::Apply => {
                migrate::migrate(&mut connection)?;
            }
            Migrate::Refuse => migrate::refuse_pending(&connection)?,
        }
        schema::verify(&connection)?;
        let readers = read::Readers::open(path, &options)?;
        let writer = write::Writer::start(connection, path, &options)?;
        Ok(Self { readers, writer, path: path.to_owned(), options, _directory: directory })
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How much was written since the store was opened.
    pub fn written(&self) -> Written {
        self.writer.written()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn record(&self, id: &UserId) -> Result<Option<Entry>, StoreError> {
        self.readers.with(|connection| view::entry(connection, id))
    }

    async fn view(&self, subject: &Subject) -> Result<View, StoreError> {
        let views = self.views(std::slice::from_ref(subject)).await?;
        Ok(views.into_iter().next().unwrap_or_default())
    }

    async fn views(&self, subjects: &[Subject]) -> Result<Vec<View>, StoreError> {
        self.readers.with(|connection| view::views(connection, subjects))
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Commit, StoreError> {
        self.writer.run("commit", move |connection| write::apply(connection, &changes)).await
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.readers.with(|connection| view::note(connection, name))
    }

    async fn take_repairs(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let take = move |connection: &_| write::take_repairs(connection, now, lease_until, limit);
        self.writer.run("take repairs", take).await?
    }

    async fn take_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let take = move |connection: &_| write::take_deliveries(connection, now, lease_until, limit);
        self.writer.run("take deliveries", take).await?
    }
}
