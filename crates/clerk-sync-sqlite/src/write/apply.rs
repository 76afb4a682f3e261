//! A commit's changes as statements.

use std::collections::HashMap;

use clerk_sync_core::{Change, Commit, Delivery, Record, Repair, Revision, Tombstone, UserId};
use rusqlite::Connection;

use super::Effect;
use crate::error::{Failure, is_taken};
use crate::row::{DELIVERY_COLUMNS, bind_delivery, bind_record, to_integer};

/// The columns of a live row but its id, and their parameters; `deleted_at` has none, it stays NULL.
macro_rules! live_columns {
    () => {
        "source, email, username, first_name, last_name, image_url, phone, role, external_id, \
         public_metadata, banned, locked, deprovisioned, created_at, updated_at, last_sign_in_at, rev, \
         email_claim, email_claim_verified, username_claim, repair_due_at, repair_attempts, recorded_at, \
         changed_at, webhook_at, email_key, username_key, email_claim_key, username_claim_key"
    };
}
macro_rules! live_parameters {
    () => {
        "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, \
         ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30"
    };
}

pub(crate) const INSERT: &str =
    concat!("INSERT INTO clerk_user (id, ", live_columns!(), ") VALUES (?1, ", live_parameters!(), ")");

// A tombstone has no revision, so it is never met.
pub(crate) const UPDATE: &str = concat!(
    "UPDATE clerk_user SET (",
    live_columns!(),
    ") = (",
    live_parameters!(),
    ") WHERE id = ?1 AND rev = ?31"
);

// What has to be unique is let go by everyone first and taken afterwards, so that records may swap it.
pub(crate) const RELEASE: &str =
    "UPDATE clerk_user SET (email, email_key, username, username_key) = (NULL, NULL, NULL, NULL)
     WHERE id = ?1";

pub(crate) const BURY_NEW: &str = "INSERT INTO clerk_user (id, deleted_at, source) VALUES (?1, ?2, ?3)";

pub(crate) const BURY: &str = "UPDATE clerk_user SET
  email = NULL, username = NULL, first_name = NULL, last_name = NULL, image_url = NULL, phone = NULL,
  role = NULL, external_id = NULL, public_metadata = NULL, banned = NULL, locked = NULL,
  deprovisioned = NULL, created_at = NULL, updated_at = NULL, last_sign_in_at = NULL, rev = NULL,
  email_key = NULL, email_claim = NULL, email_claim_key = NULL, email_claim_verified = NULL,
  username_key = NULL, username_claim = NULL, username_claim_key = NULL, repair_due_at = NULL,
  repair_attempts = NULL, recorded_at = NULL, changed_at = NULL, webhook_at = NULL,
  deleted_at = ?2, source = ?3
  WHERE id = ?1 AND rev = ?4";

pub(crate) const CLAIM: &str = "INSERT INTO clerk_claim (name, user_id) VALUES ('first_admin', ?1)";

pub(crate) const LOG_NEW: &str = concat!(
    "INSERT INTO clerk_delivery (",
    DELIVERY_COLUMNS!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
);

pub(crate) const LOG_AGAIN: &str = "UPDATE clerk_delivery SET event_type = ?2, user_id = ?3,
  received_at = ?4, digest = ?5, status = ?6, attempts = ?7, outcome = ?8, error = ?9,
  processed_at = ?10, due_at = ?11, body = ?12
  WHERE id = ?1 AND attempts = ?13";

pub(crate) const POSTPONE: &str =
    "UPDATE clerk_user SET repair_due_at = ?3, repair_attempts = ?4 WHERE id = ?1 AND rev = ?2";

pub(crate) const NOTE_NEW: &str = "INSERT INTO clerk_meta (name, value) VALUES (?1, ?2)";

pub(crate) const NOTE_AGAIN: &str = "UPDATE clerk_meta SET value = ?2 WHERE name = ?1 AND value = ?3";

/// Makes all changes, in order, or finds that they are stale.
pub(crate) fn apply(connection: &Connection, changes: &[Change]) -> Result<Effect<Commit>, Failure> {
    match apply_all(connection, changes) {
        Ok(true) => Ok(Effect::Keep(Commit::Done)),
        Ok(false) => Ok(Effect::Undo(Commit::Stale)),
        Err(Failure::Sqlite(error)) if is_taken(&error) => Ok(Effect::Undo(Commit::Stale)),
        Err(failure) => Err(failure),
    }
}

