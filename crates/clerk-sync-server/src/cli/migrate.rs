use anyhow::Result;
use clap::Args;

use super::say;
use crate::compose;
use crate::config::Database;

#[derive(Debug, Args)]
pub(super) struct Settings {
    /// The database to migrate.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", default_value = "sqlite:clerk-sync.db")]
    database_url: String,
    /// Only say what is pending; exit code 1 if anything is.
    #[arg(long, conflicts_with = "print")]
    check: bool,
    /// Only print the SQL of all migrations.
    #[arg(long)]
    print: bool,
}

/// Answers whether the database is as this version needs it.
pub(super) async fn run(settings: Settings) -> Result<bool> {
    let database = Database::parse(&settings.database_url)?;
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
