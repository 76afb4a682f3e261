//! The exhaustive model, optimised: the tests visit the same states slower.

use std::path::Path;

use anyhow::Result;

use crate::run::{command, run};

pub(crate) fn model(root: &Path, options: &[&str]) -> Result<()> {
    let cargo = ["cargo", "test", "--release", "--quiet", "--locked"];
    let test = ["--package", "clerk-sync-testkit", "--test", "model", "--"];
    run(command(root, &[&cargo[..], &test, options].concat())?)
}
