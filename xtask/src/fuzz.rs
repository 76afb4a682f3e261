//! The fuzz targets with libFuzzer, on stable Rust: coverage without a sanitizer, since no code of ours is unsafe.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run::run;
use crate::tools::Tools;

/// The test a target is, its package, and the folder its inputs are kept in.
struct Target {
    test: &'static str,
    package: &'static str,
    kept: &'static str,
}

/// Not the one of the configuration: the program would have to be linked with libFuzzer too. `cargo test` tries it.
const TARGETS: [Target; 3] = [
    Target {
        test: "fuzz::webhook",
        package: "clerk-sync",
        kept: "crates/clerk-sync/tests/clerk/__fuzz__/webhook",
    },
    Target {
        test: "fuzz::token",
        package: "clerk-sync",
        kept: "crates/clerk-sync/tests/clerk/__fuzz__/token",
    },
    Target {
        test: "fuzz::backend_api",
        package: "clerk-sync",
        kept: "crates/clerk-sync/tests/clerk/__fuzz__/backend_api",
    },
];

/// For each target when nothing else is asked for.
const SECONDS: u64 = 600;

/// Runs every target for `--minutes` or `--seconds` each.
///
/// What libFuzzer finds worth keeping goes to `target/fuzz/inputs`, where the next run begins; an input that
/// fails goes beside the kept ones, and `cargo test` tries it from then on.
pub(crate) fn fuzz(root: &Path, words: &[&str]) -> Result<()> {
    let count = |text: &str| text.parse::<u64>().with_context(|| format!("{text:?} is no count"));
    let seconds = match words {
        [] => SECONDS,
        ["--minutes", minutes] => count(minutes)? * 60,
        ["--seconds", seconds] => count(seconds)?,
        other => bail!("unknown words {other:?}; cargo xtask fuzz [--minutes M | --seconds S]"),
    };
    let tools = Tools::prepare(root)?;
    tools.bolero(root)?;
    TARGETS.iter().try_for_each(|target| target.run(root, &tools, seconds))
}

impl Target {
    fn run(&self, root: &Path, tools: &Tools, seconds: u64) -> Result<()> {
        let name = self.kept.rsplit('/').next().unwrap_or(self.kept);
        let inputs = root.join("target/fuzz/inputs").join(name);
        std::fs::create_dir_all(&inputs)?;
        for kept in std::fs::read_dir(root.join(self.kept).join("corpus"))? {
            let kept = kept?;
            std::fs::copy(kept.path(), inputs.join(kept.file_name()))?;
        }
        let (inputs, crashes) = (inputs.to_string_lossy(), root.join(self.kept).join("crashes"));
        let (crashes, time) = (crashes.to_string_lossy(), format!("{seconds}s"));
        let words = ["cargo", "bolero", "test", self.test, "--package", self.package, "--sanitizer", "NONE"];
        let places = ["-T", &time, "--corpus-dir", &inputs, "--crashes-dir", &crashes];
        println!("==> {name} for {time}");
        run(tools.command(root, &[&words[..], &places].concat())?)
    }
}
