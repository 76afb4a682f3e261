//! Migrations: numbered, append-only, forward only.
//!
//! A migration expands the schema, so that the version before goes on with it, or contracts it once no older
//! version is in use: replicas of two versions share a database while one replaces the other.

use clerk_sync_core::StoreError;
use deadpool_postgres::RecyclingMethod;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use crate::Options;
use crate::connection::Server;
use crate::error::{Failure, schema as schema_error};
use crate::name::Schema;
use crate::pool::{Connection, Pool};

/// One step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its place in the order, from 1.
    pub number: u32,
    /// What it does, in words.
    pub name: &'static str,
    /// The lowest last migration a version must know to work with the schema as it is afterwards. It stays
    /// what it was when the step expands, and rises when it contracts.
    pub(crate) needs: u32,
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
    needs: 1,
    sql: include_str!("../migrations/0001_users_and_deliveries.sql"),
}];

// The text itself is kept, and not a digest of it: what ran can be read where it ran.
const CREATE_HISTORY: &str = "CREATE TABLE IF NOT EXISTS clerk_migration (
  number integer NOT NULL CONSTRAINT clerk_migration_pkey PRIMARY KEY,
  name text NOT NULL,
  needs integer NOT NULL,
  sql text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)";

/// What is run before the pending migrations, in their transaction. Replicas that start at once wait for each
/// other; a table that is in use is waited for a short time only, since everybody else would wait behind us.
fn prelude(schema: &Schema) -> String {
    let (name, quoted) = (schema.as_str(), schema.quoted());
    format!(
        "SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '60s';
SELECT pg_advisory_xact_lock(hashtextextended('clerk-sync migrations of {name}', 0));
SET LOCAL lock_timeout = '3s';
CREATE SCHEMA IF NOT EXISTS {quoted};
SET LOCAL search_path = {quoted};
{CREATE_HISTORY}"
    )
}

/// What is run for one migration.
fn text(migration: &Migration) -> String {
    let Migration { number, name, needs, sql } = migration;
    format!(
        "{sql}
INSERT INTO clerk_migration (number, name, needs, sql) VALUES ({number}, '{name}', {needs}, $clerk${sql}$clerk$)"
    )
}

/// The SQL of all migrations, for those who let nobody else change their schema. Run as one script by
/// psql, it does what a store does that connects to an empty database.
///
/// # Errors
/// `Schema` when `schema` is no name for a schema.
pub fn migration_sql(schema: &str) -> Result<String, StoreError> {
    let schema = Schema::parse(schema)?;
    let steps: Vec<String> = MIGRATIONS.iter().map(text).collect();
    Ok(format!("BEGIN;\n{};\n\n{};\n\nCOMMIT;\n", prelude(&schema), steps.join(";\n\n")))
}

/// Applies what is pending in the database at `url`, all or nothing, and answers what was applied.
///
/// # Errors
/// `Schema` when an applied migration is other than the one of this version, or one this version cannot
/// work with; `Unavailable` when the server cannot be reached or the lock is not to be had.
pub async fn migrate(url: &str, options: &Options) -> Result<Vec<Migration>, StoreError> {
    let (schema, connection) = connect(url, options).await?;
    apply(connection.client(), &schema).await.map_err(|failure| failure.into_store_error("migrate"))
}

/// The migrations that are not applied yet in the database at `url`.
///
/// # Errors
/// As those of [`migrate()`].
pub async fn pending(url: &str, options: &Options) -> Result<Vec<Migration>, StoreError> {
    let (schema, connection) = connect(url, options).await?;
    let pending = not_applied(connection.client(), &schema).await;
    pending.map_err(|failure| failure.into_store_error("read the applied migrations"))
}

pub(crate) async fn connect(url: &str, options: &Options) -> Result<(Schema, Connection), StoreError> {
    let schema = Schema::parse(&options.schema)?;
    let server = Server::parse(url, options)?;
    let pool = Pool::new(&server, 1, RecyclingMethod::Fast, options)?;
    Ok((schema, pool.get("connect").await?))
}

/// Applies what is pending, all or nothing, and answers what was applied.
pub(crate) async fn apply(client: &Client, schema: &Schema) -> Result<Vec<Migration>, Failure> {
    // A database that needs nothing is not locked, nor need its role be allowed to create anything.
    if not_applied(client, schema).await?.is_empty() {
        return Ok(Vec::new());
    }
    client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
    let result = migrate_locked(client, schema).await;
    let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    client.batch_execute(end).await?;
    result
}

async fn migrate_locked(client: &Client, schema: &Schema) -> Result<Vec<Migration>, Failure> {
    client.batch_execute(&prelude(schema)).await?;
    // Looked up again under the lock: another replica may have been first.
    let pending = not_applied(client, schema).await?;
    for migration in &pending {
        client.batch_execute(&text(migration)).await?;
    }
    Ok(pending)
}

/// The migrations that are not applied yet.
pub(crate) async fn not_applied(client: &Client, schema: &Schema) -> Result<Vec<Migration>, Failure> {
    let mut known = MIGRATIONS.iter();
    for applied in history(client, schema).await? {
        let refuse = |why: &str| {
            let (number, name) = (applied.number, &applied.name);
            Failure::Row(schema_error(format!("migration {number:04}_{name} of this database {why}")))
        };
        let last = MIGRATIONS.last().map_or(0, |last| i64::from(last.number));
        match known.next() {
            None if applied.needs <= last => {}
            None => return Err(refuse("is of a later version, which this one cannot work with")),
            Some(migration) => {
                let same = i64::from(migration.number) == applied.number
                    && migration.name == applied.name
                    && migration.sql == applied.sql;
                if !same {
                    return Err(refuse("is not the one of this version"));
                }
            }
        }
    }
    Ok(known.copied().collect())
}

/// Refuses a database with pending migrations.
pub(crate) async fn refuse_pending(client: &Client, schema: &Schema) -> Result<(), Failure> {
    let pending = not_applied(client, schema).await?;
    if pending.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = pending.iter().map(Migration::label).collect();
    Err(schema_error(format!("pending migrations: {}", names.join(", "))).into())
}

struct Applied {
    number: i64,
    name: String,
    needs: i64,
    sql: String,
}

async fn history(client: &Client, schema: &Schema) -> Result<Vec<Applied>, Error> {
    let there = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = 'clerk_migration')";
    let rows = client.query_typed(there, &[(&schema.as_str(), Type::TEXT)]).await?;
    if !rows.iter().any(|row| row.try_get(0).unwrap_or(false)) {
        return Ok(Vec::new());
    }
    let read = schema
        .fill("SELECT number::bigint, name, needs::bigint, sql FROM {s}.clerk_migration ORDER BY number");
    let rows = client.query_typed(&read, &[]).await?;
    let applied = rows.iter().map(|row| {
        Ok(Applied {
            number: row.try_get(0)?,
            name: row.try_get(1)?,
            needs: row.try_get(2)?,
            sql: row.try_get(3)?,
        })
    });
    applied.collect()
}
