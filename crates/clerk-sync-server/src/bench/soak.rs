use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use clerk_sync_emulator::{Options, UserPatch, Weather};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::task::JoinSet;

use super::{database, verdict};
use crate::cli::say;
use crate::config::Database;
use crate::rig::{Person, Rig, Sample, ServerSettings, me, somebody};

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// How long, in minutes.
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Changes in Clerk a second: sign-ups, updates, deletions.
    #[arg(long, default_value_t = 30)]
    rate: u32,
    /// Seconds between two samples; shorter runs take at least thirty samples.
    #[arg(long, default_value_t = 10.0)]
    every_s: f64,
    /// Makes load and weather repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A database to keep; without it one in a temporary folder.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// One JSON object a sample, and one for the verdict.
    #[arg(long)]
    json: bool,
}

/// People who live at once: from then on somebody is deleted for each who comes, or the data itself would grow.
const PEOPLE: usize = 2_000;
/// Samples a run has at least.
const LEAST_SAMPLES: f64 = 30.0;
/// Growth of memory that is allowed between the middle and the last third: a share, and what an allocator rounds up to.
const MEMORY_SHARE: f64 = 0.05;
const MEMORY_SLACK_KIB: f64 = 4_096.0;
/// Growth of anything counted that is allowed.
const COUNT_SLACK: f64 = 16.0;
/// Requests for `/me` under way at most.
const ASKING: usize = 256;

/// One moment of the run.
#[derive(Debug, Clone, Copy)]
struct Moment {
    held: Sample,
    /// Connections beyond those we hold the other end of: ours come and go as clients please.
    orphans: f64,
    /// Deliveries and records that wait.
    queue: f64,
    /// The write-ahead log in KiB; SQLite only.
    wal_kib: f64,
}

pub(super) async fn run(settings: &Settings) -> Result<bool> {
    let (database, _folder) = database(settings.database_url.as_deref(), "soak").await?;
    let wal = match database.database()? {
        Database::Sqlite { path, .. } => Some(
            path.with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().to_string_lossy())),
        ),
        _ => None,
    };
    let weather = Weather {
        webhook_delay_ms: [0, 500],
        webhook_drop: 0.02,
        webhook_duplicate: 0.1,
        webhook_reorder: 0.1,
        answer_lost: 0.02,
        api_latency_ms: [1, 50],
        api_429: 0.05,
        api_5xx: 0.05,
        stale_ms: 100,
        ..Weather::default()
    };
    let options =
        Options { seed: settings.seed, rate_limit: None, speed: 1_000.0, weather, ..Options::default() };
    let server = ServerSettings::default().with("CLERK_SYNC_API_LIMIT", "100000");
    let rig = Rig::start(options, server, database).await?;
    let time = Duration::from_secs_f64(settings.minutes * 60.0);
    let every = Duration::from_secs_f64(settings.every_s.min(time.as_secs_f64() / LEAST_SAMPLES));
    if !settings.json {
        say(&format!("{:.0} s at {} changes/s, with weather", time.as_secs_f64(), settings.rate));
        say("      s  memory KiB  files  connections  threads  queue  WAL KiB  processor %");
    }
    let began = Instant::now();
    let (mut load, mut moments) = (Load::new(settings.seed), vec![]);
    let mut beat = tokio::time::interval(Duration::from_secs(1) / settings.rate.max(1));
    let mut sample = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    while began.elapsed() < time {
        tokio::select! {
            _ = beat.tick() => load.step(&rig)?,
            _ = sample.tick() => {
                let moment = moment(&rig, wal.as_deref()).await?;
                tell(settings, began.elapsed(), &moment, moments.last(), every);
                moments.push(moment);
            }
        }
    }
    load.finish().await?;
    rig.clerk.quiet().await;
    let well = judge(settings, &moments, &load);
    rig.stop().await?;
    Ok(well)
}

/// Who comes, goes and asks.
struct Load {
    dice: StdRng,
    people: Vec<Person>,
    came: usize,
    left: usize,
    asking: JoinSet<String>,
    answers: HashMap<String, usize>,
}

impl Load {
    fn new(seed: u64) -> Self {
        Self {
            dice: StdRng::seed_from_u64(seed),
            people: vec![],
            came: 0,
            left: 0,
            asking: JoinSet::new(),
            answers: HashMap::new(),
        }
    }

