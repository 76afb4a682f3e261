//! A commit's changes as statements, in the order in which they are run.

use std::collections::{BTreeSet, HashMap};

use clerk_sync_core::{Change, StoreError, UserId};

use super::Writes;
use crate::row::{delivery_values, to_integer, user_values};
use crate::statement::Sql;
use crate::value::Value;

/// A statement with its values, and how many rows it has to change; `None`: as many as it finds.
pub(crate) struct Step<'a> {
    pub(crate) sql: &'a Sql,
    pub(crate) values: Vec<Value<'a>>,
    pub(crate) rows: Option<u64>,
}

/// What a commit does.
pub(crate) struct Plan<'a> {
    /// Statements, in an order in which everybody goes: users by id, then the claim, then deliveries by
    /// id, then notes by name.
    pub(crate) steps: Vec<Step<'a>>,
    /// Users whose entry changes, for those who wait for them.
    pub(crate) touched: BTreeSet<&'a UserId>,
}

impl<'a> Plan<'a> {
    pub(crate) fn of(writes: &'a Writes, changes: &'a [Change]) -> Result<Self, StoreError> {
        // Changes to one row keep their order, and whatever has to be unique is let go before.
        let mut ordered: Vec<&Change> = changes.iter().collect();
        ordered.sort_by_key(|change| place(change));
        let touched: BTreeSet<&UserId> = ordered.iter().filter_map(|change| rewritten(change)).collect();
        let rewrites = ordered.iter().filter(|change| rewritten(change).is_some()).count();
        let there: BTreeSet<&str> = ordered.iter().filter_map(|c| replaced(c)).map(UserId::as_str).collect();
        let mut steps = Vec::with_capacity(changes.len() + 2);
        // Asked for nobody, the server may look at everybody.
        if rewrites > 1 && !there.is_empty() {
            let ids = || vec![Value::Texts(there.iter().copied().collect())];
            steps.push(Step { sql: &writes.lock, values: ids(), rows: None });
            steps.push(Step { sql: &writes.release, values: ids(), rows: None });
        }
        // A record written twice holds only what it holds in the end.
        let last: HashMap<&UserId, usize> =
            ordered.iter().enumerate().filter_map(|(at, change)| Some((rewritten(change)?, at))).collect();
        let is_last = |position: usize| {
            let id = ordered.get(position).and_then(|change| rewritten(change));
            id.is_none_or(|id| last.get(id) == Some(&position))
        };
        // New rows go together, before the rest: a row is not rewritten before it is there.
        let mut new_rows = vec![];
        for (position, change) in ordered.iter().enumerate() {
            if let Change::Insert(record) = change {
                new_rows.push(user_values(record, is_last(position))?);
            }
        }
        let together = new_rows.len() > 1;
        if together {
            let rows = Some(new_rows.len() as u64);
            steps.push(Step { sql: &writes.insert_many, values: columns(new_rows), rows });
        }
        for (position, change) in ordered.iter().enumerate() {
            if !(together && matches!(change, Change::Insert(_))) {
                steps.push(step(writes, change, is_last(position))?);
            }
        }
        Ok(Self { steps, touched })
    }
}

/// The values of many rows, column by column.
fn columns(rows: Vec<Vec<Value<'_>>>) -> Vec<Value<'_>> {
    let mut columns: Vec<Vec<Value<'_>>> = vec![];
    for row in rows {
        columns.resize_with(row.len(), Vec::new);
        columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
    columns.into_iter().map(Value::Many).collect()
}

fn step<'a>(writes: &'a Writes, change: &'a Change, is_last: bool) -> Result<Step<'a>, StoreError> {
    let (sql, values) = match change {
        Change::Insert(record) => (&writes.insert, user_values(record, is_last)?),
        Change::Update { record, expected } => {
            let mut values = user_values(record, is_last)?;
            values.push(Value::integer(to_integer(*expected, &record.id)?));
            (&writes.update, values)
        }
        Change::Bury { tombstone, expected } => {
            let (id, source) = (tombstone.id.as_str(), tombstone.source.as_str());
            let mut values = vec![Value::text(id), Value::time(tombstone.at), Value::text(source)];
            match expected {
                None => (&writes.bury_new, values),
                Some(rev) => {
                    values.push(Value::integer(to_integer(*rev, &tombstone.id)?));
                    (&writes.bury, values)
                }
            }
        }
        Change::ClaimFirstAdmin(id) => (&writes.claim, vec![Value::text(id.as_str())]),
        Change::Log { delivery, expected } => {
            let mut values = delivery_values(delivery);
            match expected {
                None => (&writes.log_new, values),
                Some(attempts) => {
                    values.push(Value::integer(*attempts));
                    (&writes.log_again, values)
                }
            }
        }
        Change::Note { name, value, expected } => {
            let mut values = vec![Value::text(name), Value::text(value)];
            match expected {
                None => (&writes.note_new, values),
                Some(expected) => {
                    values.push(Value::text(expected));
                    (&writes.note_again, values)
                }
            }
        }
        Change::PostponeRepair { id, expected, repair } => {
            let values = vec![
                Value::text(id.as_str()),
                Value::integer(to_integer(*expected, id)?),
                Value::time(repair.due_at),
                Value::integer(repair.attempts),
            ];
            (&writes.postpone, values)
        }
    };
    let rows = (!matches!(change, Change::PostponeRepair { .. })).then_some(1);
    Ok(Step { sql, values, rows })
}

fn place(change: &Change) -> (u8, &str) {
    match change {
        Change::PostponeRepair { id, .. } => (0, id.as_str()),
        Change::ClaimFirstAdmin(id) => (1, id.as_str()),
        Change::Log { delivery, .. } => (2, delivery.id.as_str()),
        Change::Note { name, .. } => (3, name),
        _ => (0, rewritten(change).map_or("", UserId::as_str)),
    }
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
