//! How metadata changes (Clerk docs, "Update user metadata").

use serde_json::{Map, Value};

/// Most bytes the metadata of one user may take as JSON, per field (Clerk docs, "User metadata": 8 KB).
pub(crate) const MAX_BYTES: usize = 8 * 1024;

/// Merges `change` into `target` at every depth: objects are merged, `null` removes a key, anything else replaces.
pub(crate) fn merge(target: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *target = change.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(target) = target.as_object_mut() else { return };
    for (key, value) in change {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Whether the value is too large to be stored.
pub(crate) fn too_large(value: &Value) -> bool {
    value.to_string().len() > MAX_BYTES
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::merge;

    fn check(mut before: Value, change: Value, after: Value) {
        merge(&mut before, &change);
        assert_eq!(before, after);
    }

    #[test]
    fn merges_deeply_and_null_removes() {
        check(
            json!({"a": 1, "b": {"c": 2, "d": 3}}),
            json!({"b": {"c": null, "e": 4}}),
            json!({"a": 1, "b": {"d": 3, "e": 4}}),
        );
        check(json!({"a": {"b": 1}}), json!({"a": 5}), json!({"a": 5}));
        check(json!({"a": 5}), json!({"a": {"b": {"c": null, "d": 1}}}), json!({"a": {"b": {"d": 1}}}));
        check(json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]}));
        check(json!({"a": 1}), json!({}), json!({"a": 1}));
        check(Value::Null, json!({"a": 1}), json!({"a": 1}));
    }
}