/// Answers whether every change found what it expected.
fn apply_all(connection: &Connection, changes: &[Change]) -> Result<bool, Failure> {
    let several = changes.iter().filter(|change| rewritten(change).is_some()).count() > 1;
    if several {
        let mut release = connection.prepare_cached(RELEASE)?;
        for id in changes.iter().filter_map(replaced) {
            release.execute([id.as_str()])?;
        }
    }
    // A record written twice holds only what it holds in the end.
    let last: HashMap<&UserId, usize> =
        changes.iter().enumerate().filter_map(|(at, change)| Some((rewritten(change)?, at))).collect();
    for (position, change) in changes.iter().enumerate() {
        let is_last = rewritten(change).is_none_or(|id| last.get(id) == Some(&position));
        if !apply_one(connection, change, is_last)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The user whose row the change writes as a whole.
fn rewritten(change: &Change) -> Option<&UserId> {
    match change {
        Change::Insert(record) => Some(&record.id),
        _ => replaced(change),
    }
}

/// The user whose row, already there, the change replaces.
fn replaced(change: &Change) -> Option<&UserId> {
    match change {
        Change::Update { record, .. } => Some(&record.id),
        Change::Bury { tombstone, .. } => Some(&tombstone.id),
        _ => None,
    }
}

fn apply_one(connection: &Connection, change: &Change, is_last: bool) -> Result<bool, Failure> {
    let rows = match change {
        Change::Insert(record) => insert(connection, record, is_last)?,
        Change::Update { record, expected } => update(connection, record, *expected, is_last)?,
        Change::Bury { tombstone, expected } => bury(connection, tombstone, *expected)?,
        Change::ClaimFirstAdmin(id) => connection.prepare_cached(CLAIM)?.execute([id.as_str()])?,
        Change::Log { delivery, expected } => log(connection, delivery, *expected)?,
        Change::Note { name, value, expected: None } => {
            connection.prepare_cached(NOTE_NEW)?.execute((name, value))?
        }
        Change::Note { name, value, expected: Some(expected) } => {
            connection.prepare_cached(NOTE_AGAIN)?.execute((name, value, expected))?
        }
        Change::PostponeRepair { id, expected, repair } => {
            postpone(connection, id, *expected, *repair)?;
            1
        }
    };
    Ok(rows == 1)
}

fn insert(connection: &Connection, record: &Record, with_keys: bool) -> Result<usize, Failure> {
    let mut statement = connection.prepare_cached(INSERT)?;
    bind_record(&mut statement, record, with_keys)?;
    Ok(statement.raw_execute()?)
}

fn update(
    connection: &Connection,
    record: &Record,
    expected: Revision,
    with_keys: bool,
) -> Result<usize, Failure> {
    let mut statement = connection.prepare_cached(UPDATE)?;
    bind_record(&mut statement, record, with_keys)?;
    statement.raw_bind_parameter(31, to_integer(expected, &record.id)?)?;
    Ok(statement.raw_execute()?)
}

fn bury(
    connection: &Connection,
    tombstone: &Tombstone,
    expected: Option<Revision>,
) -> Result<usize, Failure> {
    let (id, at, source) = (tombstone.id.as_str(), tombstone.at.as_millis(), tombstone.source.as_str());
    let rows = match expected {
        None => connection.prepare_cached(BURY_NEW)?.execute((id, at, source))?,
        Some(rev) => {
            let rev = to_integer(rev, &tombstone.id)?;
            connection.prepare_cached(BURY)?.execute((id, at, source, rev))?
        }
    };
    Ok(rows)
}

fn log(connection: &Connection, delivery: &Delivery, expected: Option<u32>) -> Result<usize, Failure> {
    let mut statement = connection.prepare_cached(if expected.is_none() { LOG_NEW } else { LOG_AGAIN })?;
    bind_delivery(&mut statement, delivery)?;
    if let Some(attempts) = expected {
        statement.raw_bind_parameter(13, attempts)?;
    }
    Ok(statement.raw_execute()?)
}

fn postpone(
    connection: &Connection,
    id: &UserId,
    expected: Revision,
    repair: Repair,
) -> Result<usize, Failure> {
    let values = (id.as_str(), to_integer(expected, id)?, repair.due_at.as_millis(), repair.attempts);
    Ok(connection.prepare_cached(POSTPONE)?.execute(values)?)
}
