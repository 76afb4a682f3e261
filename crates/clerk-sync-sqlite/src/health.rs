//! How a database file is set up, seen from outside the store: one that cannot be opened can be examined.

use std::path::Path;

use clerk_sync_core::{Health, StoreError};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{store_error, unavailable};
use crate::migrate::{self, Migration};
use crate::{Options, Synchronous, schema};

/// Examines the database at `path`, without making or changing anything.
///
/// # Errors
/// `Unavailable` when there is no file or it cannot be read; `Schema` when a migration is of another version.
pub fn health(path: impl AsRef<Path>, options: &Options) -> Result<Health, StoreError> {
    let path = path.as_ref();
    if !path.is_file() {
        return Err(unavailable(format!("there is no file {}", path.display())));
    }
    let failed = |error| store_error("open the database", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(options.busy_timeout).map_err(failed)?;
    let pending: Vec<String> = migrate::pending(&connection)?.iter().map(Migration::label).collect();
    let found = if pending.is_empty() {
        schema::examine(&connection)?
    } else {
        schema::Findings { faults: Vec::new(), duplicates: Vec::new() }
    };
    let mut not_durable = Vec::new();
    if options.synchronous == Synchronous::Normal {
        not_durable.push("synchronous is NORMAL".to_owned());
    }
    Ok(Health {
        pending,
        faults: found.faults,
        duplicates: found.duplicates,
        unwritable: try_writing(&mut connection).err().map(|error| error.to_string()),
        not_durable,
        // It is the clock of this machine.
        now: None,
    })
}

/// Writes a page, and takes it back.
fn try_writing(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("CREATE TABLE clerk_write_probe (at INTEGER) STRICT")?;
    transaction.rollback()
}
