//! Known vulnerabilities: a command of its own, since its data comes over the network.

use std::path::Path;

use anyhow::{Result, bail};

use crate::run::{command, run};

pub(crate) fn advisories(root: &Path) -> Result<()> {
    let mut failed = vec![];
    println!("==> cargo deny check advisories");
    if let Err(error) = run(command(root, &["cargo", "deny", "check", "advisories"])?) {
        println!("{error}; if it could not fetch its database, nothing was checked");
        failed.push("crates");
    }
    for folder in npm_packages(root)? {
        println!("==> npm audit in {}", folder.strip_prefix(root).unwrap_or(&folder).display());
        if let Err(error) = run(command(&folder, &["npm", "audit"])?) {
            println!("{error}; if the registry has no audit endpoint, nothing was checked");
            failed.push("npm");
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("not clean, or not checked: {}", failed.join(", "))
}

/// Every folder with a committed `package-lock.json`.
pub(crate) fn npm_packages(root: &Path) -> Result<Vec<std::path::PathBuf>> {
    let listed = crate::run::output(command(root, &["git", "ls-files", "*package-lock.json"])?)?;
    Ok(listed.lines().filter_map(|line| Some(root.join(line).parent()?.to_path_buf())).collect())
}
