//! What a person sees: the example page with Clerk's own SDK in a real browser, against the real program.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::package;
use crate::run::run;
use crate::tools::{PROGRAM, Tools};

/// `cargo xtask browser [--runs N]`.
pub(crate) fn command(root: &Path, words: &[&str]) -> Result<()> {
    let runs = match words {
        [] => 1,
        ["--runs", runs] => runs.parse().with_context(|| format!("--runs {runs}: give a number"))?,
        other => bail!("unknown words {other:?}; usage: cargo xtask browser [--runs N]"),
    };
    let tools = Tools::prepare(root)?;
    tools.build_program(root)?;
    package::build(root, &tools)?;
    browser(root, &tools, runs).map(drop)
}

/// Installs and builds the page, then tries every state `runs` times in a row; answers how many stages passed. The package
/// and the program are built before.
pub(crate) fn browser(root: &Path, tools: &Tools, runs: usize) -> Result<usize> {
    let folder = root.join("examples/react-app");
    let program = root.join(PROGRAM);
    let stage = |name: &str, words: &[&str]| -> Result<()> {
        let begun = Instant::now();
        println!("==> browser, {name}: {}", words.join(" "));
        let mut command = tools.command(&folder, words)?;
        command.env("CLERK_SYNC_PROGRAM", &program);
        run(command).with_context(|| format!("the browser's stage \"{name}\" failed"))?;
        println!("    {:.0} s", begun.elapsed().as_secs_f64());
        Ok(())
    };
    stage("install", &["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])?;
    stage("build", &["npm", "run", "--silent", "build"])?;
    for number in 1..=runs {
        stage(&format!("run {number} of {runs}"), &["npm", "run", "--silent", "test"])?;
    }
    println!("    pictures of each state: {}", folder.join("screenshots").display());
    Ok(2 + runs)
}
