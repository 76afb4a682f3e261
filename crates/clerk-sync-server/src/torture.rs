//! `clerk-sync torture`: real faults on the real program, each under load, each with its verdict.
//!
//! A drill plants one fault. What must hold is the same for all of them and judged in [`judge`]: every
//! acknowledged event is in the log and applied once, every row is as Clerk has it, and no answer was other
//! than one of those that may be.

mod clients;
mod clock;
mod database;
mod judge;
mod kill;
mod load;
mod network;
mod pause;
mod power_cut;
mod report;
mod stage;

use std::pin::Pin;

use anyhow::Result;
use clap::Args;

use crate::config::Database;
use crate::rig::DatabaseUrl;
use report::{Finding, Report};

#[derive(Debug, Default, Args)]
pub(crate) struct Settings {
    /// Where each drill gets a database of its own; without it an SQLite file in a temporary folder.
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// A shell command that stops the database server.
    #[arg(long, value_name = "COMMAND", requires = "start")]
    pub(crate) stop: Option<String>,
    /// A shell command that starts it again, and returns once it is up.
    #[arg(long, value_name = "COMMAND", requires = "stop")]
    pub(crate) start: Option<String>,
    /// Only this drill; may be given several times.
    #[arg(long, value_name = "DRILL")]
    pub(crate) only: Vec<String>,
    /// How often the server is killed; 1 000, or 20 with --quick.
    #[arg(long)]
    pub(crate) rounds: Option<usize>,
    /// For how long a database is away, in seconds; 60, or 3 with --quick.
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Events a second while a fault lasts.
    #[arg(long, default_value_t = 200)]
    pub(crate) rate: u32,
    /// Short faults, and only the drills that end within seconds.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Makes load and moments repeatable, as far as the machine is.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// One JSON object a line: drill, verdict, figures.
    #[arg(long)]
    pub(crate) json: bool,
    /// Prints the drills and plays none.
    #[arg(long)]
    pub(crate) list: bool,
}

/// What a drill is played on.
pub(crate) struct Ground<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) database: DatabaseUrl,
    pub(crate) folder: &'a std::path::Path,
}

impl Ground<'_> {
    /// One figure for a full run, another for a quick one.
    fn pick<T>(&self, full: T, quick: T) -> T {
        if self.settings.quick { quick } else { full }
    }

    fn kind(&self) -> Result<Kind> {
        Ok(Kind::of(&self.database.database()?))
    }
}

/// The kinds of databases, as far as a fault depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
    Mongodb,
}

impl Kind {
    fn of(database: &Database) -> Self {
        match database {
            Database::Sqlite { .. } => Self::Sqlite,
            Database::Postgres { .. } => Self::Postgres,
            Database::Mongodb { .. } => Self::Mongodb,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mongodb => "MongoDB-wire",
        }
    }
}

type Play = for<'a> fn(&'a Ground<'a>) -> Pin<Box<dyn Future<Output = Result<Finding>> + 'a>>;

/// A fault, and how it is planted.
struct Drill {
    name: &'static str,
    /// What is done, and what must come of it beside what must always hold.
    about: &'static str,
    /// Where it makes sense.
    on: &'static [Kind],
    /// Whether it ends within seconds.
    quick: bool,
    play: Play,
}

const ALL: &[Kind] = &[Kind::Sqlite, Kind::Postgres, Kind::Mongodb];
const SERVERS: &[Kind] = &[Kind::Postgres, Kind::Mongodb];

macro_rules! drill {
    ($name:literal, $on:expr, quick: $quick:literal, $play:path, $about:literal) => {
        Drill { name: $name, about: $about, on: $on, quick: $quick, play: |ground| Box::pin($play(ground)) }
    };
}

