use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use clerk_sync::clerk::snapshot_from_user;
use clerk_sync_emulator::{Emulator, Id, NewUser, Options, RateLimit, UserPatch, Weather};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::{database, verdict};
use crate::cli::{Progress, say};
use crate::rig::{DatabaseUrl, Rows, ServerSettings, somebody};

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Users of the instance.
    #[arg(long, default_value_t = 100_000)]
    users: usize,
    /// kill -9 at so many random moments.
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// Clerk's rate limit, ours and the offline Clerk's: calls in ten seconds. 0: none.
    #[arg(long, default_value_t = 1_000)]
    api_limit: u32,
    /// The time the offline Clerk takes for a call, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Makes the moments of the kills repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The database; without it an SQLite file in a temporary folder.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

/// Our share of the limit, and the sweep's part of it, in percent: the defaults.
const SHARE: u64 = 80;
const PART: u64 = 50;
/// Users a page.
const PAGE: u64 = 500;
/// What a process needs before it asks for its first page.
const START: Duration = Duration::from_millis(100);

pub(super) async fn run(settings: &Settings) -> Result<bool> {
    let latency = settings.latency_ms;
    let clerk = clerk_sync_emulator::start(Options {
        seed: settings.seed,
        weather: Weather { webhooks_off: true, api_latency_ms: [latency, latency], ..Weather::default() },
        rate_limit: (settings.api_limit > 0).then_some(RateLimit::PRODUCTION),
        ..Options::default()
    })
    .await?;
    let mut variables = ServerSettings::default()
        .with("CLERK_SYNC_API_LIMIT", settings.limit().to_string())
        // A killed process is not waited for for long.
        .with("CLERK_SYNC_LEASE_MS", "1000");
    variables.at_clerk(&clerk, clerk.url());
    let mut instance = Instance { ids: populate(&clerk, settings.users)?, clerk, made: settings.users };
    let mut well = true;
    let took = whole(settings, &variables, &instance, &mut well).await?;
    killed(settings, &variables, &mut instance, took, &mut well).await?;
    instance.clerk.shutdown().await;
    Ok(well)
}

impl Settings {
    fn limit(&self) -> u32 {
        if self.api_limit > 0 { self.api_limit } else { 100_000 }
    }
}

/// Clerk, and who there is.
struct Instance {
    clerk: Emulator,
    ids: Vec<Id>,
    /// Users made so far, so that addresses differ.
    made: usize,
}

fn populate(clerk: &Emulator, users: usize) -> Result<Vec<Id>> {
    let mut progress = Progress::new(users);
    let mut ids = Vec::with_capacity(users);
    for number in 0..users {
        ids.push(clerk.create_user(person(number))?);
        progress.step(number + 1);
    }
    progress.end();
    say(&format!("     {users} users in the offline Clerk"));
    Ok(ids)
}

/// Names come again and again, as they do in real life.
fn person(number: usize) -> NewUser {
    let names = ["Ada", "Bea", "Cid", "Dan", "Eve", "Fay", "Gus", "Hal"];
    let name = names.get(number % names.len()).copied().unwrap_or("Ada");
    NewUser {
        last_name: Some(format!("Number {number}")),
        ..somebody(name, &format!("user{number}@example.com"))
    }
}

/// A backfill nobody disturbs, and how long it took.
async fn whole(
    settings: &Settings,
    variables: &ServerSettings,
    instance: &Instance,
    well: &mut bool,
) -> Result<Duration> {
    let (database, _folder) = database(settings.database_url.as_deref(), "backfill").await?;
    let report = finished(variables, &database, "backfill").await?;
    let took = Duration::from_millis(report["took_ms"].as_u64().unwrap_or(0));
    let rate = settings.users as f64 / took.as_secs_f64().max(0.001);
    say(&format!("     {rate:.0} rows/s in {:.1} s without a kill", took.as_secs_f64()));
    if settings.api_limit > 0 {
        let budget = u64::from(settings.limit()) * SHARE / 100 * PART / 100 * PAGE / 10;
        let used = rate / budget as f64 * 100.0;
        say(&format!("     the budget's part for it is {budget} rows/s; {used:.0} % of it were used"));
    }
    let (rows, right) = compared(instance, &database).await?;
    verdict(well, "rows equal to Clerk, field by field", rows, right);
    Ok(took)
}

