use serde_json::Value;

use crate::clerk::json::depth_is_bounded;

/// Members that hold an address of a person.
const NAMES: [&str; 4] = ["email_address", "phone_number", "identifier", "to_email_address"];

/// Every e-mail address and telephone number a body names, so that a person can be found in other bodies.
pub fn addresses(body: &str) -> Vec<String> {
    let mut found = Vec::new();
    if depth_is_bounded(body)
        && let Ok(value) = serde_json::from_str(body)
    {
        collect(&value, &mut found);
    }
    found
}

/// As deep as the caller has allowed.
fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    // A username among the identifiers could be anybody's word.
                    Value::String(text) if NAMES.contains(&name.as_str()) && is_address(text) => {
                        found.push(text.clone());
                    }
                    member => collect(member, found),
                }
            }
        }
        _ => {}
    }
}

fn is_address(text: &str) -> bool {
    text.contains('@') || text.starts_with('+')
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn addresses_are_found_wherever_they_are() {
        let body = r#"{"data":{"email_addresses":[{"email_address":"ada@example.com"}],"username":"ada",
            "phone_numbers":[{"phone_number":"+4930123"}],"public_user_data":{"identifier":"b@example.com"},
            "identifier":"ada","email_address":null}}"#;
        // Whether members come in their order or by name is a feature of the parser that any crate may switch on.
        let mut found = addresses(body);
        found.sort();
        assert_eq!(found, ["+4930123", "ada@example.com", "b@example.com"]);
        assert!(addresses("no JSON").is_empty() && addresses(&"[".repeat(100_000)).is_empty());
    }
}
