use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use clerk_sync::core::Outcome as Decided;
use clerk_sync_emulator::{Options, UserPatch, Weather};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::acks::Acks;
use super::{database, verdict};
use crate::cli::say;
use crate::rig::{Rig, ServerSettings, somebody};

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// How often the server is killed.
    #[arg(long, default_value_t = 200)]
    rounds: usize,
    /// Users whose changes make the load.
    #[arg(long, default_value_t = 20)]
    users: usize,
    /// Makes the moments repeatable, as far as the machine is.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A database to keep; without it one in a temporary folder.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

/// Events made in one round, before the kill.
const EVENTS: usize = 40;

pub(super) async fn run(settings: &Settings) -> Result<bool> {
    let (database, _folder) = database(settings.database_url.as_deref(), "kill").await?;
    let weather =
        Weather { webhook_delay_ms: [0, 5], webhook_duplicate: 0.2, answer_lost: 0.1, ..Weather::default() };
    let options = Options {
        seed: settings.seed,
        rate_limit: None,
        // Two hours become a second and a half: what was cut off comes back soon after the last kill.
        speed: 5_000.0,
        weather,
        ..Options::default()
    };
    let mut rig = Rig::start(options, ServerSettings::default(), database).await?;
    let mut dice = StdRng::seed_from_u64(settings.seed);
    let mut users = vec![];
    for number in 0..settings.users.max(1) {
        users.push(rig.clerk.create_user(somebody("Ada", &format!("ada{number}@example.com")))?);
    }
    let mut acks = Acks::default();
    let (mut lost, mut last_said) = (0, std::time::Instant::now());
    for round in 0..settings.rounds {
        for number in 0..EVENTS {
            let user = &users[dice.random_range(0..users.len())];
            let name = format!("Ada {round}-{number}");
            let patch = UserPatch { first_name: Some(Some(name)), ..UserPatch::default() };
            rig.clerk.update_user(user, patch)?;
        }
        // The moment is the point: anywhere between the first request and well after the last.
        tokio::time::sleep(Duration::from_micros(dice.random_range(0..60_000))).await;
        rig.server.kill().await?;
        acks.take(&rig.clerk);
        let rows = rig.rows().await?;
        for message in acks.acknowledged.keys() {
            lost += usize::from(rows.delivery(message).await?.is_none());
        }
        rig.server.restart().await?;
        if last_said.elapsed() > Duration::from_secs(5) {
            last_said = std::time::Instant::now();
            say(&format!(
                "     round {} of {}: {} acknowledged",
                round + 1,
                settings.rounds,
                acks.acknowledged.len()
            ));
        }
    }
    rig.clerk.quiet().await;
    acks.take(&rig.clerk);

    let rows = rig.rows().await?;
    let mut writes: HashMap<String, u64> = HashMap::new();
    let (mut twice, mut unprocessed) = (0, 0);
    for (message, user) in &acks.acknowledged {
        let Some(delivery) = rows.delivery(message).await? else {
            lost += 1;
            continue;
        };
        twice += usize::from(delivery.attempts > 1);
        let outcome = delivery.outcome.as_deref().unwrap_or_default();
        unprocessed += usize::from(outcome.is_empty());
        // Each of these moved the record's revision by one, exactly.
        let moved = [Decided::Created, Decided::Updated, Decided::Unchanged, Decided::Tie];
        if moved.iter().any(|moved| moved.as_str() == outcome) {
            *writes.entry(user.clone()).or_default() += 1;
        }
    }
    let mut differing = 0;
    for user in &users {
        let record = rows.record(user).context("a user has no row")?;
        let name = record.profile.first_name.clone();
        differing += usize::from(name != rig.clerk.user(user)?.first_name);
        twice += usize::from(record.rev.0 != writes.get(&**user).copied().unwrap_or(0));
    }
    let mut well = true;
    verdict(&mut well, "kill -9 under webhook load", settings.rounds, true);
    verdict(&mut well, "acknowledged events", acks.acknowledged.len(), !acks.acknowledged.is_empty());
    verdict(&mut well, "acknowledged events lost", lost, lost == 0);
    verdict(&mut well, "events applied twice (by attempts, and by revisions)", twice, twice == 0);
    verdict(&mut well, "acknowledged events without effect", unprocessed, unprocessed == 0);
    verdict(&mut well, "rows that differ from Clerk", differing, differing == 0);
    rig.stop().await?;
    Ok(well)
}
