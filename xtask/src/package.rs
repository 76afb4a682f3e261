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

/// The first so many stages leave a built package behind.
const BUILDING: usize = 2;

/// Runs them; answers how many passed.
pub(crate) fn package(root: &Path, tools: &Tools) -> Result<usize> {
    run_stages(root, tools, STAGES)
}

/// Installs and builds only, for whoever uses the package.
pub(crate) fn build(root: &Path, tools: &Tools) -> Result<usize> {
    run_stages(root, tools, &STAGES[..BUILDING])
}

fn run_stages(root: &Path, tools: &Tools, stages: &[(&str, &[&str])]) -> Result<usize> {
    let folder = root.join("packages/clerk-sync");
    for (name, words) in stages {
        let begun = Instant::now();
        println!("==> npm package, {name}: {}", words.join(" "));
        run(tools.command(&folder, words)?)
            .with_context(|| format!("the package's stage \"{name}\" failed"))?;
        println!("    {:.0} s", begun.elapsed().as_secs_f64());
    }
    Ok(stages.len())
}
