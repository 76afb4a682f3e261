//! `clerk-sync dev`: an offline Clerk, a server and a page to play with, in one process.

mod api;
mod page;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use clerk_sync_emulator::{Options, RateLimit, Weather};

use crate::cli::say;
use crate::config::{Config, Raw};
use crate::{compose, listen};

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Where to listen; loopback only.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// A database to keep; without it one in a temporary folder, gone at the end.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The folder of an installed @clerk/clerk-js, to serve it under /__clerk/npm: node_modules/@clerk/clerk-js.
    #[arg(long, value_name = "DIR")]
    clerk_js: Option<PathBuf>,
    /// Lets a browser be signed in as several users at once.
    #[arg(long)]
    multi_session: bool,
    /// How much faster than in real life webhooks are retried.
    #[arg(long, default_value_t = 10.0)]
    speed: f64,
    /// Makes ids, weather and retries repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs until told to stop.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    ensure!(
        settings.listen.ip().is_loopback(),
        "--listen {}: the page can sign anybody in, so it listens on loopback only, such as 127.0.0.1:8787",
        settings.listen
    );
    let folder = tempfile::tempdir()?;
    let database =
        settings.database_url.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("dev.db").display()));
    let listener = listen::bind(settings.listen)
        .await
        .context("is another clerk-sync dev running? choose another port with --listen")?;
    let origin = format!("http://{}", listener.local_addr()?);
    let clerk = clerk_sync_emulator::start(Options {
        seed: settings.seed,
        speed: settings.speed,
        authorized_party: Some(origin.clone()),
        clerk_js: settings.clerk_js,
        multi_session: settings.multi_session,
        rate_limit: Some(RateLimit::DEVELOPMENT),
        webhook_url: Some(format!("{origin}/webhooks/clerk")),
        // Late enough to see that nobody waits for it.
        weather: Weather { webhook_delay_ms: [1_500, 1_500], ..Weather::default() },
        ..Options::default()
    })
    .await?;
    let raw = Raw::default()
        .with("clerk_secret_key", Some(clerk.secret_key().to_owned()))
        .with("clerk_publishable_key", Some(clerk.publishable_key().to_owned()))
        .with("clerk_webhook_signing_secret", Some(clerk.webhook_secret().to_owned()))
        .with("clerk_api_url", Some(clerk.url().to_owned()))
        .with("authorized_parties", Some(origin.clone()))
        .with("database_url", Some(database.clone()));
    let config = Config::check(raw)?;
    let sync = compose::sync(&config).await?;
    say(&format!("open {origin}"));
    say(&format!(
        "  a page to sign up on, set the weather and watch; GET {origin}/me; webhooks at {origin}/webhooks/clerk"
    ));
    say(&format!("  offline Clerk at {}", clerk.url()));
    say(&format!("  for Clerk's SDK on a page of yours: publishableKey=\"{}\"", clerk.publishable_key()));
    say(&format!("  and proxyUrl=\"/__clerk\", with /__clerk and /me of the page forwarded to {origin}"));
    say(&format!("  users in {database}"));
    let worker = tokio::spawn({
        let sync = sync.clone();
        async move { sync.run(std::future::pending()).await }
    });
    let app = compose::app(&sync, &config)
        .nest("/__clerk", clerk.frontend_api())
        .merge(page::routes())
        .merge(api::routes(clerk, sync));
    listen::serve(listener, app, listen::told_to_stop(), Duration::from_secs(2)).await;
    worker.abort();
    Ok(())
}
