//! The crates of a program, from `cargo metadata` and `Cargo.lock`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Component;
use crate::run::{command, output};

/// The program first, then every crate it is built from, on whatever platform, in the order of their names.
pub(super) fn components(root: &Path, program: &str) -> Result<Vec<Component>> {
    let words = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"];
    let metadata: Value = serde_json::from_str(&output(command(root, &words)?)?)?;
    let packages: BTreeMap<&str, &Value> =
        list(&metadata["packages"]).iter().map(|package| (word(&package["id"]), package)).collect();
    let needs: BTreeMap<&str, Vec<&str>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            (
                word(&node["id"]),
                list(&node["deps"]).iter().filter(is_built).map(|d| word(&d["pkg"])).collect(),
            )
        })
        .collect();
    let start = packages.iter().find(|(_, package)| package["name"] == program).map(|(id, _)| *id);
    let start = start.with_context(|| format!("there is no package {program}"))?;
    let (mut reached, mut next) = (BTreeSet::from([start]), vec![start]);
    while let Some(id) = next.pop() {
        next.extend(needs[id].iter().copied().filter(|need| reached.insert(need)));
    }
    reached.remove(start);
    let checksums = checksums(root)?;
    let ids = std::iter::once(start).chain(reached);
    let mut components: Vec<Component> = ids
        .map(|id| component(packages[id], needs[id].iter().map(|need| packages[need]), &checksums))
        .collect();
    components.iter_mut().for_each(|component| component.needs.sort());
    if let Some((_, parts)) = components.split_first_mut() {
        parts.sort_by(|a, b| a.purl.cmp(&b.purl));
    }
    Ok(components)
}

/// Whether an edge is more than one of tests.
fn is_built(dependency: &&Value) -> bool {
    list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev")
}

fn component<'a>(
    package: &Value,
    needs: impl Iterator<Item = &'a Value>,
    checksums: &BTreeMap<(String, String), String>,
) -> Component {
    let (name, version) = (word(&package["name"]).to_owned(), word(&package["version"]).to_owned());
    let hash = checksums.get(&(name.clone(), version.clone())).map(|sum| ("SHA-256", sum.clone()));
    let needs: BTreeSet<String> = needs.map(purl).collect();
    let license = package["license"].as_str().map(|license| license.replace('/', " OR "));
    Component { purl: purl(package), name, version, license, hash, needs: needs.into_iter().collect() }
}

fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", word(&package["name"]), word(&package["version"]))
}

/// The checksum of every crate that came from a registry.
fn checksums(root: &Path) -> Result<BTreeMap<(String, String), String>> {
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    let entries = lock.split("[[package]]").filter_map(|entry| {
        let value = |name: &str| {
            let line = entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
            Some(line.trim_matches('"').to_owned())
        };
        Some(((value("name")?, value("version")?), value("checksum")?))
    });
    Ok(entries.collect())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
