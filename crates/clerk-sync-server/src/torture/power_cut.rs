//! The power is cut at every sync: what the disk was told to keep is kept, and everything after it is gone.
//!
//! `strace` records what the program writes and syncs. From that the files are rebuilt as they would be found
//! after the cut, and opened with the real store.

mod disk;
mod recording;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use anyhow::{Context, Result, bail, ensure};
use rusqlite::Connection;

use super::stage::{Setup, Stage};
use super::{Finding, Ground};
use crate::compose;
use crate::config::Database;
use crate::rig::{DatabaseUrl, ServerSettings};
use disk::Disk;
use recording::Call;

/// Where the rebuilt files go if it is there: they need no real disk.
const MEMORY: &str = "/dev/shm";

/// What was found at the cuts.
#[derive(Default)]
struct Cuts {
    cuts: usize,
    /// Acknowledged events that were not there, over all cuts.
    missed: usize,
    damaged: Vec<String>,
}

pub(super) async fn power_cut(ground: &Ground<'_>) -> Result<Finding> {
    let events = ground.pick(1_000, 100);
    let (mut finding, full) = cut(ground, ground.database.clone(), events).await?;
    // The test of the test: without syncs the same cuts must be noticed.
    let normal = DatabaseUrl::sqlite_normal(&ground.folder.join("normal.db"));
    let (_, without) = cut(ground, normal, events).await?;
    finding.done = format!(
        "{} cuts, {} events missed; with synchronous=NORMAL {} cuts, {} missed",
        full.cuts, full.missed, without.cuts, without.missed
    );
    finding.lost += full.missed;
    finding.check(full.missed == 0, || format!("{} acknowledged events were gone after a cut", full.missed));
    finding.check(full.cuts >= events / 10, || format!("only {} syncs were seen", full.cuts));
    finding.check(full.damaged.is_empty(), || format!("the database was damaged: {:?}", full.damaged));
    finding
        .check(without.missed > 0, || "synchronous=NORMAL lost nothing: the cuts are not noticed".to_owned());
    Ok(finding)
}

/// Records a run until so many events are acknowledged, then cuts the power at each of its syncs.
async fn cut(ground: &Ground<'_>, database: DatabaseUrl, events: usize) -> Result<(Finding, Cuts)> {
    let Database::Sqlite { path, .. } = database.database()? else { bail!("this is SQLite's") };
    let record = ground.folder.join("strace");
    let launched = ServerSettings::default().launched_by(&recording::launcher(&record.to_string_lossy()));
    let traced = Ground { settings: ground.settings, database, folder: ground.folder };
    let mut stage = Stage::open(&traced, Setup { settings: launched, ..Setup::default() }).await?;
    stage.load().await;
    while stage.acks().acknowledged.len() < events {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // From here on we open the database ourselves, and what we write to it is not recorded.
    let until = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs_f64();
    stage.healed();
    let acks = stage.share_acks();
    let finding = stage.close("recorded").await?;
    let events: Vec<(String, f64)> = {
        let acks = acks.lock().unwrap_or_else(PoisonError::into_inner);
        // The sender's clock counts milliseconds and cuts the rest off.
        acks.acknowledged_at_ms.iter().map(|(id, at)| (id.clone(), (*at + 1) as f64 / 1_000.0)).collect()
    };
    let name = path.file_name().context("the database has a name")?.to_string_lossy().into_owned();
    let cuts = tokio::task::spawn_blocking(move || recording::read(&record, &name)).await??;
    let cuts = look(cuts, &events, until).await?;
    Ok((finding, cuts))
}

/// Goes through the recording, and at each sync looks at what a cut just before it would leave, and at the end.
async fn look(calls: Vec<Call>, acknowledged: &[(String, f64)], until: f64) -> Result<Cuts> {
    let parent = Some(Path::new(MEMORY)).filter(|folder| folder.is_dir());
    let mut disk = Disk::default();
    let mut found = Cuts::default();
    let by = |moment: f64| acknowledged.iter().filter(move |(_, at)| *at < moment).map(|(id, _)| id.as_str());
    for call in calls {
        if let Call::SyncBegan { at, .. } = &call {
            if *at > until {
                break;
            }
            found.cut(&disk, by(*at).collect(), parent).await?;
        }
        disk.take(call);
    }
    found.cut(&disk, by(until).collect(), parent).await?;
    Ok(found)
}

impl Cuts {
    /// `acknowledged`: what must be there.
    async fn cut(&mut self, disk: &Disk, acknowledged: HashSet<&str>, parent: Option<&Path>) -> Result<()> {
        if acknowledged.is_empty() {
            return Ok(());
        }
        self.cuts += 1;
        let folder = match parent {
            Some(parent) => tempfile::tempdir_in(parent)?,
            None => tempfile::tempdir()?,
        };
        let database = disk.write_kept(folder.path())?;
        match reopened(database).await {
            Ok(there) => self.missed += acknowledged.iter().filter(|id| !there.contains(**id)).count(),
            // Not even the tables were kept.
            Err(error) => {
                self.missed += acknowledged.len();
                self.damaged.push(format!("{error:#}"));
            }
        }
        Ok(())
    }
}

/// The events in the log of a database that is opened after a cut.
async fn reopened(path: PathBuf) -> Result<HashSet<String>> {
    let store = compose::inspect(&Database::Sqlite { path: path.clone(), durable: true }).await?;
    let connection = Connection::open(&path)?;
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(sound == "ok", "the integrity check says {sound}");
    let mut statement = connection.prepare("SELECT id FROM clerk_delivery WHERE status = 'processed'")?;
    let there = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    drop(store);
    Ok(there)
}
