//! An object of JSON as written, member by member, so that it can be written wrongly.

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Map, Value};

use super::pick;

/// Values that are seldom what is expected.
const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "7",
    "1.5",
    "1e3",
    "1e300",
    "-1e300",
    "9007199254740993",
    "99999999999999999999",
    "\"\"",
    "\" \"",
    "\"x\"",
    "\"user_a\"",
    "\"null\"",
    "\"\\u0000\"",
    "\"é\"",
    "\"\\ud800\"",
    "[]",
    "[1]",
    "[\"RS256\"]",
    "{}",
    "{\"id\":\"user_a\"}",
];

#[derive(Clone)]
pub(super) struct Members(Vec<(String, String)>);

impl Members {
    pub(super) fn of(object: &Map<String, Value>) -> Self {
        Self(object.iter().map(|(name, value)| (name.clone(), value.to_string())).collect())
    }

    pub(super) fn text(&self) -> String {
        let members = self.0.iter().map(|(name, value)| format!("\"{name}\":{value}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }

    /// The last value written for `name`, as JSON.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn value(&self, name: &str) -> Value {
        self.raw(name).and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default()
    }

    pub(super) fn set(&mut self, name: &str, value: impl ToString) {
        self.remove(name);
        self.add(name, value);
    }

    /// Writes a member, also where it is already.
    pub(super) fn add(&mut self, name: &str, value: impl ToString) {
        self.0.push((name.to_owned(), value.to_string()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(found, _)| found != name);
    }

    pub(super) fn set_odd(&mut self, names: &[&str], dice: &mut StdRng) {
        self.set(pick(dice, names), pick(dice, ODD));
    }

    pub(super) fn remove_any(&mut self, dice: &mut StdRng) {
        self.0.remove(dice.random_range(0..self.0.len()));
    }

    /// Writes a member again, with its value or another, in plain or with an escape in its name.
    pub(super) fn double_any(&mut self, dice: &mut StdRng) {
        let (name, value) = self.0[dice.random_range(0..self.0.len())].clone();
        let value = if dice.random() { value } else { pick(dice, ODD).to_owned() };
        let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
        let member = (if dice.random() { name } else { escaped }, value);
        self.0.insert(dice.random_range(0..=self.0.len()), member);
    }

    /// Whether a member is written twice.
    pub(super) fn is_ambiguous(&self) -> bool {
        let plain = |name: &str| serde_json::from_str::<String>(&format!("\"{name}\"")).unwrap();
        let mut names: Vec<_> = self.0.iter().map(|(name, _)| plain(name)).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        names.len() < count
    }
}

/// How deep `text` nests, brackets in texts counted too.
pub(super) fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
