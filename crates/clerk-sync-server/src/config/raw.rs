use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};

use super::VARIABLES;

/// Values as they were written, by their key in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Raw {
    values: BTreeMap<&'static str, String>,
}

impl Raw {
    /// From a TOML file; unknown keys are refused. `None`: `clerk-sync.toml` here, if there is one.
    pub(crate) fn from_file(path: Option<&Path>) -> anyhow::Result<Self> {
        let default = Path::new("clerk-sync.toml");
        let path = match path {
            Some(path) => path,
            None if default.is_file() => default,
            None => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
        Self::from_toml(&text).with_context(|| format!("in the configuration file {}", path.display()))
    }

    pub(super) fn from_toml(text: &str) -> anyhow::Result<Self> {
        // The position says enough; the offending line may hold a secret, so it is not repeated.
        let table: toml::Table = toml::from_str(text).map_err(|error| match error.span() {
            Some(span) => anyhow::anyhow!("not TOML at byte {}: {}", span.start, error.message()),
            None => anyhow::anyhow!("not TOML: {}", error.message()),
        })?;
        let mut raw = Self::default();
        let mut unknown = vec![];
        for (key, value) in table {
            let Some(variable) = VARIABLES.iter().find(|variable| variable.key == key) else {
                unknown.push(key);
                continue;
            };
            raw.values
                .insert(variable.key, plain(&value).with_context(|| format!("{key} is no plain value"))?);
        }
        if !unknown.is_empty() {
            bail!("unknown keys: {}; the known ones are in docs/configuration.md", unknown.join(", "));
        }
        Ok(raw)
    }

    /// From variables of the environment. An empty one counts as not set.
    pub(crate) fn from_environment(read: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| read(name).filter(|value: &String| !value.is_empty());
        Self { values: VARIABLES.iter().filter_map(|v| Some((v.key, set(v.name)?))).collect() }
    }

    /// One value more, as a flag sets it.
    #[must_use]
    pub(crate) fn with(mut self, key: &'static str, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.values.insert(key, value);
        }
        self
    }

    /// These values, and for what is missing those of `other`.
    #[must_use]
    pub(crate) fn or(mut self, other: Self) -> Self {
        for (key, value) in other.values {
            self.values.entry(key).or_insert(value);
        }
        self
    }

    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        toml::Value::Array(items) => Some(items.iter().map(plain).collect::<Option<Vec<_>>>()?.join(",")),
        _ => None,
    }
}
