//! Faults planted in core, one by one: each must be noticed by a test, or be explained in `.cargo/mutants.toml`.

use std::path::Path;

use anyhow::Result;

use crate::run::{command, run};
use crate::tools::Tools;

/// Memory of any one process, in KiB: a mutant may collect for ever, and must not take the machine with it.
const MEMORY_KIB: u64 = 6_000_000;
/// Seconds for the tests with one mutant.
const TIMEOUT_S: u64 = 60;
/// Generated histories of the property test for each mutant; tables find most faults before it.
const HISTORIES: &str = "2000";

pub(crate) fn mutants(root: &Path) -> Result<()> {
    let tools = Tools::prepare(root)?;
    tools.mutants(root)?;
    let mutants = format!(
        "ulimit -v {MEMORY_KIB} && exec cargo mutants --package clerk-sync-core --test-package clerk-sync-core \
         --test-package clerk-sync-testkit --jobs 1 --timeout {TIMEOUT_S} --output target/mutants"
    );
    let mut command = command(root, &["sh", "-c", &mutants])?;
    command.env("CLERK_SYNC_PROPTEST_CASES", HISTORIES);
    run(command)
}
