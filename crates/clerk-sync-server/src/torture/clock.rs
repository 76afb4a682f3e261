//! The clock of the server jumps, of nobody else: `libfaketime` is loaded into its process alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::load::Allowed;
use super::stage::{Setup, Stage, last};
use super::{Finding, Ground};
use crate::rig::ServerSettings;

/// Twice the time a signature or a token is taken for.
const JUMP_S: i64 = 600;

pub(super) async fn ahead(ground: &Ground<'_>) -> Result<Finding> {
    jump(ground, JUMP_S).await
}

pub(super) async fn behind(ground: &Ground<'_>) -> Result<Finding> {
    jump(ground, -JUMP_S).await
}

async fn jump(ground: &Ground<'_>, by_s: i64) -> Result<Finding> {
    let offset = ground.folder.join("clock");
    set(&offset, 0)?;
    let settings = ServerSettings::default()
        .with("LD_PRELOAD", library()?.to_string_lossy())
        .with("FAKETIME_TIMESTAMP_FILE", offset.to_string_lossy())
        .with("FAKETIME_NO_CACHE", "1")
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let allowed = Allowed { unauthenticated: true, ..Allowed::default() };
    let mut stage = Stage::open(ground, Setup { settings, allowed, ..Setup::default() }).await?;
    stage.load().await;
    let seconds = ground.pick(20, 3);
    set(&offset, by_s)?;
    last(seconds).await;
    let metrics = stage.metrics().await?;
    set(&offset, 0)?;
    stage.healed();
    let mut finding = stage.close(format!("the clock was off by {by_s} s for {seconds} s")).await?;
    let refused = finding.webhooks.get("401").copied().unwrap_or(0);
    finding.check(refused > 0, || {
        "no webhook was refused: the window was widened, or no fault there".to_owned()
    });
    let told = metrics.lines().any(|line| {
        line.starts_with("clerk_sync_webhooks_refused_total")
            && line.contains("clock_skew")
            && !line.ends_with(" 0")
    });
    finding.check(told, || "the metrics do not say that timestamps are refused".to_owned());
    Ok(finding)
}

/// A file renamed into place is read whole or not at all.
fn set(file: &Path, seconds: i64) -> Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, format!("{seconds:+}\n"))?;
    Ok(std::fs::rename(new, file)?)
}

fn library() -> Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").context("there is no /usr/lib")?.filter_map(Result::ok);
    let mut places = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    places.find(|place| place.is_file()).context("libfaketime is not there: apt-get install faketime")
}
