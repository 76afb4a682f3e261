//! Rows to records, and records to values.

mod delivery;
mod user;

use clerk_sync_core::{StoreError, StoreErrorKind, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::error::Failure;
use crate::value::Time;

pub(crate) use delivery::{
    DELIVERY_COLUMNS, DELIVERY_TYPES, DELIVERY_WIDTH, delivery_values, read_delivery, read_delivery_state,
};
pub(crate) use user::{
    USER_COLUMNS, USER_TYPES, USER_WIDTH, array_of, read_entry, read_record, to_integer, user_values,
};

/// The columns of one row, read in their order; a value that breaks its rule is reported with the row's
/// table and id.
pub(crate) struct Fields<'row> {
    row: &'row Row,
    table: &'static str,
    first: usize,
    next: usize,
}

impl<'row> Fields<'row> {
    /// The columns from `first` on, which has the row's id.
    pub(crate) fn new(row: &'row Row, table: &'static str, first: usize) -> Self {
        Self { row, table, first, next: first }
    }

    fn corrupt(&self, why: impl std::fmt::Display) -> Failure {
        let id = match self.row.try_get::<_, Option<&str>>(self.first) {
            Ok(Some(id)) => id,
            _ => "without an id",
        };
        Failure::Row(StoreError::new(StoreErrorKind::Corrupt, format!("{} {id}: {why}", self.table)))
    }

    /// The next column, which may be NULL.
    fn optional<T: FromSql<'row>>(&mut self) -> Result<Option<T>, Failure> {
        let index = self.next;
        self.next += 1;
        self.row.try_get(index).map_err(|_| self.corrupt(self.about(index, "is of another type")))
    }

    /// The next column, which may not.
    fn required<T: FromSql<'row>>(&mut self) -> Result<T, Failure> {
        self.optional()?.ok_or_else(|| self.corrupt(self.about(self.next - 1, "is missing")))
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
        let Some(text) = self.optional::<&str>()? else { return Ok(None) };
        parse(text).map(Some).map_err(|why| self.corrupt(self.about(self.next - 1, why)))
    }

    fn count<T: TryFrom<i64>>(&mut self) -> Result<T, Failure> {
        self.optional_count()?.ok_or_else(|| self.corrupt(self.about(self.next - 1, "is missing")))
    }

    fn optional_count<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, Failure> {
        let Some(count) = self.optional::<i64>()? else { return Ok(None) };
        T::try_from(count).map(Some).map_err(|_| self.corrupt(self.about(self.next - 1, "is out of range")))
    }

    fn time(&mut self) -> Result<Timestamp, Failure> {
        self.required().map(|Time(time)| time)
    }

    fn optional_time(&mut self) -> Result<Option<Timestamp>, Failure> {
        Ok(self.optional()?.map(|Time(time)| time))
    }

    fn about(&self, index: usize, why: impl std::fmt::Display) -> String {
        let name = self.row.columns().get(index).map_or("a column", |column| column.name());
        format!("{name}: {why}")
    }
}
