use clerk_sync_core::StoreError;

use crate::error::schema;

/// The longest name, so that the channel made of it has the 63 bytes PostgreSQL allows.
const MAX_BYTES: usize = 48;

/// The name of the schema everything is in: lower-case letters, digits and `_`, so that it is the same
/// whether or not it is quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema(String);

impl Schema {
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
        if !starts || text.len() > MAX_BYTES || !text.bytes().all(plain) || text.starts_with("pg_") {
            return Err(schema(
                "the name of the schema must be 1 to 48 lower-case letters, digits or _, must not begin with \
                 a digit or with pg_",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As an identifier in SQL.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }

    /// The channel on which commits are told.
    pub(crate) fn channel(&self) -> String {
        format!("clerk_sync:{}", self.0)
    }

    /// `text` with the schema in place of `{s}`.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{s}", &self.quoted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names() {
        for good in ["clerk_sync", "public", "_a1"] {
            assert_eq!(Schema::parse(good).unwrap().quoted(), format!("\"{good}\""));
        }
        let long = "a".repeat(49);
        for bad in ["", "1a", "A", "a-b", "a\"b", "a b", "pg_x", "é", "{s}", long.as_str()] {
            assert!(Schema::parse(bad).is_err(), "{bad}");
        }
    }
}
