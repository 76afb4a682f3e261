//! How the SDK writes a call: forms, a method in the query, cookies.

use http::{HeaderMap, Method, header};
use serde_json::{Map, Value};

use crate::api_error::ApiError;

/// Fields of a form or a query, in their order.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The first value, as it is.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The first value, unless it is empty: the SDK clears a field that way.
    pub(super) fn filled(&self, name: &str) -> Option<String> {
        self.first(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// A value that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<&str, ApiError> {
        self.first(name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::param_nil(name))
    }

    /// A JSON object inside a field.
    pub(super) fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, ApiError> {
        let text = self.filled(name);
        text.map(|text| serde_json::from_str(&text).map_err(|_| ApiError::param_type(name))).transpose()
    }
}

/// The method that is meant: only a `POST` can stand for another one.
pub(super) fn method(sent: &Method, query: &Form) -> String {
    let meant = query.first("_method").filter(|_| *sent == Method::POST);
    meant.unwrap_or(sent.as_str()).to_ascii_uppercase()
}

/// The path after `/v1/`, in its parts; ids and names of templates need no percent-encoding.
pub(super) fn segments(path: &str) -> Vec<String> {
    path.strip_prefix("/v1/").unwrap_or_default().split('/').map(str::to_owned).collect()
}

/// The value of a cookie.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(given, _)| *given == name).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_can_stand_for_another_method_and_nothing_else_can() {
        let query = Form::parse(b"_method=delete&x=1");
        assert_eq!(method(&Method::POST, &query), "DELETE");
        assert_eq!(method(&Method::GET, &query), "GET");
        assert_eq!(method(&Method::PUT, &Form::default()), "PUT");
    }

    #[test]
    fn forms_are_read() {
        let form = Form::parse(
            b"email_address=a%2Bb%40example.com&first_name=&unsafe_metadata=%7B%22a%22%3A1%7D&o=1",
        );
        assert_eq!(form.needed("email_address").unwrap(), "a+b@example.com");
        assert_eq!((form.first("first_name"), form.filled("first_name")), (Some(""), None));
        assert_eq!(form.object("unsafe_metadata").unwrap().unwrap()["a"], 1);
        assert_eq!(form.object("o").unwrap_err(), ApiError::param_type("o"));
        assert_eq!(form.needed("code").unwrap_err(), ApiError::param_nil("code"));
    }

    #[test]
    fn cookies_are_told_apart() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "__client_uat=1; __client=abc".parse().unwrap());
        headers.append(header::COOKIE, "other=2".parse().unwrap());
        assert_eq!(cookie(&headers, "__client").as_deref(), Some("abc"));
        assert_eq!(cookie(&headers, "other").as_deref(), Some("2"));
        assert_eq!(cookie(&headers, "client"), None);
    }
}
