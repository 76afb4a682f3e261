//! The npm packages, each from its committed `package-lock.json`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Component;
use crate::advisories::npm_packages;

/// A document for every folder with a lock file, named after the package in it.
pub(super) fn documents(root: &Path) -> Result<BTreeMap<String, Vec<Component>>> {
    let mut documents = BTreeMap::new();
    for folder in npm_packages(root)? {
        let text = std::fs::read_to_string(folder.join("package-lock.json"))?;
        let lock: Value = serde_json::from_str(&text).with_context(|| folder.display().to_string())?;
        let own = std::fs::read_to_string(folder.join("package.json"))?;
        let own: Value = serde_json::from_str(&own)?;
        let name = own["name"].as_str().context("an npm package has no name")?;
        documents.insert(format!("npm-{}.cdx.json", name.replace('/', "-")), components(&own, &lock));
    }
    Ok(documents)
}

fn components(own: &Value, lock: &Value) -> Vec<Component> {
    let mut components = vec![component(own["name"].as_str().unwrap_or_default(), own)];
    let packages = lock["packages"].as_object().into_iter().flatten();
    // A link is to a package of ours, which has a lock file of its own.
    let fetched = packages.filter(|(_, package)| package["link"] != true);
    let mut parts: Vec<Component> = fetched
        .filter_map(|(path, package)| Some(component(path.rsplit_once("node_modules/")?.1, package)))
        .collect();
    parts.sort_by(|a, b| a.purl.cmp(&b.purl));
    parts.dedup_by(|a, b| a.purl == b.purl);
    components[0].needs = parts.iter().map(|part| part.purl.clone()).collect();
    components.extend(parts);
    components
}

fn component(name: &str, package: &Value) -> Component {
    let version = package["version"].as_str().unwrap_or("0.0.0").to_owned();
    let hash = package["integrity"].as_str().and_then(|text| text.strip_prefix("sha512-"));
    Component {
        purl: format!("pkg:npm/{}@{version}", name.replace('@', "%40")),
        name: name.to_owned(),
        version,
        license: package["license"].as_str().map(str::to_owned),
        hash: hash.and_then(hex).map(|hash| ("SHA-512", hash)),
        needs: Vec::new(),
    }
}

/// Base64 with padding, as hex.
fn hex(base64: &str) -> Option<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let (mut count, mut out) = (0, String::new());
    for byte in base64.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|known| *known == byte)?;
        bits = (bits << 6 | u32::try_from(value).ok()?) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out += &format!("{:02x}", (bits >> count) & 0xff);
        }
    }
    Some(out)
}
