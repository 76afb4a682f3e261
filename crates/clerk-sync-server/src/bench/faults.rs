//! Two drills of `torture` by names of their own.

use anyhow::Result;
use clap::Args;

use crate::torture;

#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// How often the server is killed.
    #[arg(long, default_value_t = 1_000)]
    rounds: usize,
    /// Events a second meanwhile.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Where the drill gets a database of its own; without it an SQLite file in a temporary folder.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Outage {
    /// For how long the database is away, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Events a second meanwhile.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Where the drill gets a database of its own; without it an SQLite file, where another process holds the write
    /// lock for so long.
    #[arg(long, value_name = "URL", requires = "stop")]
    database_url: Option<String>,
    /// A shell command that stops the database server.
    #[arg(long, value_name = "COMMAND", requires = "start")]
    stop: Option<String>,
    /// A shell command that starts it again, and returns once it is up.
    #[arg(long, value_name = "COMMAND", requires = "stop")]
    start: Option<String>,
}

impl Kill {
    pub(super) async fn run(self) -> Result<bool> {
        torture::run(&torture::Settings {
            database_url: self.database_url,
            only: vec!["kill".to_owned()],
            rounds: Some(self.rounds),
            rate: self.rate,
            seed: 1,
            ..torture::Settings::default()
        })
        .await
    }
}

impl Outage {
    pub(super) async fn run(self) -> Result<bool> {
        torture::run(&torture::Settings {
            database_url: self.database_url,
            stop: self.stop,
            start: self.start,
            only: vec!["database-away".to_owned()],
            seconds: Some(self.seconds),
            rate: self.rate,
            seed: 1,
            ..torture::Settings::default()
        })
        .await
    }
}
