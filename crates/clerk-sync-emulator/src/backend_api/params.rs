//! Reading parameters: repeated ones from the query, typed ones from a JSON body.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api_error::ApiError;
use crate::state::Signed;

/// How many values a repeated parameter may have.
const MAX_VALUES: usize = 100;

/// Names and values in their order, percent-decoded; a plain `+` is a space.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// A path segment with percent-encoding undone. A `+` stands for itself there.
pub(super) fn decoded(segment: &str) -> String {
    let escaped = segment.replace('+', "%2B");
    form_urlencoded::parse(escaped.as_bytes()).map(|(name, _)| name.into_owned()).next().unwrap_or_default()
}

/// The query of one call.
pub(super) struct Query<'a>(pub(super) &'a [(String, String)]);

impl Query<'_> {
    /// Every value of a parameter, also under its name with `[]`.
    fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.0
            .iter()
            .filter(move |(given, _)| given.strip_suffix("[]").unwrap_or(given) == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value.
    pub(super) fn first(&self, name: &str) -> Option<String> {
        self.all(name).next().map(str::to_owned)
    }

    /// At most 100 values.
    pub(super) fn list(&self, name: &'static str) -> Result<Vec<String>, ApiError> {
        let values: Vec<_> = self.all(name).map(str::to_owned).collect();
        if values.len() > MAX_VALUES { Err(ApiError::too_many_values(name, MAX_VALUES)) } else { Ok(values) }
    }

    /// At most 100 values, those with a leading `-` to be left out.
    pub(super) fn signed(&self, name: &'static str) -> Result<Signed, ApiError> {
        let mut signed = Signed::default();
        for value in self.list(name)? {
            match value.strip_prefix('-') {
                Some(rest) => signed.exclude.push(rest.to_owned()),
                None => signed.include.push(value.strip_prefix('+').unwrap_or(&value).to_owned()),
            }
        }
        Ok(signed)
    }

    pub(super) fn integer(&self, name: &'static str) -> Result<Option<i64>, ApiError> {
        self.first(name).map(|text| text.parse().map_err(|_| ApiError::param_type(name))).transpose()
    }

    pub(super) fn boolean(&self, name: &'static str) -> Result<Option<bool>, ApiError> {
        self.first(name).map(|text| text.parse().map_err(|_| ApiError::param_type(name))).transpose()
    }

    /// `limit`: 1 to 500, 10 if it is not given.
    pub(super) fn limit(&self) -> Result<usize, ApiError> {
        match self.integer("limit")?.unwrap_or(10) {
            limit @ 1..=500 => Ok(limit as usize),
            _ => Err(ApiError::param_value("limit")),
        }
    }

    /// `offset`: 0 if it is not given.
    pub(super) fn offset(&self) -> Result<usize, ApiError> {
        let offset = self.integer("offset")?.unwrap_or(0);
        usize::try_from(offset).map_err(|_| ApiError::param_value("offset"))
    }
}

/// A JSON object as a `T`. Names the member that does not fit.
pub(super) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let map: Map<String, Value> = if bytes.is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(bytes).map_err(|_| ApiError::bad_request())?
    };
    let whole = Value::Object(map);
    let from = |value: &Value| <T as serde::Deserialize>::deserialize(value.clone());
    if let Ok(parsed) = from(&whole) {
        return Ok(parsed);
    }
    // One member at a time tells which one is to blame; if each fits alone, one that is needed is missing.
    for (name, value) in whole.as_object().into_iter().flatten() {
        let alone = Value::Object(Map::from_iter([(name.clone(), value.clone())]));
        if let Err(error) = from(&alone) {
            let text = error.to_string();
            if text.starts_with("unknown field") {
                return Err(ApiError::unknown_param(name));
            }
            if !text.starts_with("missing field") {
                return Err(ApiError::param_type(name));
            }
        }
    }
    let missing = from(&whole).err().map(|error| error.to_string()).unwrap_or_default();
    match missing.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        Some((name, _)) => Err(ApiError::param_missing(name)),
        None => Err(ApiError::bad_request()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::NewSession;
    use crate::user::NewUser;

    #[test]
    fn the_member_to_blame_is_named() {
        let check = |text: &str, expected: ApiError| {
            assert_eq!(body::<NewUser>(text.as_bytes()).unwrap_err(), expected, "{text}");
        };
        check(r#"{"first_name": "A", "x": 1}"#, ApiError::unknown_param("x"));
        check(r#"{"first_name": "A", "email_address": "a@b"}"#, ApiError::param_type("email_address"));
        check("[]", ApiError::bad_request());
        check("{", ApiError::bad_request());
        assert!(body::<NewUser>(b"").is_ok());
        assert_eq!(body::<NewSession>(b"{}").unwrap_err(), ApiError::param_missing("user_id"));
    }

    #[test]
    fn signs_and_repeats_are_read() {
        let pairs = pairs("user_id=a&user_id=-b&user_id=%2Bc&user_id=+d&user_id[]=e&limit=0&banned=maybe");
        let query = Query(&pairs);
        let signed = query.signed("user_id").unwrap();
        // An unencoded plus is a space, and no id begins with one.
        assert_eq!(signed.include, ["a", "c", " d", "e"]);
        assert_eq!(signed.exclude, ["b"]);
        assert_eq!(query.limit().unwrap_err(), ApiError::param_value("limit"));
        assert_eq!(query.boolean("banned").unwrap_err(), ApiError::param_type("banned"));
        let many = vec![("user_id".to_owned(), "x".to_owned()); 101];
        assert_eq!(Query(&many).list("user_id").unwrap_err(), ApiError::too_many_values("user_id", 100));
        assert_eq!(decoded("user%5Fa+b"), "user_a+b");
    }
}