    fn step(&mut self, rig: &Rig) -> Result<()> {
        if self.people.len() < 10 || self.dice.random_range(0..5) == 0 {
            self.came += 1;
            self.people.push(rig.sign_up(somebody("Ada", &format!("ada{}@example.com", self.came)))?);
            if self.people.len() > PEOPLE {
                let leaving = self.people.swap_remove(self.dice.random_range(0..PEOPLE));
                rig.clerk.delete_user(&leaving.id)?;
                self.left += 1;
            }
        } else {
            let person = &self.people[self.dice.random_range(0..self.people.len())];
            let name = format!("Ada {}", self.dice.random_range(0..1_000));
            rig.clerk.update_user(
                &person.id,
                UserPatch { first_name: Some(Some(name)), ..UserPatch::default() },
            )?;
        }
        if self.asking.len() < ASKING {
            // The newest as often as anybody else, so that look-ups are needed.
            let newest = self.dice.random_range(0..2) == 0;
            let which =
                if newest { self.people.len() - 1 } else { self.dice.random_range(0..self.people.len()) };
            let token = rig.clerk.session_token(&self.people[which].session)?;
            let (browser, url) = (rig.browser.clone(), rig.server.url());
            self.asking.spawn(async move {
                match me(&browser, &url, &token, 0).await {
                    Ok(answer) if answer.status == 503 && answer.retry_after.is_some() => {
                        "503 with Retry-After".to_owned()
                    }
                    Ok(answer) => format!("{} {}", answer.status, answer.code()).trim_end().to_owned(),
                    Err(_) => "no answer".to_owned(),
                }
            });
        }
        while let Some(answer) = self.asking.try_join_next() {
            *self.answers.entry(answer?).or_default() += 1;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        while let Some(answer) = self.asking.join_next().await {
            *self.answers.entry(answer?).or_default() += 1;
        }
        Ok(())
    }
}

async fn moment(rig: &Rig, wal: Option<&std::path::Path>) -> Result<Moment> {
    let text = rig.browser.get(format!("{}/metrics", rig.server.url())).send().await?.text().await?;
    // What is not told is no zero: the sum of nothing would hide it.
    anyhow::ensure!(text.contains("clerk_sync_deliveries_waiting{"), "the metrics tell of no queue");
    let gauge = |name: &str| -> f64 {
        text.lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    let queue = gauge("clerk_sync_deliveries_waiting{") + gauge("clerk_sync_dirty_users ");
    let wal_bytes = wal.and_then(|file| std::fs::metadata(file).ok()).map_or(0, |file| file.len());
    let held = Sample::of(rig.server.pid()?).context("the server's figures cannot be read")?;
    let ours = Sample::of(std::process::id())?;
    Ok(Moment {
        held,
        orphans: held.connections as f64 - ours.connections as f64,
        queue,
        wal_kib: (wal_bytes / 1_024) as f64,
    })
}

fn tell(settings: &Settings, at: Duration, now: &Moment, before: Option<&Moment>, every: Duration) {
    let Sample { memory_kib, handles, connections, threads, cpu_ms } = now.held;
    let used_ms = cpu_ms - before.map_or(cpu_ms, |before| before.held.cpu_ms);
    let processor = used_ms as f64 / every.as_secs_f64() / 10.0;
    let (seconds, queue, wal) = (at.as_secs_f64(), now.queue, now.wal_kib);
    if settings.json {
        let line = json!({"at_s": seconds, "memory_kib": memory_kib, "files": handles, "connections": connections,
            "threads": threads, "queue": queue, "wal_kib": wal, "processor_percent": processor});
        say(&line.to_string());
    } else {
        say(&format!(
            "{seconds:>7.0}{memory_kib:>12}{handles:>7}{connections:>13}{threads:>9}{queue:>7.0}{wal:>9.0}{processor:>13.1}"
        ));
    }
}

/// What is compared: a name, its value, and how much of the middle it may grow by.
type Figure = (&'static str, fn(&Moment) -> f64, f64, f64);

const FIGURES: [Figure; 6] = [
    ("memory, KiB", |moment| moment.held.memory_kib as f64, MEMORY_SHARE, MEMORY_SLACK_KIB),
    ("open files", |moment| (moment.held.handles - moment.held.connections) as f64, 0.0, COUNT_SLACK),
    ("connections beyond our own", |moment| moment.orphans, 0.0, COUNT_SLACK),
    ("threads", |moment| moment.held.threads as f64, 0.0, COUNT_SLACK),
    ("queue", |moment| moment.queue, 0.0, COUNT_SLACK * 2.0),
    // It is reused from its beginning after each checkpoint.
    ("write-ahead log, KiB", |moment| moment.wal_kib, 0.5, 20_000.0),
];

fn judge(settings: &Settings, moments: &[Moment], load: &Load) -> bool {
    let third = moments.len() / 3;
    let mut well = true;
    let mut figures = vec![];
    for (name, value, share, slack) in FIGURES {
        let middle = median(&moments[third..2 * third], value);
        let last = median(&moments[2 * third..], value);
        let right = last <= middle + middle.abs() * share + slack;
        figures.push(json!({"figure": name, "middle": middle, "last": last, "flat": right}));
        if settings.json {
            well &= right;
        } else {
            verdict(
                &mut well,
                &format!("{name}, middle and last third"),
                format!("{middle:.0} and {last:.0}"),
                right,
            );
        }
    }
    let answers = &load.answers;
    // Somebody may be deleted between the token and the answer, and even before we heard of them.
    let may_be = ["200", "503 with Retry-After", "401 user_deleted", "404 user_not_synced"];
    let of_the_gone: usize = may_be[2..].iter().filter_map(|answer| answers.get(*answer)).sum();
    let right = answers.keys().all(|answer| may_be.contains(&answer.as_str())) && of_the_gone <= load.left;
    if settings.json {
        well &= right;
        say(
            &json!({"verdict": if well { "holds" } else { "fails" }, "figures": figures, "answers": answers})
                .to_string(),
        );
    } else {
        verdict(&mut well, "answers of /me", format!("{answers:?}"), right && !answers.is_empty());
    }
    well
}

fn median(moments: &[Moment], value: fn(&Moment) -> f64) -> f64 {
    let mut values: Vec<f64> = moments.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
