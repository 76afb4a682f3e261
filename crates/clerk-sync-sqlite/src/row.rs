//! Rows to records, and records to rows.

mod delivery;
mod user;

use clerk_sync_core::{StoreError, StoreErrorKind, Timestamp};
use rusqlite::Row;
use rusqlite::types::{FromSql, ValueRef};

use crate::error::Failure;

pub(crate) use delivery::{DELIVERY_COLUMNS, bind_delivery, read_delivery, read_delivery_state};
pub(crate) use user::{USER_COLUMNS, bind_record, read_entry, read_record, to_integer};

/// The columns of one row, read in their order; a value that breaks its rule is reported with the row's
/// table and id.
struct Fields<'row, 'statement> {
    row: &'row Row<'statement>,
    table: &'static str,
    next: usize,
}

impl<'row, 'statement> Fields<'row, 'statement> {
    fn new(row: &'row Row<'statement>, table: &'static str) -> Self {
        Self { row, table, next: 0 }
    }

    fn corrupt(&self, why: impl std::fmt::Display) -> Failure {
        let id = match self.row.get_ref(0) {
            Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            _ => "without an id".into(),
        };
        Failure::Row(StoreError::new(StoreErrorKind::Corrupt, format!("{} {id}: {why}", self.table)))
    }

    fn next<T: FromSql>(&mut self) -> Result<T, Failure> {
        let index = self.next;
        self.next += 1;
        self.row.get(index).map_err(|_| self.corrupt(self.about(index, "is of another type")))
    }

    /// The next column as `parse` understands it.
    fn parse<T, E: std::fmt::Display>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Failure> {
        self.parse_optional(parse)?.ok_or_else(|| self.corrupt(self.about(self.next - 1, "is missing")))
    }

    fn parse_optional<T, E: std::fmt::Display>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Failure> {
        let index = self.next;
        self.next += 1;
        let text = match self.row.get_ref(index)? {
            ValueRef::Null => return Ok(None),
            ValueRef::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        };
        let text = text.ok_or_else(|| self.corrupt(self.about(index, "is no text")))?;
        parse(text).map(Some).map_err(|why| self.corrupt(self.about(index, why)))
    }

    fn time(&mut self) -> Result<Timestamp, Failure> {
        self.next().map(Timestamp::from_millis)
    }

    fn optional_time(&mut self) -> Result<Option<Timestamp>, Failure> {
        Ok(self.next::<Option<i64>>()?.map(Timestamp::from_millis))
    }

    fn about(&self, index: usize, why: impl std::fmt::Display) -> String {
        let name = self.row.as_ref().column_name(index).unwrap_or("a column");
        format!("{name}: {why}")
    }
}
