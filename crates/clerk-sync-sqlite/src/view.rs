//! What `decide` has to see.

use std::collections::BTreeSet;

use clerk_sync_core::{Entry, Record, StoreError, StoreErrorKind, Subject, UserId, View};
use rusqlite::Connection;

use crate::error::Failure;
use crate::row::{USER_COLUMNS, read_delivery_state, read_entry, read_record};

pub(crate) const ENTRY: &str = concat!("SELECT ", USER_COLUMNS!(), " FROM clerk_user WHERE id = ?1");

// Who holds the key, and the highest claim of anyone else; ?2 is the subject. At most two entries of the
// index of claims are passed over, so the number of claimants does not matter.
pub(crate) const EMAIL_RIVALS: &str = concat!(
    "SELECT ",
    USER_COLUMNS!(),
    " FROM clerk_user WHERE email_key = ?1 AND id IS NOT ?2
     UNION ALL
     SELECT * FROM (SELECT ",
    USER_COLUMNS!(),
    " FROM clerk_user WHERE email_claim_key = ?1 AND id IS NOT ?2 AND email_key IS NOT ?1
       ORDER BY email_claim_verified DESC, updated_at DESC, id DESC LIMIT 1)"
);

pub(crate) const USERNAME_RIVALS: &str = concat!(
    "SELECT ",
    USER_COLUMNS!(),
    " FROM clerk_user WHERE username_key = ?1 AND id IS NOT ?2
     UNION ALL
     SELECT * FROM (SELECT ",
    USER_COLUMNS!(),
    " FROM clerk_user WHERE username_claim_key = ?1 AND id IS NOT ?2 AND username_key IS NOT ?1
       ORDER BY updated_at DESC, id DESC LIMIT 1)"
);

pub(crate) const FIRST_ADMIN: &str = "SELECT user_id FROM clerk_claim WHERE name = 'first_admin'";

pub(crate) const DELIVERY_STATE: &str =
    "SELECT id, status, attempts, digest FROM clerk_delivery WHERE id = ?1";

pub(crate) const NOTE: &str = "SELECT value FROM clerk_meta WHERE name = ?1";

/// The text of a note.
pub(crate) fn note(connection: &Connection, name: &str) -> Result<Option<String>, Failure> {
    let mut statement = connection.prepare_cached(NOTE)?;
    let mut rows = statement.query([name])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

/// What is stored under `id`.
pub(crate) fn entry(connection: &Connection, id: &UserId) -> Result<Option<Entry>, Failure> {
    let mut statement = connection.prepare_cached(ENTRY)?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map(read_entry).transpose()
}

/// Everything each of `subjects` names, as of one moment.
pub(crate) fn views(connection: &Connection, subjects: &[Subject]) -> Result<Vec<View>, Failure> {
    // Rolled back when dropped, which for a transaction that only reads is its end.
    let transaction = connection.unchecked_transaction()?;
    let first_admin = first_admin(&transaction)?;
    subjects.iter().map(|subject| look(&transaction, subject, first_admin.clone())).collect()
}

/// A part of [`views`], in its transaction.
fn look(transaction: &Connection, subject: &Subject, first_admin: Option<UserId>) -> Result<View, Failure> {
    let entry = subject.id.as_ref().map(|id| entry(transaction, id)).transpose()?.flatten();
    let own = entry.as_ref().and_then(Entry::live);
    let mut rivals = Rivals { connection: transaction, id: subject.id.as_ref(), found: Vec::new() };
    rivals.collect(
        EMAIL_RIVALS,
        &subject.email_keys,
        [own.and_then(Record::email_claim_key), own.and_then(Record::email_key)],
    )?;
    rivals.collect(
        USERNAME_RIVALS,
        &subject.username_keys,
        [own.and_then(Record::username_claim_key), own.and_then(Record::username_key)],
    )?;
    let rivals = rivals.found;
    let delivery = match &subject.delivery {
        None => None,
        Some(id) => {
            let mut statement = transaction.prepare_cached(DELIVERY_STATE)?;
            let mut rows = statement.query([id.as_str()])?;
            rows.next()?.map(read_delivery_state).transpose()?
        }
    };
    Ok(View { entry, rivals, first_admin, delivery })
}

struct Rivals<'a> {
    connection: &'a Connection,
    id: Option<&'a UserId>,
    found: Vec<Record>,
}

impl Rivals<'_> {
    fn collect(
        &mut self,
        sql: &str,
        of_fact: &[String],
        of_record: [Option<&str>; 2],
    ) -> Result<(), Failure> {
        let keys: BTreeSet<&str> =
            of_fact.iter().map(String::as_str).chain(of_record.into_iter().flatten()).collect();
        let mut statement = self.connection.prepare_cached(sql)?;
        for key in keys {
            let mut rows = statement.query((key, self.id.map(UserId::as_str)))?;
            while let Some(row) = rows.next()? {
                let record = read_record(row)?;
                if self.found.iter().all(|known| known.id != record.id) {
                    self.found.push(record);
                }
            }
        }
        Ok(())
    }
}

fn first_admin(connection: &Connection) -> Result<Option<UserId>, Failure> {
    let mut statement = connection.prepare_cached(FIRST_ADMIN)?;
    let mut rows = statement.query(())?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let id: String = row.get(0)?;
    UserId::parse(&id).map(Some).map_err(|why| {
        let context = format!("clerk_claim first_admin: user_id: {why}");
        Failure::Row(StoreError::new(StoreErrorKind::Corrupt, context))
    })
}
