//! Values as they go over the wire.

use std::borrow::Cow;
use std::error::Error;

use clerk_sync_core::Timestamp;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// Milliseconds from the Unix epoch to the epoch of PostgreSQL, the year 2000.
const EPOCH: i64 = 946_684_800_000;

/// The ends of `timestamptz`: 4713 BC and the year 294276. What is beyond them is kept as the end itself.
const FIRST: i64 = -210_866_803_200_000;
const LAST: i64 = 9_224_318_015_999_999;

/// A parameter of a statement.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Text(Option<Cow<'a, str>>),
    Texts(Vec<&'a str>),
    /// An array.
    Many(Vec<Value<'a>>),
    Integer(Option<i64>),
    Boolean(Option<bool>),
    Time(Option<Timestamp>),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// A text as PostgreSQL can hold it, which is without NUL.
    pub(crate) fn text(text: &'a str) -> Self {
        Self::optional_text(Some(text))
    }

    pub(crate) fn optional_text(text: Option<&'a str>) -> Self {
        Self::Text(text.map(|text| match text.contains('\0') {
            false => Cow::Borrowed(text),
            true => Cow::Owned(text.replace('\0', "")),
        }))
    }

    /// Texts that hold no NUL.
    pub(crate) fn texts(texts: &'a [String]) -> Self {
        Self::Texts(texts.iter().map(String::as_str).collect())
    }

    pub(crate) fn time(time: Timestamp) -> Self {
        Self::Time(Some(time))
    }

    pub(crate) fn integer(integer: impl Into<i64>) -> Self {
        Self::Integer(Some(integer.into()))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Text(text) => text.as_deref().to_sql_checked(ty, out),
            Self::Texts(texts) => texts.to_sql_checked(ty, out),
            Self::Many(values) => values.to_sql_checked(ty, out),
            Self::Integer(integer) => integer.to_sql_checked(ty, out),
            Self::Boolean(boolean) => boolean.to_sql_checked(ty, out),
            Self::Time(None) => Ok(IsNull::Yes),
            Self::Time(Some(time)) => micros(*time).to_sql(&Type::INT8, out),
            Self::Bytes(bytes) => bytes.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Which types a value goes with depends on the value, so each looks at its own.
        true
    }

    to_sql_checked!();
}

/// Microseconds since 2000, which is what `timestamptz` is on the wire.
fn micros(time: Timestamp) -> i64 {
    time.as_millis().clamp(FIRST, LAST).saturating_sub(EPOCH).saturating_mul(1_000)
}

/// A `timestamptz` that was read.
pub(crate) struct Time(pub(crate) Timestamp);

impl<'a> FromSql<'a> for Time {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_sql(&Type::INT8, raw)?;
        if matches!(micros, i64::MIN | i64::MAX) {
            return Err("infinity is no moment".into());
        }
        Ok(Self(Timestamp::from_millis(micros.div_euclid(1_000).saturating_add(EPOCH))))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_the_wire_and_back() {
        for ms in [0, -1, 1, 1_769_500_801_016, FIRST, LAST, EPOCH] {
            let raw = micros(Timestamp::from_millis(ms)).to_be_bytes();
            let Time(back) = Time::from_sql(&Type::TIMESTAMPTZ, &raw).unwrap();
            assert_eq!(back.as_millis(), ms);
        }
        assert_eq!(micros(Timestamp::from_millis(i64::MAX)), micros(Timestamp::from_millis(LAST)));
        assert_eq!(micros(Timestamp::MIN), micros(Timestamp::from_millis(FIRST)));
        assert!(Time::from_sql(&Type::TIMESTAMPTZ, &i64::MAX.to_be_bytes()).is_err());
    }

    #[test]
    fn texts_are_without_nul() {
        assert!(matches!(Value::text("a\0b\0"), Value::Text(Some(text)) if text == "ab"));
        assert!(matches!(Value::text("ab"), Value::Text(Some(Cow::Borrowed("ab")))));
    }
}
