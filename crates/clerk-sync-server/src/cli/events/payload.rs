//! A payload without what it says of a person.

use serde_json::{Map, Value};

/// Members whose texts say nothing of a person: kinds, states, and ids of Clerk's.
const KEPT: [&str; 12] = [
    "type",
    "object",
    "id",
    "instance_id",
    "user_id",
    "session_id",
    "organization_id",
    "status",
    "strategy",
    "provider",
    "primary_email_address_id",
    "primary_phone_number_id",
];

/// What stands in place of a value.
const REDACTED: &str = "…";

/// The payload with its shape, kinds, ids, flags and times; every other text and number is replaced, and what
/// an app keeps in metadata is left out with its names.
pub(super) fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(members.iter().map(member).collect::<Map<_, _>>()),
        Value::Array(items) => Value::Array(items.iter().map(redacted).collect()),
        Value::String(_) | Value::Number(_) => Value::from(REDACTED),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

fn member((name, value): (&String, &Value)) -> (String, Value) {
    let value = match value {
        Value::Object(members) if name.ends_with("metadata") && !members.is_empty() => Value::from(REDACTED),
        Value::String(_) if KEPT.contains(&name.as_str()) => value.clone(),
        Value::Number(_) if name.ends_with("_at") || name == "timestamp" => value.clone(),
        other => redacted(other),
    };
    (name.clone(), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_of_a_person_is_left() {
        let payload = json!({"type": "user.created", "timestamp": 5, "data": {"id": "user_1", "first_name": "Ada",
            "banned": false, "created_at": 7, "last_name": null, "birthday": 19701231, "unsafe_metadata": {"ada": 1},
            "public_metadata": {}, "email_addresses": [{"id": "idn_1", "email_address": "ada@x.test"}]}});
        let expected = json!({"type": "user.created", "timestamp": 5, "data": {"id": "user_1", "first_name": "…",
            "banned": false, "created_at": 7, "last_name": null, "birthday": "…", "unsafe_metadata": "…",
            "public_metadata": {}, "email_addresses": [{"id": "idn_1", "email_address": "…"}]}});
        assert_eq!(redacted(&payload), expected);
    }
}
