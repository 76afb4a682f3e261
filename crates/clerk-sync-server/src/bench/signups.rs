use std::collections::HashMap;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use clerk_sync_emulator::{Options, Weather};
use futures_util::StreamExt;

use super::{database, verdict};
use crate::cli::{Progress, say};
use crate::rig::{Rig, ServerSettings, somebody};

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Sign-ups.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// People at once.
    #[arg(long, default_value_t = 64)]
    at_once: usize,
    /// Makes the weather repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A database to keep; without it one in a temporary folder.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

pub(super) async fn run(settings: &Settings) -> Result<bool> {
    let (database, _folder) = database(settings.database_url.as_deref(), "signups").await?;
    let weather = Weather {
        webhook_delay_ms: [0, 500],
        webhook_duplicate: 0.2,
        webhook_reorder: 0.2,
        webhook_drop: 0.05,
        ..Weather::default()
    };
    let options =
        Options { seed: settings.seed, rate_limit: None, speed: 100.0, weather, ..Options::default() };
    // Our own budget would hold the storm back to what Clerk allows, and this is about correctness.
    let server = ServerSettings::default().with("CLERK_SYNC_API_LIMIT", "100000");
    let rig = Rig::start(options, server, database).await?;
    say(&format!(
        "{} sign-ups, {} people at once; webhooks 0-500 ms after /me, 20 % doubled, 20 % reordered, 5 % dropped; the emulator's rate limit is off",
        settings.count, settings.at_once
    ));
    let started = Instant::now();
    let mut progress = Progress::new(settings.count);
    let mut statuses: HashMap<u16, usize> = HashMap::new();
    let mut times = Vec::with_capacity(settings.count);
    let rig_ref = &rig;
    let mut visits = futures_util::stream::iter(0..settings.count)
        .map(|number| async move {
            let person = rig_ref.sign_up(somebody("Ada", &format!("ada{number}@example.com")))?;
            rig_ref.me(&person).await
        })
        .buffer_unordered(settings.at_once.max(1));
    while let Some(answer) = visits.next().await {
        let answer = answer?;
        *statuses.entry(answer.status).or_default() += 1;
        times.push(answer.took);
        progress.step(times.len());
    }
    drop(visits);
    progress.end();
    let took = started.elapsed();
    rig.clerk.quiet().await;

    let rows = rig.rows().await?;
    let calls = rig.clerk.calls().user_reads;
    let most_calls = calls.values().copied().max().unwrap_or(0);
    let wrong: usize = statuses.iter().filter(|(status, _)| **status != 200).map(|(_, count)| count).sum();
    let live = rows.live().count();
    let mut well = true;
    verdict(
        &mut well,
        "answers of /me",
        format!("{statuses:?}"),
        wrong == 0 && times.len() == settings.count,
    );
    verdict(&mut well, "rows (one for each user)", live, live == settings.count && rows.tombstones() == 0);
    verdict(&mut well, "administrators", rows.admins(), rows.admins() == 1);
    verdict(&mut well, "most calls to Clerk for one user", most_calls, most_calls <= 1);
    verdict(&mut well, "deliveries not processed", rows.unprocessed().await?, rows.unprocessed().await? == 0);
    let deliveries = rig.clerk.deliveries();
    say(&format!(
        "     webhooks: {} delivered, {} dropped, {} attempts; users fetched just in time: {}",
        deliveries.delivered,
        deliveries.dropped,
        deliveries.attempts,
        calls.len()
    ));
    times.sort_unstable();
    let percentile =
        |p: usize| times.get(times.len() * p / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    say(&format!(
        "     {:.0} sign-ups/s with Clerk, server and browser on this machine; /me p50 {:.1} ms, p99 {:.1} ms",
        settings.count as f64 / took.as_secs_f64(),
        percentile(50),
        percentile(99)
    ));
    rig.stop().await?;
    Ok(well)
}
