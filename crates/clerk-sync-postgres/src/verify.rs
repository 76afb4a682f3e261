//! Whether a database has what the store relies on.

use std::collections::BTreeSet;

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
    let mut faults = server_faults(client, accept_asynchronous).await?;
    let actual: BTreeSet<String> = describe(client, schema).await?.into_iter().collect();
    for line in EXPECTED.lines().filter(|line| !actual.contains(*line)) {
        faults.push(match actual.iter().find(|other| subject(other) == subject(line)) {
            Some(other) => format!("needed is \"{line}\", there is \"{other}\""),
            None => format!("missing is \"{line}\""),
        });
    }
    for column in UNIQUE {
        if faults.iter().any(|fault| fault.contains(&format!("clerk_user_{column} "))) {
            let held_twice = duplicates(client, schema, column).await.unwrap_or(0);
            if held_twice > 0 {
                faults.push(format!("{held_twice} values of clerk_user.{column} are held more than once"));
            }
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(schema_error(faults.join("; ")).into())
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

async fn server_faults(client: &Client, accept_asynchronous: bool) -> Result<Vec<String>, Failure> {
    // The value a session of this role and database begins with, whatever this one was told since.
    let ask = "SELECT current_setting('server_encoding'),
      (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit')";
    let mut faults = Vec::new();
    for row in client.query_typed(ask, &[]).await? {
        let (encoding, synchronous): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if encoding != "UTF8" {
            faults.push(format!("the database must be in UTF8, and is in {encoding}"));
        }
        if synchronous == "off" && !accept_asynchronous {
            faults.push(
                "synchronous_commit is off by default, so acknowledged commits could be lost; turn it on for \
                 this role and database, or accept it by an option: this store's own commits are synchronous"
                    .into(),
            );
        }
    }
    Ok(faults)
}

async fn duplicates(client: &Client, schema: &Schema, column: &str) -> Result<i64, Failure> {
    let sql = schema.fill(&format!(
        "SELECT count(*) FROM (SELECT FROM {{s}}.clerk_user WHERE {column} IS NOT NULL
         GROUP BY {column} HAVING count(*) > 1) AS twice"
    ));
    let rows = client.query_typed(&sql, &[]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.try_get(0))?)
}
