//! Whether a database has what the store relies on.

use std::collections::BTreeMap;

use clerk_sync_core::{Duplicates, StoreError, StoreErrorKind};
use rusqlite::{Connection, Result};

use crate::error::store_error;
use crate::migrate;

/// What has to be unique: the index that keeps it so, and its column.
const UNIQUE: [(&str, &str); 2] =
    [("clerk_user_email_key", "email_key"), ("clerk_user_username_key", "username_key")];

/// Refuses a database whose tables, views or indexes are not those the migrations make.
///
/// Without its unique indexes a store would give one address to two users in silence. Columns and indexes
/// an app has added are no reason to refuse.
pub(crate) fn verify(connection: &Connection) -> Result<(), StoreError> {
    let Findings { mut faults, duplicates } = examine(connection)?;
    for Duplicates { column, values } in duplicates {
        faults.push(format!("{values} values of clerk_user.{column} are held more than once"));
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(StoreError::new(StoreErrorKind::Schema, faults.join("; ")))
}

/// What is not as it must be.
pub(crate) struct Findings {
    pub(crate) faults: Vec<String>,
    pub(crate) duplicates: Vec<Duplicates>,
}

/// Compares a database with one the migrations have just made.
pub(crate) fn examine(connection: &Connection) -> Result<Findings, StoreError> {
    let expected = migrate::reference()?;
    let faults = compare(&expected, connection).map_err(|e| store_error("read the schema", e))?;
    let mut duplicates = Vec::new();
    for (index, column) in UNIQUE {
        if faults.iter().any(|fault| fault.contains(index)) {
            // A missing table has been named already.
            let values = held_twice(connection, column).unwrap_or(0);
            if values > 0 {
                duplicates.push(Duplicates { column: column.into(), values });
            }
        }
    }
    Ok(Findings { faults, duplicates })
}

fn held_twice(connection: &Connection, column: &str) -> Result<u64> {
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM clerk_user WHERE {column} IS NOT NULL
         GROUP BY {column} HAVING count(*) > 1)"
    );
    connection.query_row(&sql, (), |row| row.get(0))
}

fn compare(expected: &Connection, actual: &Connection) -> Result<Vec<String>> {
    let (expected_objects, actual_objects) = (objects(expected)?, objects(actual)?);
    let mut faults = Vec::new();
    for ((kind, name), definition) in &expected_objects {
        match actual_objects.get(&(kind.clone(), name.clone())) {
            None => faults.push(format!("{kind} {name} is missing")),
            Some(_) if kind == "table" => {
                faults.extend(compare_columns(expected, actual, name)?);
            }
            Some(actual) if actual != definition => {
                faults.push(format!("{kind} {name} is defined as: {actual}"));
            }
            Some(_) => {}
        }
    }
    Ok(faults)
}

/// Tables, indexes and views by kind and name, with their definition.
fn objects(connection: &Connection) -> Result<BTreeMap<(String, String), String>> {
    let mut statement = connection
        .prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND type <> 'trigger'")?;
    let rows = statement.query_map((), |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    rows.collect()
}

type Column = (String, bool, i64);

fn compare_columns(expected: &Connection, actual: &Connection, table: &str) -> Result<Vec<String>> {
    let (expected, actual) = (columns(expected, table)?, columns(actual, table)?);
    let fault = |(name, column): (&String, &Column)| match actual.get(name) {
        None => Some(format!("column {table}.{name} is missing")),
        Some(actual) if actual != column => Some(format!("column {table}.{name} is of another type")),
        Some(_) => None,
    };
    Ok(expected.iter().filter_map(fault).collect())
}

/// Columns by name: type, whether they may not be NULL, place in the primary key.
fn columns(connection: &Connection, table: &str) -> Result<BTreeMap<String, Column>> {
    let mut statement =
        connection.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1)")?;
    let rows =
        statement.query_map([table], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))?;
    rows.collect()
}
