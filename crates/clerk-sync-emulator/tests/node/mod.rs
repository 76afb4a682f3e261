//! Programs of Node that play Clerk's SDKs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The folder of a program beside the tests, with the packages of its lock file installed.
pub(crate) async fn installed(folder: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    // npm writes it last.
    if !folder.join("node_modules/.package-lock.json").exists() {
        let words = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
        run(Command::new("npm").args(words).current_dir(&folder)).await;
    }
    folder
}

/// Runs it to a good end; what it said is in the panic otherwise.
#[expect(clippy::panic, reason = "says which program is missing, or what it found")]
pub(crate) async fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let Ok(output) = tokio::time::timeout(PATIENCE, output).await else {
        panic!("{command:?} did not end in {PATIENCE:?}")
    };
    let output = output.unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
}
