//! The npm package: what its own scripts check.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::run::run;
use crate::tools::Tools;

/// From cheap to dear.
const STAGES: &[(&str, &[&str])] = &[
    // The one dependency with a script of its own does without.
    ("install", &["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]),
    ("build", &["npm", "run", "--silent", "build"]),
    ("sizes", &["npm", "run", "--silent", "size"]),
    ("tests", &["npm", "run", "--silent", "test"]),
    ("types and packing", &["npm", "run", "--silent", "check"]),
];

/// Runs them; answers how many passed.
pub(crate) fn package(root: &Path, tools: &Tools) -> Result<usize> {
    let folder = root.join("packages/clerk-sync");
    for (name, words) in STAGES {
        let begun = Instant::now();
        println!("==> npm package, {name}: {}", words.join(" "));
        run(tools.command(&folder, words)?)
            .with_context(|| format!("the package's stage \"{name}\" failed"))?;
        println!("    {:.0} s", begun.elapsed().as_secs_f64());
    }
    Ok(STAGES.len())
}
