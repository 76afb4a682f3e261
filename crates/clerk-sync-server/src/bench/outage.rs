use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use clerk_sync_emulator::{Emulator, Event, Options, Weather};
use tokio::process::Command;

use super::{database, verdict};
use crate::cli::say;
use crate::rig::{Person, Rig, ServerSettings, somebody};

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// The database that is stopped.
    #[arg(long, value_name = "URL")]
    database_url: String,
    /// A shell command that stops it.
    #[arg(long, value_name = "COMMAND")]
    stop: String,
    /// A shell command that starts it again, and returns once it is up.
    #[arg(long, value_name = "COMMAND")]
    start: String,
    /// How long it is away, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Sign-ups a second.
    #[arg(long, default_value_t = 20)]
    rate: u64,
}

/// How long catching up may take once the database is back.
const CATCH_UP: Duration = Duration::from_secs(10);

/// Attempts to deliver webhooks, by the status they got.
#[derive(Default)]
struct Attempts {
    seen: u64,
    by_status: BTreeMap<String, usize>,
}

impl Attempts {
    /// Takes over what was noted since; often enough, or the timeline forgets.
    fn take(&mut self, clerk: &Emulator) {
        for entry in clerk.timeline(self.seen) {
            self.seen = entry.seq;
            if let Event::WebhookAttempt { status, .. } = entry.event {
                let status = status.map_or("no answer".to_owned(), |status| status.to_string());
                *self.by_status.entry(status).or_default() += 1;
            }
        }
    }
}

/// Statuses, by who asked.
type Answers = BTreeMap<(&'static str, String), usize>;

pub(super) async fn run(settings: &Settings) -> Result<bool> {
    let (database, _folder) = database(Some(&settings.database_url), "outage").await?;
    let options = Options {
        rate_limit: None,
        speed: 1_000.0,
        weather: Weather { webhook_delay_ms: [0, 100], ..Weather::default() },
        ..Options::default()
    };
    let server = ServerSettings::default().with("CLERK_SYNC_API_LIMIT", "100000");
    let rig = Rig::start(options, server, database).await?;
    let mut people = vec![];
    for number in 0..50 {
        let person = rig.sign_up(somebody("Ada", &format!("ada{number}@example.com")))?;
        ensure!(rig.me(&person).await?.status == 200, "/me failed before the outage");
        people.push(person);
    }
    rig.clerk.quiet().await;
    let known = people.clone();

    shell(&settings.stop).await?;
    say(&format!("     the database is stopped for {} s", settings.seconds));
    let began = Instant::now();
    let mut away = Answers::new();
    let mut attempts = Attempts::default();
    attempts.take(&rig.clerk);
    attempts.by_status.clear();
    let mut beat = tokio::time::interval(Duration::from_millis(1_000 / settings.rate.max(1)));
    while began.elapsed() < Duration::from_secs(settings.seconds) {
        beat.tick().await;
        let new = rig.sign_up(somebody("Bea", &format!("bea{}@example.com", people.len())))?;
        for (who, person) in [("known", &known[people.len() % known.len()]), ("unknown", &new)] {
            *away.entry((who, ask(&rig, person).await)).or_default() += 1;
        }
        people.push(new);
        attempts.take(&rig.clerk);
    }
    let refused = std::mem::take(&mut attempts.by_status);
    shell(&settings.start).await?;
    say("     the database is up again; an operator has Clerk send what failed once more");
    let back = Instant::now();
    rig.clerk.replay();
    let mut after = Answers::new();
    let mut behind = people.len();
    while behind > 0 && back.elapsed() < CATCH_UP {
        behind = 0;
        for person in &people {
            let status = ask(&rig, person).await;
            behind += usize::from(status != "200");
            *after.entry(("anybody", status)).or_default() += 1;
        }
    }
    let caught_up = back.elapsed();
    rig.clerk.quiet().await;
    let delivered = rig.clerk.deliveries();

    let mut well = true;
    let only_503 = away.keys().all(|(_, status)| status == "503 with Retry-After");
    verdict(&mut well, "answers while it was away", format!("{away:?}"), only_503 && !away.is_empty());
    let right = after.keys().all(|(_, status)| status == "200" || status == "503 with Retry-After");
    verdict(&mut well, "answers after its return", format!("{after:?}"), right);
    verdict(
        &mut well,
        "everybody served again after, s",
        format!("{:.1}", caught_up.as_secs_f64()),
        behind == 0,
    );
    let only_503 = refused.keys().all(|status| status == "503");
    verdict(&mut well, "webhooks while it was away", format!("{refused:?}"), only_503 && !refused.is_empty());
    say(&format!(
        "     webhooks since: {} delivered, {} given up on by Clerk",
        delivered.delivered, delivered.failed
    ));
    let rows = rig.rows().await?;
    let live = rows.live().count();
    verdict(&mut well, "rows (one for each user)", live, live == people.len());
    verdict(&mut well, "deliveries not processed", rows.unprocessed().await?, rows.unprocessed().await? == 0);
    rig.stop().await?;
    Ok(well)
}

async fn ask(rig: &Rig, person: &Person) -> String {
    match rig.me(person).await {
        Ok(answer) if answer.status == 503 && answer.retry_after.is_some() => {
            "503 with Retry-After".to_owned()
        }
        Ok(answer) if answer.status == 200 => "200".to_owned(),
        Ok(answer) => format!("{} {}", answer.status, answer.code()),
        Err(_) => "no answer".to_owned(),
    }
}

async fn shell(command: &str) -> Result<()> {
    let status =
        Command::new("sh").args(["-c", command]).stdout(std::process::Stdio::null()).status().await?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
