use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use clerk_sync::clerk::api::BudgetSettings;
use clerk_sync::clerk::snapshot_from_user;
use clerk_sync::core::port::PageOf;
use clerk_sync_emulator::{Emulator, Id, NewUser, Options, RateLimit, UserPatch, Weather};
use rand::rngs::StdRng;
use rand::seq::index;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::{database, verdict};
use crate::cli::{Progress, say};
use crate::rig::{DatabaseUrl, Rows, ServerSettings, children_cpu_ms, somebody};

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

/// Pages in which nobody is killed any more, so that the end does not come first.
const LAST_PAGES: usize = 8;

pub(super) async fn run(settings: &Settings) -> Result<bool> {
    let needed = (settings.kills as usize + LAST_PAGES) * PageOf::MAX as usize;
    ensure!(settings.kills == 0 || settings.users > needed, "so many kills need more than {needed} users");
    let latency = settings.latency_ms;
    let clerk = clerk_sync_emulator::start(Options {
        seed: settings.seed,
        weather: Weather { webhooks_off: true, api_latency_ms: [latency, latency], ..Weather::default() },
        rate_limit: (settings.api_limit > 0)
            .then_some(RateLimit { requests: settings.api_limit, ..RateLimit::PRODUCTION }),
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

    /// Pages that are full.
    fn pages(&self) -> usize {
        self.users / PageOf::MAX as usize
    }
}

/// Clerk, and who there is.
struct Instance {
    clerk: Emulator,
    ids: Vec<Id>,
    /// Users made so far, so that addresses differ.
    made: usize,
}

impl Instance {
    /// Pages of users Clerk has answered with.
    fn answered(&self) -> u64 {
        self.clerk.calls().by_route.get("GET /v1/users").copied().unwrap_or(0)
    }
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
    let before = children_cpu_ms()?;
    let report = finished(variables, &database, "backfill").await?;
    let computed = Duration::from_millis(children_cpu_ms()?.saturating_sub(before));
    let took = Duration::from_millis(report["took_ms"].as_u64().unwrap_or(0));
    let rate = settings.users as f64 / took.as_secs_f64().max(0.001);
    say(&format!("     {rate:.0} rows/s in {:.1} s without a kill", took.as_secs_f64()));
    if settings.api_limit > 0 {
        tell_budget(settings, took);
    }
    say(&format!(
        "     the program computed for {:.1} s; processors {}, load {}",
        computed.as_secs_f64(),
        std::thread::available_parallelism().map_or(0, usize::from),
        load().unwrap_or_else(|| "unknown".to_owned())
    ));
    let (rows, right) = compared(instance, &database).await?;
    verdict(well, "rows equal to Clerk, field by field", rows, right);
    Ok(took)
}

/// What the budget of a server with these defaults lets pass, and how much of the time it was what was waited for.
fn tell_budget(settings: &Settings, took: Duration) {
    let budget = BudgetSettings { requests: settings.limit(), ..BudgetSettings::PRODUCTION };
    let share = u64::from(budget.share_percent) * u64::from(budget.sweep_percent);
    let rows = u64::from(budget.requests) * share / 10_000 * u64::from(PageOf::MAX) / 10;
    // One counts the users, and one finds that there are no more.
    let at_least = Duration::from_millis(budget.pages_ms(settings.pages() as u64 + 2));
    say(&format!(
        "     of {} calls in ten seconds {} % are ours and {} % of these a backfill's: {rows} rows/s in the long run,\n     \
         and with what it may ask for at once {:.1} s for all: {:.0} % of the budget used",
        budget.requests,
        budget.share_percent,
        budget.sweep_percent,
        at_least.as_secs_f64(),
        at_least.as_secs_f64() / took.as_secs_f64().max(0.001) * 100.0
    ));
}

/// How many processes have wanted a processor in the last minute.
fn load() -> Option<String> {
    Some(std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.to_owned())
}

/// The same, killed again and again, while users are created, changed and deleted.
///
/// A kill comes after a page was answered, so that there are as many on a fast machine as on a slow one, and within
/// the time a page takes, so that it meets each step of one.
async fn killed(
    settings: &Settings,
    variables: &ServerSettings,
    instance: &mut Instance,
    took: Duration,
    well: &mut bool,
) -> Result<()> {
    let (database, _folder) = database(settings.database_url.as_deref(), "backfill_killed").await?;
    let mut dice = StdRng::seed_from_u64(settings.seed);
    let (started, before) = (Instant::now(), instance.answered());
    let places = settings.pages().saturating_sub(LAST_PAGES);
    let mut after = index::sample(&mut dice, places, places.min(settings.kills as usize)).into_vec();
    after.sort_unstable();
    let mut kills = 0;
    let mut progress = Progress::new(settings.kills as usize);
    for pages in &after {
        let mut command = variables.command(&database, &["backfill", "--json"])?;
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let within = took.mul_f64(dice.random_range(0.0..1.0)) / u32::try_from(settings.pages()).unwrap_or(1);
        let moment = async {
            while instance.answered() <= before + *pages as u64 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(within).await;
        };
        tokio::select! {
            _ = child.wait() => break,
            () = moment => child.kill().await?,
        }
        if child.wait().await?.code().is_some() {
            break;
        }
        kills += 1;
        progress.step(kills);
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
    verdict(
        well,
        "kills, after these pages of all",
        format!("{kills}: {after:?}"),
        kills == settings.kills as usize,
    );
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
