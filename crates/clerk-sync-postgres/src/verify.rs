//! Whether a database has what the store relies on.

use std::collections::BTreeSet;

use clerk_sync_core::Duplicates;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::{Failure, schema as schema_error};
use crate::name::Schema;

/// The schema as the migrations make it, one line for each column, index and rule.
const EXPECTED: &str = include_str!("../schema.txt");

/// Describes everything in a schema, in the lines of [`EXPECTED`].
const DESCRIBE: &str = include_str!("../describe.sql");

/// What has to be unique.
const UNIQUE: [&str; 2] = ["email_key", "username_key"];

/// Refuses a database whose tables, view or indexes are not those the migrations make, or that would store
/// something else than it is given.
///
/// Without its unique indexes a store would give one address to two users in silence. Columns and indexes
/// an app has added are no reason to refuse.
pub(crate) async fn verify(
    client: &Client,
    schema: &Schema,
    accept_asynchronous: bool,
) -> Result<(), Failure> {
    let mut faults = encoding_fault(client).await?;
    if !accept_asynchronous && is_asynchronous(client).await? {
        faults.push(
            "synchronous_commit is off by default, so acknowledged commits could be lost; turn it on for this \
             role and database, or accept it by an option: this store's own commits are synchronous"
                .into(),
        );
    }
    let found = compare(client, schema).await?;
    faults.extend(found.faults);
    for Duplicates { column, values } in found.duplicates {
        faults.push(format!("{values} values of clerk_user.{column} are held more than once"));
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(schema_error(faults.join("; ")).into())
}

/// What is not as it must be.
pub(crate) struct Findings {
    pub(crate) faults: Vec<String>,
    pub(crate) duplicates: Vec<Duplicates>,
}

/// Compares a schema with what the migrations make.
pub(crate) async fn compare(client: &Client, schema: &Schema) -> Result<Findings, Failure> {
    let actual: BTreeSet<String> = describe(client, schema).await?.into_iter().collect();
    let mut faults = Vec::new();
    for line in EXPECTED.lines().filter(|line| !actual.contains(*line)) {
        faults.push(match actual.iter().find(|other| subject(other) == subject(line)) {
            Some(other) => format!("needed is \"{line}\", there is \"{other}\""),
            None => format!("missing is \"{line}\""),
        });
    }
    let mut duplicates = Vec::new();
    for column in UNIQUE {
        if faults.iter().any(|fault| fault.contains(&format!("clerk_user_{column} "))) {
            let values = held_twice(client, schema, column).await.unwrap_or(0);
            if values > 0 {
                duplicates.push(Duplicates { column: column.into(), values: values.unsigned_abs() });
            }
        }
    }
    Ok(Findings { faults, duplicates })
}

/// The lines that describe `schema`.
pub(crate) async fn describe(client: &Client, schema: &Schema) -> Result<Vec<String>, Failure> {
    let rows = client.query_typed(DESCRIBE, &[(&schema.as_str(), Type::TEXT)]).await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        lines.push(row.try_get(0)?);
    }
    Ok(lines)
}

/// What a line is about: the name of its column, index or rule.
fn subject(line: &str) -> &str {
    let line =
        line.strip_prefix("CREATE UNIQUE INDEX ").or(line.strip_prefix("CREATE INDEX ")).unwrap_or(line);
    let words = if line.starts_with("table ") || line.starts_with("view ") { 2 } else { 1 };
    line.match_indices(' ').nth(words - 1).map_or(line, |(end, _)| line.get(..end).unwrap_or(line))
}

/// What would not be stored as it is given.
pub(crate) async fn encoding_fault(client: &Client) -> Result<Vec<String>, Failure> {
    let rows = client.query_typed("SELECT current_setting('server_encoding')", &[]).await?;
    let encodings = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    let wrong = encodings.into_iter().filter(|encoding| encoding != "UTF8");
    Ok(wrong.map(|encoding| format!("the database must be in UTF8, and is in {encoding}")).collect())
}

/// Whether commits are asynchronous in a session of this role and database, whatever this one was told since.
pub(crate) async fn is_asynchronous(client: &Client) -> Result<bool, Failure> {
    let ask = "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit'";
    let rows = client.query_typed(ask, &[]).await?;
    Ok(rows.first().map(|row| row.try_get::<_, String>(0)).transpose()?.is_some_and(|value| value == "off"))
}

async fn held_twice(client: &Client, schema: &Schema, column: &str) -> Result<i64, Failure> {
    let sql = schema.fill(&format!(
        "SELECT count(*) FROM (SELECT FROM {{s}}.clerk_user WHERE {column} IS NOT NULL
         GROUP BY {column} HAVING count(*) > 1) AS twice"
    ));
    let rows = client.query_typed(&sql, &[]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.try_get(0))?)
}
