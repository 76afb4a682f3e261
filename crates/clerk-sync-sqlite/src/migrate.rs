//! Migrations: numbered, append-only, forward only.

use clerk_sync_core::{StoreError, StoreErrorKind};
use rusqlite::{Connection, Result, TransactionBehavior};

use crate::error::{Failure, is_busy, store_error};

/// One step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its place in the order, from 1.
    pub number: u32,
    /// What it does, in words.
    pub name: &'static str,
    pub(crate) sql: &'static str,
}

impl Migration {
    pub(crate) fn label(&self) -> String {
        format!("{:04}_{}", self.number, self.name)
    }
}

/// All migrations, in their order. Those that were released never change.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "users_and_deliveries",
    sql: include_str!("../migrations/0001_users_and_deliveries.sql"),
}];

/// The SQL of all migrations, for those who want to read it first.
pub fn migration_sql() -> String {
    MIGRATIONS.iter().map(|migration| migration.sql).collect::<Vec<_>>().join("\n")
}

// The text itself is kept, and not a digest of it: what ran can be read where it ran.
const CREATE_HISTORY: &str = "CREATE TABLE IF NOT EXISTS clerk_migration (
  number INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  sql TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT";

/// How often the lock is asked for, each time for as long as the connection's busy time-out.
const ATTEMPTS: u32 = 5;

/// Applies what is pending, all or nothing, and answers what was applied.
///
/// Processes that start at once wait for each other; the later one finds nothing to do.
///
/// # Errors
/// `Schema` when an applied migration is other than the one of this version, or unknown to it;
/// `Unavailable` when the database cannot be locked or written.
pub fn migrate(connection: &mut Connection) -> Result<Vec<Migration>, StoreError> {
    // A database that needs nothing is not locked, so that a read-only one can be opened.
    if pending(connection)?.is_empty() {
        return Ok(Vec::new());
    }
    let mut attempt = 1;
    loop {
        match migrate_once(connection) {
            Err(Failure::Sqlite(error)) if is_busy(&error) && attempt < ATTEMPTS => attempt += 1,
            result => return result.map_err(|failure| failure.into_store_error("migrate")),
        }
    }
}

/// The migrations that are not applied yet.
///
/// # Errors
/// `Schema` when an applied migration is other than the one of this version, or unknown to it.
pub fn pending(connection: &Connection) -> Result<Vec<Migration>, StoreError> {
    not_applied(connection).map_err(|failure| failure.into_store_error("read the applied migrations"))
}

/// Refuses a database with pending migrations.
pub(crate) fn refuse_pending(connection: &Connection) -> Result<(), StoreError> {
    let pending = pending(connection)?;
    if pending.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = pending.iter().map(Migration::label).collect();
    Err(StoreError::new(StoreErrorKind::Schema, format!("pending migrations: {}", names.join(", "))))
}

fn migrate_once(connection: &mut Connection) -> Result<Vec<Migration>, Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    // Looked up again under the lock: another process may have been first.
    let pending = not_applied(&transaction)?;
    transaction.execute_batch(CREATE_HISTORY)?;
    for migration in &pending {
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "INSERT INTO clerk_migration (number, name, sql, applied_at)
             VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000 AS INTEGER))",
            (migration.number, migration.name, migration.sql),
        )?;
    }
    transaction.commit()?;
    Ok(pending)
}

fn not_applied(connection: &Connection) -> Result<Vec<Migration>, Failure> {
    // Asked with a statement: `table_exists` answers from the schema the connection has read before, which
    // another process may have changed since.
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'clerk_migration'";
    if connection.query_row(sql, (), |row| row.get::<_, i64>(0))? == 0 {
        return Ok(MIGRATIONS.to_vec());
    }
    let mut statement =
        connection.prepare("SELECT number, name, sql FROM clerk_migration ORDER BY number")?;
    let rows = statement.query_map((), |row| {
        Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let mut known = MIGRATIONS.iter();
    for row in rows {
        let (number, name, sql) = row?;
        let refuse = |why: &str| {
            let context = format!("migration {number:04}_{name} of this database {why}");
            Failure::Row(StoreError::new(StoreErrorKind::Schema, context))
        };
        let migration = known.next().ok_or_else(|| refuse("is of a later version"))?;
        if (migration.number, migration.name, migration.sql) != (number, name.as_str(), sql.as_str()) {
            return Err(refuse("is not the one of this version"));
        }
    }
    Ok(known.copied().collect())
}

/// An empty database in memory with every migration applied: the schema as it should be.
pub(crate) fn reference() -> Result<Connection, StoreError> {
    let create = || {
        let mut connection = Connection::open_in_memory()?;
        Ok(migrate_once(&mut connection).map(|_| connection))
    };
    create()
        .map_err(|error| store_error("open a database in memory", error))?
        .map_err(|failure| failure.into_store_error("migrate a database in memory"))
}
