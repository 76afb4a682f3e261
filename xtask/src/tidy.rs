//! The rules of the house, as a check.

mod attacks;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::run::{command, output};

/// Who may know whom among our crates; everything not listed is forbidden.
const ARROWS: &[(&str, &[&str])] = &[
    ("clerk-sync-core", &[]),
    ("clerk-sync-sqlite", &["clerk-sync-core"]),
    ("clerk-sync-postgres", &["clerk-sync-core"]),
    ("clerk-sync-mongodb", &["clerk-sync-core"]),
    ("clerk-sync-testkit", &["clerk-sync-core"]),
    ("clerk-sync", &["clerk-sync-core", "clerk-sync-sqlite", "clerk-sync-postgres", "clerk-sync-mongodb"]),
    ("clerk-sync-server", &["clerk-sync", "clerk-sync-emulator"]),
    ("clerk-sync-emulator", &[]),
    ("axum-app", &["clerk-sync"]),
    ("xtask", &[]),
];

/// What tests may know beside that.
const TEST_ARROWS: &[(&str, &[&str])] = &[
    ("clerk-sync-sqlite", &["clerk-sync-testkit"]),
    ("clerk-sync-postgres", &["clerk-sync-testkit"]),
    ("clerk-sync-mongodb", &["clerk-sync-testkit"]),
    ("clerk-sync", &["clerk-sync-testkit", "clerk-sync-emulator", "clerk-sync-sqlite"]),
    ("clerk-sync-server", &["clerk-sync-testkit"]),
    ("axum-app", &["clerk-sync-emulator"]),
];

/// Lines a file may have before it must be split by meaning.
const MAX_LINES: usize = 600;

pub(crate) fn tidy(root: &Path) -> Result<()> {
    let mut faults = vec![];
    arrows(root, &mut faults)?;
    sources(root, &mut faults)?;
    attacks::attacks(root, &mut faults)?;
    if faults.is_empty() {
        println!("tidy: nothing to mend");
        return Ok(());
    }
    bail!("tidy found {} faults:\n  {}", faults.len(), faults.join("\n  "))
}

fn allowed(table: &[(&str, &'static [&'static str])], name: &str) -> &'static [&'static str] {
    table.iter().find(|(from, _)| *from == name).map_or(&[], |(_, to)| to)
}

fn arrows(root: &Path, faults: &mut Vec<String>) -> Result<()> {
    let text = output(command(root, &["cargo", "metadata", "--format-version", "1", "--locked"])?)?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&metadata["packages"]);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours: BTreeMap<String, &Value> =
        packages.iter().filter(|p| p["source"].is_null()).map(|p| (word(&p["name"]), p)).collect();
    for (name, package) in &ours {
        if !ARROWS.iter().any(|(from, _)| from == name) {
            faults.push(format!("{name} has no place in the table of arrows in xtask/src/tidy.rs"));
        }
        for dependency in list(&package["dependencies"]) {
            let to = word(&dependency["name"]);
            if !ours.contains_key(&to) {
                continue;
            }
            let dev = dependency["kind"] == "dev";
            let known = allowed(ARROWS, name).contains(&to.as_str());
            let in_tests = dev && allowed(TEST_ARROWS, name).contains(&to.as_str());
            if !known && !in_tests {
                faults.push(format!("{name} must not know {to}"));
            }
        }
    }
    Ok(())
}

fn sources(root: &Path, faults: &mut Vec<String>) -> Result<()> {
    let listed = output(command(root, &["git", "ls-files", "--cached", "--others", "--exclude-standard"])?)?;
    for file in listed.lines() {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        if Path::new(file).extension().is_some_and(|end| end == "rs") {
            let lines = text.lines().count();
            if lines > MAX_LINES {
                faults.push(format!("{file} has {lines} lines; split it by meaning at {MAX_LINES}"));
            }
            if text.contains("cfg(feature") && !file.ends_with("src/lib.rs") && !file.starts_with("xtask/") {
                faults.push(format!("{file}: features are named in lib.rs only"));
            }
        }
        if file.contains("/util") || file.ends_with("util.rs") {
            faults.push(format!("{file}: say what it is for instead"));
        }
    }
    Ok(())
}
