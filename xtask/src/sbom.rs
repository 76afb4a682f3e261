//! What the program is made of, as CycloneDX 1.6: from the lock files alone, so two runs give the same bytes.

mod crates;
mod npm;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::run::{command, output};

/// Where the files are put, below the workspace.
const FOLDER: &str = "target/sbom";
/// The package whose program is released.
const PROGRAM: &str = "clerk-sync-server";

/// One piece, and what it needs.
struct Component {
    /// Its package URL, which is its name in the document too.
    purl: String,
    name: String,
    version: String,
    /// A licence expression of SPDX.
    license: Option<String>,
    /// Algorithm and value, in hex.
    hash: Option<(&'static str, String)>,
    needs: Vec<String>,
}

/// Writes one document for the program and one for each npm package, with their checksums; of the release
/// program too, where it is built.
pub(crate) fn sbom(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    let crates = crates::components(root, PROGRAM)?;
    check_complete(root, &crates)?;
    let mut documents = BTreeMap::from([("clerk-sync.cdx.json".to_owned(), crates)]);
    documents.extend(npm::documents(root)?);
    for (file, components) in &documents {
        check(file, components)?;
        let text = serde_json::to_string_pretty(&document(components)?)?;
        std::fs::write(folder.join(file), text + "\n")?;
        println!("{FOLDER}/{file}: {} components", components.len());
    }
    let mut files: Vec<String> = documents.into_keys().collect();
    if root.join("target/release/clerk-sync").is_file() {
        std::fs::copy(root.join("target/release/clerk-sync"), folder.join("clerk-sync"))?;
        files.push("clerk-sync".to_owned());
    }
    let words: Vec<&str> = std::iter::once("sha256sum").chain(files.iter().map(String::as_str)).collect();
    let sums = output(command(&folder, &words)?)?;
    std::fs::write(folder.join("SHA256SUMS"), sums)?;
    println!("{FOLDER}/SHA256SUMS: {} files", files.len());
    Ok(())
}

/// The document; its first component is what it is about.
fn document(components: &[Component]) -> Result<Value> {
    let (subject, parts) = components.split_first().context("nothing to tell of")?;
    let needs = components.iter().map(|c| json!({"ref": c.purl, "dependsOn": c.needs}));
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(subject, "application")},
        "components": parts.iter().map(|part| component(part, "library")).collect::<Vec<_>>(),
        "dependencies": needs.collect::<Vec<_>>(),
    }))
}

fn component(component: &Component, kind: &str) -> Value {
    let mut value = json!({
        "type": kind, "bom-ref": component.purl, "name": component.name, "version": component.version,
        "purl": component.purl,
    });
    if let Some(license) = &component.license {
        value["licenses"] = json!([{"expression": license}]);
    }
    if let Some((algorithm, content)) = &component.hash {
        value["hashes"] = json!([{"alg": algorithm, "content": content}]);
    }
    value
}

/// What readers of the format rely on: every piece once, with a licence, and no need that is not listed.
fn check(file: &str, components: &[Component]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for component in components {
        if seen.insert(&component.purl, ()).is_some() {
            bail!("{file}: {} is listed twice", component.purl);
        }
        if component.license.is_none() {
            bail!("{file}: {} names no licence", component.purl);
        }
        if component.hash.is_none() && !component.name.starts_with("clerk-sync") {
            bail!("{file}: {} has no checksum in the lock file", component.purl);
        }
    }
    let mut needs = components.iter().flat_map(|component| &component.needs);
    match needs.find(|need| !seen.contains_key(need)) {
        Some(missing) => bail!("{file}: {missing} is needed and not listed"),
        None => Ok(()),
    }
}

/// Compares with what cargo itself says the program is built from, here and on every other platform.
fn check_complete(root: &Path, components: &[Component]) -> Result<()> {
    let words = ["cargo", "tree", "--package", PROGRAM, "--edges", "normal,build", "--prefix", "none"];
    let all = [&words[..], &["--target", "all", "--locked", "--no-dedupe", "--format", "{p}"]].concat();
    let tree = output(command(root, &all)?)?;
    let mut missing: Vec<&str> = tree
        .lines()
        .filter(|line| !line.is_empty())
        .filter(|line| {
            let mut words = line.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let version = version.trim_start_matches('v');
            !components.iter().any(|component| component.name == name && component.version == version)
        })
        .collect();
    missing.dedup();
    if missing.is_empty() { Ok(()) } else { bail!("not in the list of parts: {missing:?}") }
}
