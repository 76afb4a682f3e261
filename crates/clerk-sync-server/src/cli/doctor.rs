use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use super::say;
use crate::config::{Config, Raw};
use crate::doctor::{self, Asked, Style};

#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Configuration file; without it clerk-sync.toml, if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the users are, over DATABASE_URL.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Where a running server listens, over CLERK_SYNC_LISTEN; its counters are read.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The public address: /webhooks/clerk and /me are asked there.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A session token to judge; it also shows whether proxies let it through.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// This is meant for production; an https --url that is not local says so as well.
    #[arg(long)]
    production: bool,
    /// How many seconds the public address has to answer; Clerk gives it fifteen.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=60))]
    answer_s: u64,
    /// One JSON array: check, status, seen, fix.
    #[arg(long)]
    json: bool,
    /// Only print every check and what to do about it.
    #[arg(long)]
    list: bool,
}

/// Exit code 0: all ok; 1: warnings; 2: errors.
pub(super) async fn run(settings: Settings) -> Result<ExitCode> {
    if settings.list {
        say(doctor::page().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let flags = Raw::default().with("database_url", settings.database_url).with("listen", settings.listen);
    let url = settings.url.as_deref().map(reqwest::Url::parse).transpose();
    let asked = Asked {
        settings: Config::examine(flags, settings.config.as_deref())?,
        production: settings.production,
        url: url.context("--url: give an address such as https://app.example.com")?,
        token: settings.token.filter(|token| !token.is_empty()),
        answer_time: Duration::from_secs(settings.answer_s),
    };
    doctor::run(asked, if settings.json { Style::Json } else { Style::Person }).await
}
