use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::say;
use crate::compose;
use crate::config::{Config, Raw};

#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Configuration file; without it clerk-sync.toml, if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The database to migrate, over DATABASE_URL.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Only say what is pending; exit code 1 if anything is.
    #[arg(long, conflicts_with = "print")]
    check: bool,
    /// Only print the SQL of all migrations.
    #[arg(long)]
    print: bool,
}

/// Answers whether the database is as this version needs it.
pub(super) async fn run(settings: Settings) -> Result<bool> {
    let flags = Raw::default().with("database_url", settings.database_url);
    let database = Config::database(flags, settings.config.as_deref())?;
    if settings.print {
        match compose::migration_sql(&database)? {
            Some(sql) => say(sql.trim_end()),
            None => say("MongoDB needs no SQL: collections and indexes are made when the store is opened"),
        }
        return Ok(true);
    }
    let names = compose::migrate(&database, !settings.check).await?;
    let verb = if settings.check { "pending" } else { "applied" };
    for name in &names {
        say(&format!("{verb}: {name}"));
    }
    if names.is_empty() {
        say("nothing is pending");
    }
    Ok(!settings.check || names.is_empty())
}
