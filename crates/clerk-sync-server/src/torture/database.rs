//! The database fails by itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use super::stage::{Setup, Stage, last};
use super::{Finding, Ground, Kind, shell};
use crate::config::Database;
use crate::rig::{DatabaseUrl, ServerSettings};

/// How long catching up may take once the database is back, in seconds.
const CAUGHT_UP_S: f64 = 60.0;
/// The file system a full disk is played on, in MiB.
const DISK_MIB: usize = 64;

pub(super) async fn away(ground: &Ground<'_>) -> Result<Finding> {
    let seconds = ground.settings.seconds.unwrap_or(ground.pick(60, 3));
    let mut stage = Stage::open(ground, Setup::default()).await?;
    stage.load().await;
    let what = match (ground.kind()?, &ground.settings.stop, &ground.settings.start) {
        (Kind::Sqlite, ..) => {
            let lock = ground.database.lock().await?.context("SQLite knows a write lock")?;
            last(seconds).await;
            drop(lock);
            "locked by another process"
        }
        (_, Some(stop), Some(start)) => {
            shell(stop).await?;
            last(seconds).await;
            shell(start).await?;
            "stopped"
        }
        _ => bail!("give --stop and --start"),
    };
    stage.healed();
    let rate = ground.settings.rate;
    let mut finding = stage.close(format!("{what} for {seconds} s at {rate} events/s")).await?;
    let caught_up = finding.caught_up_s;
    finding.check(caught_up <= CAUGHT_UP_S, || format!("catching up took {caught_up:.0} s"));
    failed(finding)
}

/// A failover that leaves us on the wrong side, or an administrator: every transaction is read-only.
pub(super) async fn read_only(ground: &Ground<'_>) -> Result<Finding> {
    let Database::Postgres { url, .. } = ground.database.database()? else { bail!("this is PostgreSQL's") };
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    let driver = tokio::spawn(connection);
    let set = async |value: &str| -> Result<()> {
        client.batch_execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}")).await?;
        client.batch_execute("SELECT pg_reload_conf()").await?;
        Ok(())
    };
    let seconds = ground.pick(15, 3);
    let mut stage = Stage::open(ground, Setup::default()).await?;
    stage.load().await;
    set("on").await?;
    last(seconds).await;
    set("off").await?;
    stage.healed();
    let finding = stage.close(format!("read-only for {seconds} s")).await;
    drop(client);
    // It ends with its client.
    let _ = driver.await?;
    failed(finding?)
}

pub(super) async fn disk_full(ground: &Ground<'_>) -> Result<Finding> {
    let seconds = ground.pick(15, 3);
    let disk = Disk::make(&ground.folder.join("disk")).await?;
    let small = Ground {
        settings: ground.settings,
        database: DatabaseUrl::sqlite(&disk.folder.join("full.db")),
        folder: ground.folder,
    };
    // Where the limit stands in for a full disk, it must be an error and not a signal.
    let launched = ServerSettings::default().launched_by(&["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    let mut stage = Stage::open(&small, Setup { settings: launched, ..Setup::default() }).await?;
    stage.load().await;
    disk.fill(stage.servers[0].pid()?).await?;
    last(seconds).await;
    disk.free(stage.servers[0].pid()?).await?;
    stage.healed();
    let finding = stage.close(format!("{} for {seconds} s", disk.how())).await?;
    failed(finding)
}

/// A fault that nobody noticed was none.
fn failed(mut finding: Finding) -> Result<Finding> {
    let noticed = finding.webhooks.contains_key("503");
    finding.check(noticed, || "no webhook was refused: the fault was not there".to_owned());
    Ok(finding)
}

/// A disk that can be filled: a file system of its own where we may mount one, else a limit on the size of files.
struct Disk {
    folder: PathBuf,
    mounted: bool,
}

impl Disk {
    async fn make(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let size = format!("size={DISK_MIB}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "clerk-sync-disk"])
            .arg(folder)
            .stderr(std::process::Stdio::null())
            .status()
            .await;
        let mounted = mount.is_ok_and(|status| status.success());
        Ok(Self { folder: folder.to_path_buf(), mounted })
    }

    const fn how(&self) -> &'static str {
        if self.mounted { "a tmpfs without a free byte" } else { "no file may grow (RLIMIT_FSIZE)" }
    }

    async fn fill(&self, server: u32) -> Result<()> {
        if !self.mounted {
            return limit(server, "0").await;
        }
        let filled = std::fs::write(self.ballast(), vec![0; DISK_MIB << 20]);
        ensure!(filled.is_err(), "the disk is larger than it should be");
        Ok(())
    }

    async fn free(&self, server: u32) -> Result<()> {
        if !self.mounted {
            return limit(server, "unlimited").await;
        }
        Ok(std::fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Lazily: whoever still has a file open keeps it, and nothing stays behind.
            let unmounted = std::process::Command::new("umount").arg("-l").arg(&self.folder).status();
            if !unmounted.is_ok_and(|status| status.success()) {
                tracing::error!(folder = %self.folder.display(), "the small file system stays mounted");
            }
        }
    }
}

/// The soft limit only, so that it can be lifted again.
async fn limit(server: u32, bytes: &str) -> Result<()> {
    let set = Command::new("prlimit")
        .args(["--pid", &server.to_string(), &format!("--fsize={bytes}:")])
        .status()
        .await?;
    ensure!(set.success(), "the size of files could not be limited");
    Ok(())
}
