//! Clerk's SDK in a process of its own: cases go in as lines of JSON, verdicts come out.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Verdict;
use crate::support::NOW;
use crate::support::forge::{ISSUER, KEY, ORIGIN};
use crate::webhook_attacks::SECRET;

pub(super) async fn judge(jwks_url: &str, cases: impl Iterator<Item = Value>) -> Vec<Verdict> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clerk/differential/sdk");
    install(&folder).await;
    let settings = json!({
        "now_ms": NOW.as_millis(), "pem": KEY.pem(), "issuer": ISSUER, "origin": ORIGIN,
        "publishable_key": "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k", "jwks_url": jwks_url, "webhook_secret": SECRET,
    });
    let lines: String = std::iter::once(settings).chain(cases).map(|line| format!("{line}\n")).collect();
    let mut node = Command::new("node")
        .arg("judge.mjs")
        .env("CLERK_TELEMETRY_DISABLED", "1")
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = node.stdin.take().unwrap();
    let feeding = tokio::spawn(async move { input.write_all(lines.as_bytes()).await });
    let output = node.wait_with_output().await.unwrap();
    feeding.await.unwrap().unwrap();
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(verdict).collect()
}

fn verdict(line: &str) -> Verdict {
    let verdict: Value = serde_json::from_str(line).unwrap();
    match verdict.get("accepts") {
        Some(read) => Ok(read.clone()),
        None => Err(verdict["refuses"].as_str().unwrap().to_owned()),
    }
}

/// Once for all tests, which may run at the same time.
async fn install(folder: &Path) {
    static ONCE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _once = ONCE.lock().await;
    if folder.join("node_modules/@clerk/backend/package.json").exists() {
        return;
    }
    let words = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    let installed = Command::new("npm").args(words).current_dir(folder).stdin(Stdio::null()).output().await;
    let installed = installed.unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
}
