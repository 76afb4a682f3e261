//! `clerk-sync bench`: load on the real program, with the verdict that matters: nothing wrong, nothing lost,
//! nothing twice. Faults one by one are `torture`; two of them have a name here as well.

mod backfill;
mod faults;
mod replicas;
mod signups;
mod soak;
mod stampede;

use anyhow::Result;
use clap::Subcommand;

use crate::rig::DatabaseUrl;

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// A large instance taken over, killed at random moments: every row equal to Clerk, field by field.
    Backfill(backfill::Settings),
    /// Sign-ups with /me before the webhook, webhooks doubled, reordered and dropped.
    Signups(signups::Settings),
    /// Parallel first requests of one unknown user: one call to Clerk.
    Stampede(stampede::Settings),
    /// Several servers on one database, every webhook to two of them at once, one killed every two seconds.
    Replicas(replicas::Settings),
    /// A steady load with weather for a long time: memory, files, connections and queues stay flat.
    Soak(soak::Settings),
    /// kill -9 at random moments under load: `torture --only kill`.
    #[command(after_help = "Examples:
  clerk-sync bench kill --rounds 100
  clerk-sync bench kill --rounds 1000 --database-url postgres://localhost/app")]
    Kill(faults::Kill),
    /// The database away for a while under load: `torture --only database-away`.
    #[command(after_help = "Examples:
  clerk-sync bench outage --seconds 60
  clerk-sync bench outage --database-url postgres://localhost/app --stop 'systemctl stop postgresql' \\
    --start 'systemctl start postgresql'")]
    Outage(faults::Outage),
}

impl Bench {
    /// Runs it; answers whether everything held.
    pub(crate) async fn run(self) -> Result<bool> {
        match self {
            Self::Backfill(settings) => backfill::run(&settings).await,
            Self::Signups(settings) => signups::run(&settings).await,
            Self::Stampede(settings) => stampede::run(&settings).await,
            Self::Replicas(settings) => replicas::run(&settings).await,
            Self::Soak(settings) => soak::run(&settings).await,
            Self::Kill(settings) => settings.run().await,
            Self::Outage(settings) => settings.run().await,
        }
    }
}

/// A database for one run: the one given, or one in a folder that goes with the answer.
async fn database(url: Option<&str>, name: &str) -> Result<(DatabaseUrl, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let database = match url {
        Some(url) => DatabaseUrl::beside(url, name).await?,
        None => DatabaseUrl::sqlite(&folder.path().join("bench.db")),
    };
    Ok((database, folder))
}

/// A line of the result: what was counted, and whether it is as it must be.
fn verdict(well: &mut bool, what: &str, seen: impl std::fmt::Display, right: bool) {
    let mark = if right { "ok   " } else { "WRONG" };
    crate::cli::say(&format!("{mark} {what}: {seen}"));
    *well &= right;
}
