//! Faults planted in core, one by one: each must be noticed by a test, or be explained in `.cargo/mutants.toml`.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run::command;
use crate::tools::Tools;

/// Memory of any one process, in KiB: a mutant may collect for ever, and must not take the machine with it.
const MEMORY_KIB: u64 = 6_000_000;
/// Seconds for the tests with one mutant.
const TIMEOUT_S: u64 = 60;
/// Generated histories of the property test for each mutant; tables find most faults before it.
const HISTORIES: &str = "500";
/// Core's own tests are built in seconds and see most faults; only what they miss meets those of the testkit, which
/// cargo-mutants does not try without a fault: it does so for the tests of the package itself alone.
const ROUNDS: [&str; 2] = [
    "exec cargo mutants $PLANT -- --lib --tests",
    "cargo test --profile mutants --package clerk-sync-testkit --test memory --test join && \
     exec cargo mutants $PLANT --iterate --baseline skip --test-package clerk-sync-testkit -- --test memory --test join",
];

/// What `cargo mutants` ends with: all noticed, some missed, and some made a test hang, which is noticed too.
const ENDS: [i32; 3] = [0, 2, 3];

pub(crate) fn mutants(root: &Path) -> Result<()> {
    Tools::prepare(root)?.mutants(root)?;
    for round in ROUNDS {
        plant(root, round)?;
        let missed = root.join("target/mutants.out/missed.txt");
        let missed = std::fs::read_to_string(&missed).with_context(|| missed.display().to_string())?;
        if missed.is_empty() {
            return Ok(());
        }
    }
    bail!("each fault in target/mutants.out/missed.txt needs a test, or a reason in .cargo/mutants.toml")
}

/// One round of mutants.
fn plant(root: &Path, round: &str) -> Result<()> {
    let mut command = command(root, &["sh", "-c", &format!("ulimit -v {MEMORY_KIB} && {round}")])?;
    let plant =
        format!("--package clerk-sync-core --profile mutants --jobs 2 --timeout {TIMEOUT_S} --output target");
    command.env("PLANT", plant).env("CLERK_SYNC_PROPTEST_CASES", HISTORIES);
    let status = command.status().context("sh cannot be started")?;
    if !status.code().is_some_and(|code| ENDS.contains(&code)) {
        bail!("cargo mutants could not plant its faults ({status})");
    }
    Ok(())
}
