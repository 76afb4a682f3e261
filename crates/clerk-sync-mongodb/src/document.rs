//! Documents to records, and back.
//!
//! The fields have the names they have in the other stores. What is `None` is left out, so that an index
//! over documents that have a field is small; times are 64-bit milliseconds, since a BSON date would say the
//! same with a type that drivers show in local time.

mod delivery;
mod user;

use clerk_sync_core::{StoreError, Timestamp};
use mongodb::bson::{Bson, Document};

use crate::error::corrupt;

pub(crate) use delivery::{delivery_document, read_delivery, read_delivery_state};
pub(crate) use user::{
    USER_FIELDS, read_entry, read_record, record_document, to_integer, tombstone_document,
};

/// The fields of one document; a value that breaks its rule is reported with the collection and the id.
struct Fields {
    document: Document,
    collection: &'static str,
}

impl Fields {
    fn new(document: Document, collection: &'static str) -> Self {
        Self { document, collection }
    }

    fn corrupt(&self, name: &str, why: impl std::fmt::Display) -> StoreError {
        let id = self.document.get_str("_id").unwrap_or("without an id");
        corrupt(format!("{} {id}: {name}: {why}", self.collection))
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.corrupt(name, "is missing"))
    }

    fn get(&self, name: &str) -> Option<&Bson> {
        self.document.get(name).filter(|value| **value != Bson::Null)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        match self.document.remove(name) {
            None | Some(Bson::Null) => Ok(None),
            Some(Bson::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.corrupt(name, "is no text")),
        }
    }

    fn parse<T, E: std::fmt::Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        self.required(name, self.parse_optional(name, parse)?)
    }

    fn parse_optional<T, E: std::fmt::Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        match self.get(name) {
            None => Ok(None),
            Some(Bson::String(text)) => parse(text).map(Some).map_err(|why| self.corrupt(name, why)),
            Some(_) => Err(self.corrupt(name, "is no text")),
        }
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, StoreError> {
        match self.get(name) {
            None => Ok(None),
            Some(Bson::Boolean(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.corrupt(name, "is neither true nor false")),
        }
    }

    /// A whole number. Shells write numbers as doubles, so one that is whole counts.
    fn integer(&self, name: &str) -> Result<Option<i64>, StoreError> {
        /// Up to here every whole number is a double.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self.get(name) {
            None => Ok(None),
            Some(Bson::Int64(number)) => Ok(Some(*number)),
            Some(Bson::Int32(number)) => Ok(Some(i64::from(*number))),
            #[expect(clippy::cast_possible_truncation, reason = "whole and within what both can say")]
            Some(Bson::Double(number)) if number.fract() == 0.0 && number.abs() <= EXACT => {
                Ok(Some(*number as i64))
            }
            Some(_) => Err(self.corrupt(name, "is no whole number")),
        }
    }

    fn count<T: TryFrom<i64>>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let number = self.integer(name)?;
        number.map(|n| T::try_from(n).map_err(|_| self.corrupt(name, "is out of range"))).transpose()
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.integer(name)?.map(Timestamp::from_millis))
    }
}

/// Writes a field unless there is nothing to write.
fn put(document: &mut Document, name: &str, value: Option<impl Into<Bson>>) {
    if let Some(value) = value {
        document.insert(name, value);
    }
}
