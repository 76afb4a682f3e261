//! How a database is set up, seen from outside the store: one that cannot be opened can be examined.

use clerk_sync_core::{Health, StoreError};
use tokio_postgres::Client;

use crate::Options;
use crate::error::Failure;
use crate::migrate::{self, Migration};
use crate::name::Schema;
use crate::value::Time;
use crate::verify;

/// Examines the database at `url`, without changing anything.
///
/// # Errors
/// `Unavailable` when the server cannot be reached; `Schema` when the URL or an option cannot be used, or a
/// migration is of another version.
pub async fn health(url: &str, options: &Options) -> Result<Health, StoreError> {
    let (schema, connection) = migrate::connect(url, options).await?;
    let health = examine(connection.client(), &schema).await;
    health.map_err(|failure| failure.into_store_error("examine the database"))
}

pub(crate) async fn examine(client: &Client, schema: &Schema) -> Result<Health, Failure> {
    let pending = migrate::not_applied(client, schema).await?;
    let mut health = Health {
        pending: pending.iter().map(Migration::label).collect(),
        faults: verify::encoding_fault(client).await?,
        not_durable: not_durable(client).await?,
        ..Health::default()
    };
    if pending.is_empty() {
        let found = verify::compare(client, schema).await?;
        health.faults.extend(found.faults);
        health.duplicates = found.duplicates;
    }
    let now = client.query_typed("SELECT clock_timestamp()", &[]).await?;
    health.now = now.first().map(|row| row.try_get(0)).transpose()?.map(|Time(now)| now);
    health.unwritable = try_writing(client, schema, pending.is_empty()).await?;
    Ok(health)
}

/// What could lose an acknowledged commit.
async fn not_durable(client: &Client) -> Result<Vec<String>, Failure> {
    let ask = "SELECT name FROM pg_catalog.pg_settings
       WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name";
    let mut off: Vec<String> = Vec::new();
    for row in client.query_typed(ask, &[]).await? {
        off.push(format!("{} is off", row.try_get::<_, String>(0)?));
    }
    if verify::is_asynchronous(client).await? {
        off.push("synchronous_commit is off by default for this role and database".into());
    }
    Ok(off)
}

/// Writes a row, and takes it back; answers why that was not possible.
async fn try_writing(client: &Client, schema: &Schema, migrated: bool) -> Result<Option<String>, Failure> {
    let write = schema.fill(
        "INSERT INTO {s}.clerk_meta (name, value) VALUES ('write_probe', '')
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    );
    let text = if migrated { write.as_str() } else { "SELECT 1" };
    client.batch_execute("BEGIN READ WRITE").await?;
    let written = client.batch_execute(text).await;
    client.batch_execute("ROLLBACK").await?;
    Ok(written.err().map(|error| Failure::from(error).into_store_error("write").to_string()))
}
