//! Connections, each with the settings SQLite does not keep in the file.

use std::path::Path;
use std::time::Duration;

use clerk_sync_core::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Result};

use crate::Options;
use crate::error::{store_error, unavailable};

/// Statements kept prepared; there are fewer.
const STATEMENTS: usize = 64;

/// How long a read waits for a lock. WAL makes readers wait only while the log is recovered.
const READ_TIMEOUT: Duration = Duration::from_millis(250);

/// The connection that writes.
pub(crate) fn writer(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    open_writer(path, options).map_err(|error| store_error("open the database to write", error))
}

pub(crate) fn open_writer(path: &Path, options: &Options) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.pragma_update(None, "synchronous", options.synchronous.pragma())?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Both bound how often one page goes to the disk: pages by the log's length, and KiB of cache (SQLite's
    // defaults are 1 000 and 2 000).
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    // What was deleted of a person is overwritten, not only unlinked.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Prepares each statement once.
fn keep_statements(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without this guarantee SQLite plans anew whenever a parameter that might matter to the plan is bound,
    // which takes ten times as long as the statement itself.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Whether readers go on while the connection writes, which is what this store is built on.
pub(crate) fn require_wal(connection: &Connection) -> Result<(), StoreError> {
    let mode: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(|error| store_error("ask for the journal mode", error))?;
    if mode == "wal" {
        return Ok(());
    }
    Err(unavailable(format!("the database cannot keep a write-ahead log (it says {mode})")))
}

/// A connection that reads, and can do nothing else.
pub(crate) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(READ_TIMEOUT)?;
        connection.pragma_update(None, "query_only", true)?;
        keep_statements(&connection)?;
        Ok(connection)
    };
    open().map_err(|error| store_error("open the database to read", error))
}