/// The same, killed again and again, while users are created, changed and deleted.
async fn killed(
    settings: &Settings,
    variables: &ServerSettings,
    instance: &mut Instance,
    took: Duration,
    well: &mut bool,
) -> Result<()> {
    let (database, _folder) = database(settings.database_url.as_deref(), "backfill_killed").await?;
    let mut dice = StdRng::seed_from_u64(settings.seed);
    let mean = took / (settings.kills + 1);
    let (started, mut kills) = (Instant::now(), 0);
    let mut progress = Progress::new(settings.kills as usize);
    while kills < settings.kills {
        let mut command = variables.command(&database, &["backfill", "--json"])?;
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let moment = mean.mul_f64(dice.random_range(0.1..1.5)) + START;
        if tokio::time::timeout(moment, child.wait()).await.is_ok() {
            break;
        }
        child.kill().await?;
        kills += 1;
        progress.step(kills as usize);
        strike(instance, &mut dice)?;
    }
    progress.end();
    let report = finished(variables, &database, "backfill").await?;
    say(&format!(
        "     the last run went on at {} of {} users; {:.1} s in all",
        report["resumed_at"],
        report["users"],
        started.elapsed().as_secs_f64()
    ));
    // A machine so fast that it was over before the last one is not wrong.
    verdict(well, "kills", kills, kills > 0 || settings.kills == 0);
    let swept = finished(variables, &database, "sweep").await?;
    say(&format!(
        "     of the users changed meanwhile a sweep found: {} created, {} updated, {} deleted",
        swept["created"], swept["updated"], swept["missing"]
    ));
    let (rows, right) = compared(instance, &database).await?;
    verdict(well, "rows equal to Clerk, field by field", rows, right);
    Ok(())
}

/// Somebody signs up, somebody is renamed, somebody is deleted, anywhere in the list.
fn strike(instance: &mut Instance, dice: &mut StdRng) -> Result<()> {
    let renamed = instance.ids.get(dice.random_range(0..instance.ids.len())).context("nobody is there")?;
    let patch = UserPatch { first_name: Some(Some("Zoe".to_owned())), ..UserPatch::default() };
    instance.clerk.update_user(renamed, patch)?;
    let deleted = instance.ids.swap_remove(dice.random_range(0..instance.ids.len()));
    instance.clerk.delete_user(&deleted)?;
    instance.ids.push(instance.clerk.create_user(person(instance.made))?);
    instance.made += 1;
    Ok(())
}

/// Runs a command to its end; answers its report.
async fn finished(variables: &ServerSettings, database: &DatabaseUrl, command: &str) -> Result<Value> {
    let output = variables.command(database, &[command, "--json"])?.output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{command} ended with {}: {text}", output.status);
    serde_json::from_str(&text).with_context(|| format!("{command} said {text:?}"))
}

/// How many rows there are, and whether they are Clerk's users and each has Clerk's content.
async fn compared(instance: &Instance, database: &DatabaseUrl) -> Result<(usize, bool)> {
    let rows = Rows::read(database).await?;
    let mut right = rows.live().count() == instance.ids.len();
    for id in &instance.ids {
        let user = snapshot_from_user(instance.clerk.user_json(id)?.to_string().as_bytes())?;
        right &= rows.record(id).is_some_and(|record| {
            record.version == user.version
                && record.profile == user.profile
                && record.email.as_ref() == user.profile.email.as_ref().map(|claim| &claim.address)
                && record.last_sign_in_at == user.last_sign_in_at
                && record.username.is_some()
        });
    }
    Ok((rows.live().count(), right))
}
