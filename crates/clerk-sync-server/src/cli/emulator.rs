use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clerk_sync_emulator::{Options, RateLimit, Weather};

use super::say;
use crate::listen;

#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Where to listen; loopback only.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4010")]
    listen: SocketAddr,
    /// Where webhooks go; loopback only. Without it they are kept unsent.
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// The folder of an installed @clerk/clerk-js, to serve it under /__clerk/npm: node_modules/@clerk/clerk-js.
    #[arg(long, value_name = "DIR")]
    clerk_js: Option<PathBuf>,
    /// Lets a browser be signed in as several users at once.
    #[arg(long)]
    multi_session: bool,
    /// Starts with so many made-up users, of whom no webhook tells.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    users: usize,
    /// The `azp` of tokens; without it the origin of the page that signs in, or none.
    #[arg(long, value_name = "ORIGIN")]
    authorized_party: Option<String>,
    /// How much faster than in real life webhooks are retried.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Makes ids, weather and retries repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first weather, as JSON; `PUT /__emulator/weather` changes it.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    weather: String,
    /// Switches Clerk's rate limit off.
    #[arg(long)]
    no_rate_limit: bool,
}

pub(super) async fn run(settings: Settings) -> Result<()> {
    let weather: Weather = serde_json::from_str(&settings.weather)
        .context("--weather: give a JSON object such as {\"webhook_drop\":0.05}")?;
    let clerk = clerk_sync_emulator::start(Options {
        bind: settings.listen,
        webhook_url: settings.webhook_url,
        authorized_party: settings.authorized_party,
        clerk_js: settings.clerk_js,
        multi_session: settings.multi_session,
        speed: settings.speed,
        seed: settings.seed,
        weather,
        rate_limit: (!settings.no_rate_limit).then_some(RateLimit::PRODUCTION),
        ..Options::default()
    })
    .await?;
    let users = clerk.seed_users(settings.users).await.context("--users")?;
    say(&format!("the offline Clerk listens on {}", clerk.url()));
    say(&format!(
        "  Frontend API at {0}/__clerk; forward /__clerk of your page there and use proxyUrl=\"/__clerk\"",
        clerk.url()
    ));
    if users > 0 {
        say(&format!("  {users} made-up users"));
    }
    say(&format!("CLERK_API_URL={}", clerk.url()));
    say(&format!("CLERK_SECRET_KEY={}", clerk.secret_key()));
    say(&format!("CLERK_PUBLISHABLE_KEY={}", clerk.publishable_key()));
    say(&format!("CLERK_WEBHOOK_SIGNING_SECRET={}", clerk.webhook_secret()));
    listen::told_to_stop().await;
    clerk.shutdown().await;
    Ok(())
}