/// Every drill, in the order they are played.
const DRILLS: &[Drill] = &[
    drill!("kill", ALL, quick: true, kill::kill, "kill -9 at random moments"),
    drill!("pause", SERVERS, quick: true, pause::pause, "one of two servers is stopped (SIGSTOP) for longer than its leases"),
    drill!("database-away", ALL, quick: true, database::away, "the database is stopped; SQLite: another process holds the write lock"),
    drill!("database-read-only", &[Kind::Postgres], quick: true, database::read_only, "the database refuses to write"),
    drill!("disk-full", &[Kind::Sqlite], quick: true, database::disk_full, "no space is left where the database is"),
    drill!("database-slow", SERVERS, quick: false, network::database_slow, "every packet to the database takes 11 s"),
    drill!("database-black-hole", SERVERS, quick: false, network::database_black_hole, "what is sent to the database vanishes"),
    drill!("database-cut", SERVERS, quick: true, network::database_cut, "connections to the database are refused"),
    drill!("database-reply-lost", SERVERS, quick: true, network::database_reply_lost, "the database does the work and its answer is lost"),
    drill!("clerk-black-hole", ALL, quick: false, network::clerk_black_hole, "what is sent to Clerk vanishes: known users are served"),
    drill!("clerk-cut", ALL, quick: true, network::clerk_cut, "connections to Clerk are refused: known users are served"),
    drill!("clerk-reply-lost", ALL, quick: true, network::clerk_reply_lost, "Clerk's answers are lost: known users are served"),
    drill!("clock-ahead", ALL, quick: true, clock::ahead, "the server's clock is 10 min ahead: signatures are refused and metrics say why"),
    drill!("clock-behind", ALL, quick: true, clock::behind, "the server's clock is 10 min behind: the same"),
    drill!("slow-clients", ALL, quick: false, clients::slow, "bodies come at a byte a second: 408 after 10 s, and the others are served"),
    drill!("half-bodies", ALL, quick: true, clients::half_bodies, "clients vanish in the middle of a request"),
    drill!("bad-signatures", ALL, quick: true, clients::bad_signatures, "5 000 forged webhooks a second: 401 each, and the good ones pass"),
    drill!("power-cut", &[Kind::Sqlite], quick: true, power_cut::power_cut, "what no sync has reached is gone, at every sync; with synchronous=NORMAL events must be missed"),
];

/// Plays them; answers whether all held.
pub(crate) async fn run(settings: &Settings) -> Result<bool> {
    if settings.list {
        for drill in DRILLS {
            let on: Vec<_> = drill.on.iter().map(|kind| kind.name()).collect();
            crate::cli::say(&format!("{:<22}{} ({})", drill.name, drill.about, on.join(", ")));
        }
        return Ok(true);
    }
    let unknown: Vec<_> =
        settings.only.iter().filter(|name| !DRILLS.iter().any(|d| d.name == name.as_str())).collect();
    if !unknown.is_empty() {
        let known: Vec<_> = DRILLS.iter().map(|drill| drill.name).collect();
        anyhow::bail!("no drill is called {unknown:?}; there are: {}", known.join(", "));
    }
    let folder = tempfile::tempdir()?;
    let kind = match &settings.database_url {
        Some(url) => Kind::of(&Database::parse(url)?),
        None => Kind::Sqlite,
    };
    let mut report = Report::new(kind.name(), settings.json);
    for drill in DRILLS {
        let named = settings.only.iter().any(|name| name == drill.name);
        if !(named || settings.only.is_empty() && (drill.quick || !settings.quick)) {
            continue;
        }
        if !drill.on.contains(&kind) {
            report.skip(drill.name, "makes no sense here");
            continue;
        }
        if drill.name == "database-away" && kind != Kind::Sqlite && settings.stop.is_none() {
            report.skip(drill.name, "needs --stop and --start");
            continue;
        }
        report.begin(drill.name, drill.about);
        let database = match &settings.database_url {
            Some(url) => DatabaseUrl::beside(url, &drill.name.replace('-', "_")).await?,
            None => DatabaseUrl::sqlite(&folder.path().join(format!("{}.db", drill.name))),
        };
        let ground = Ground { settings, database, folder: folder.path() };
        report.tell(drill.name, (drill.play)(&ground).await);
    }
    Ok(report.close())
}

/// Runs a command an operator gave us to its end.
async fn shell(command: &str) -> Result<()> {
    let status = tokio::process::Command::new("sh")
        .args(["-c", command])
        .stdout(std::process::Stdio::null())
        .status()
        .await?;
    anyhow::ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
