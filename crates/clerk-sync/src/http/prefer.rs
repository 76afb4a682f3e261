//! `Prefer: wait=N` (RFC 7240).

use http::{HeaderMap, HeaderName};

/// The longest a request is held, in seconds.
pub(super) const MAX_WAIT_S: u64 = 25;

/// Says how long a request could be held.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long the request may be held, in seconds: 0 without the preference, never over 25.
pub(super) fn wait_seconds(headers: &HeaderMap) -> u64 {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|preference| {
            let (name, rest) = preference.split(';').next()?.split_once('=')?;
            if !name.trim().eq_ignore_ascii_case("wait") {
                return None;
            }
            rest.trim().trim_matches('"').parse::<u64>().ok()
        })
        .unwrap_or(0)
        .min(MAX_WAIT_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_wait_among_preferences_and_caps_it() {
        let rows = [
            (vec!["wait=5"], 5),
            (vec!["respond-async, wait=7; x=1"], 7),
            (vec!["return=minimal", "WAIT = \"3\""], 3),
            (vec!["wait=100"], 25),
            (vec!["wait=-1"], 0),
            (vec!["wait=x"], 0),
            (vec!["wait"], 0),
            (vec![], 0),
        ];
        for (values, expected) in rows {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append("prefer", value.parse().unwrap());
            }
            assert_eq!(wait_seconds(&headers), expected, "{values:?}");
        }
    }
}
