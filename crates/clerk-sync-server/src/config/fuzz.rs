//! Any text as a file, and any lines as variables: an answer, never a panic, and no secret in it.
//!
//! `cargo test` tries the kept inputs (`__fuzz__`) and random ones.

use super::{Config, Raw, VARIABLES};

/// Values that must never be repeated.
const SECRET: [&str; 4] =
    ["clerk_secret_key", "clerk_webhook_signing_secret", "clerk_webhook_secret", "database_url"];

#[test]
fn configuration() {
    bolero::check!(name = "configuration").for_each(|input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        if let Ok(raw) = Raw::from_toml(&text) {
            told_without_secrets(&raw);
            // The same values as variables are the same.
            let read = |name: &str| {
                let variable = VARIABLES.iter().find(|variable| variable.name == name)?;
                raw.value(variable.key).map(str::to_owned)
            };
            let again = Raw::from_environment(read);
            for variable in VARIABLES {
                let value = raw.value(variable.key).filter(|value| !value.is_empty());
                assert_eq!(value, again.value(variable.key), "{}", variable.name);
            }
        }
        let pairs: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('=')).collect();
        told_without_secrets(&Raw::from_environment(|name| {
            pairs.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
        }));
    });
}

fn told_without_secrets(raw: &Raw) {
    let told = match Config::check(raw.clone()) {
        Ok(config) => format!("{config:?}"),
        Err(error) => format!("{error:#}"),
    };
    // Texts shorter than any secret may well be part of an explanation.
    let secrets = SECRET.into_iter().filter_map(|key| raw.value(key)).filter(|value| value.len() > 40);
    for secret in secrets {
        assert!(!told.contains(secret), "a secret is repeated");
    }
}
