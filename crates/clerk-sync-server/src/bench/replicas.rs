use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use clerk_sync_emulator::{Emulator, Options, Weather};
use futures_util::StreamExt;
use tokio::sync::Mutex;

use super::{database, verdict};
use crate::cli::{Progress, say};
use crate::rig::{Acks, Gate, ORIGIN, Rows, Server, ServerSettings, browser, me, somebody};

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Sign-ups.
    #[arg(long, default_value_t = 20_000)]
    count: usize,
    /// Servers.
    #[arg(long, default_value_t = 3)]
    replicas: usize,
    /// People at once.
    #[arg(long, default_value_t = 64)]
    at_once: usize,
    /// Seconds between two kills.
    #[arg(long, default_value_t = 2)]
    kill_every_s: u64,
    /// Makes the weather repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The database; without it an SQLite file in a temporary folder.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

/// How often a visitor whose request was refused tries again.
const TRIES: usize = 200;

pub(super) async fn run(settings: &Settings) -> Result<bool> {
    let (database, _folder) = database(settings.database_url.as_deref(), "replicas").await?;
    let weather = Weather {
        webhook_delay_ms: [0, 300],
        webhook_duplicate: 0.1,
        webhook_reorder: 0.1,
        ..Weather::default()
    };
    let clerk = clerk_sync_emulator::start(Options {
        seed: settings.seed,
        rate_limit: None,
        speed: 1_000.0,
        weather,
        authorized_party: Some(ORIGIN.to_owned()),
        ..Options::default()
    })
    .await?;
    // Correctness is the matter here, so our own budget does not hold the storm back.
    let mut server = ServerSettings::default().with("CLERK_SYNC_API_LIMIT", "100000");
    server.at_clerk(&clerk, clerk.url());
    let mut servers = vec![];
    for _ in 0..settings.replicas.max(1) {
        servers.push(Server::start(&server, &database).await?);
    }
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let gate = Gate::open_to(urls.clone(), 2).await?;
    clerk.set_webhook_url(Some(&format!("{}/webhooks/clerk", gate.url())))?;
    say(&format!(
        "{} sign-ups, {} servers on one database, every webhook to two of them at once, one killed every {} s",
        settings.count, settings.replicas, settings.kill_every_s
    ));

    let crowd = Crowd { clerk, urls, browser: browser()?, next: AtomicUsize::new(0) };
    let done = Arc::new(AtomicBool::new(false));
    let servers = Arc::new(Mutex::new(servers));
    let killer = tokio::spawn(kill(
        Arc::clone(&servers),
        Arc::clone(&done),
        Duration::from_secs(settings.kill_every_s),
    ));
    let started = Instant::now();
    let mut acks = Acks::default();
    let mut seen = Seen::default();
    let mut progress = Progress::new(settings.count);
    let crowd_ref = &crowd;
    let mut visits = futures_util::stream::iter(0..settings.count)
        .map(|number| crowd_ref.visit(number))
        .buffer_unordered(settings.at_once.max(1));
    let mut finished = 0;
    while let Some(visit) = visits.next().await {
        seen.add(visit?);
        finished += 1;
        acks.take(&crowd.clerk);
        progress.step(finished);
    }
    drop(visits);
    progress.end();
    let took = started.elapsed();
    done.store(true, Ordering::Relaxed);
    let kills = killer.await??;
    // What is left of the webhooks, while the timeline is still read.
    while tokio::time::timeout(Duration::from_millis(200), crowd.clerk.quiet()).await.is_err() {
        acks.take(&crowd.clerk);
    }
    acks.take(&crowd.clerk);

    let mut well = true;
    // A machine so fast that it was over before the first one has nothing to show; it is not wrong.
    let in_time = took.as_secs() > settings.kill_every_s;
    verdict(&mut well, "kills", kills, kills > 0 || !in_time);
    verdict(&mut well, "wrong answers", format!("{:?}", seen.wrong), seen.wrong.is_empty());
    say(&format!(
        "     refused connections {}, answers 503 {}, answers 200 {}",
        seen.refused, seen.busy, seen.good
    ));
    let rows = Rows::read(&database).await?;
    judge(&mut well, settings.count, &rows, &acks).await?;
    say(&format!("     {:.0} sign-ups/s", settings.count as f64 / took.as_secs_f64()));
    drop(gate);
    for server in Arc::into_inner(servers).context("the servers are still in use")?.into_inner() {
        server.stop().await?;
    }
    crowd.clerk.shutdown().await;
    Ok(well)
}

async fn judge(well: &mut bool, count: usize, rows: &Rows, acks: &Acks) -> Result<()> {
    let live = rows.live().count();
    verdict(well, "rows (one for each user)", live, live == count && rows.tombstones() == 0);
    verdict(well, "administrators", rows.admins(), rows.admins() == 1);
    let (mut lost, mut twice) = (0, 0);
    let mut events: HashMap<&str, u64> = HashMap::new();
    for (message, user) in &acks.acknowledged {
        match rows.delivery(message).await? {
            None => lost += 1,
            Some(delivery) => twice += usize::from(delivery.attempts > 1),
        }
        *events.entry(user.as_str()).or_default() += 1;
    }
    verdict(well, "acknowledged events", acks.acknowledged.len(), !acks.acknowledged.is_empty());
    verdict(well, "acknowledged events lost", lost, lost == 0);
    // Each event moves a record's revision by one at the most.
    twice += rows.live().filter(|r| r.rev.0 > 1 + events.get(r.id.as_str()).copied().unwrap_or(0)).count();
    verdict(well, "events applied twice", twice, twice == 0);
    let unprocessed = rows.unprocessed().await?;
    verdict(well, "deliveries not processed", unprocessed, unprocessed == 0);
    Ok(())
}

/// Kills one server after the other and starts it again; answers how often.
async fn kill(servers: Arc<Mutex<Vec<Server>>>, done: Arc<AtomicBool>, every: Duration) -> Result<usize> {
    let mut kills = 0;
    loop {
        // The period is what was asked for.
        tokio::time::sleep(every).await;
        if done.load(Ordering::Relaxed) {
            return Ok(kills);
        }
        let mut servers = servers.lock().await;
        let which = kills % servers.len();
        servers[which].kill().await?;
        servers[which].restart().await?;
        kills += 1;
    }
}

/// What the visitors saw.
#[derive(Default)]
struct Seen {
    good: usize,
    busy: usize,
    refused: usize,
    wrong: HashMap<String, usize>,
}

/// One visit, as far as it matters.
struct Visit {
    busy: usize,
    refused: usize,
    wrong: Option<String>,
}

impl Seen {
    fn add(&mut self, visit: Visit) {
        self.busy += visit.busy;
        self.refused += visit.refused;
        match visit.wrong {
            Some(wrong) => *self.wrong.entry(wrong).or_default() += 1,
            None => self.good += 1,
        }
    }
}

/// Everybody, and where they go.
struct Crowd {
    clerk: Emulator,
    urls: Vec<String>,
    browser: reqwest::Client,
    next: AtomicUsize,
}

impl Crowd {
    /// Signs up and asks for `/me` until it is answered, at one server after the other.
    async fn visit(&self, number: usize) -> Result<Visit> {
        let (_, session) = self.clerk.sign_up(somebody("Ada", &format!("ada{number}@example.com")))?;
        let mut visit = Visit { busy: 0, refused: 0, wrong: None };
        for _ in 0..TRIES {
            let url = &self.urls[self.next.fetch_add(1, Ordering::Relaxed) % self.urls.len()];
            let token = self.clerk.session_token(&session)?;
            match me(&self.browser, url, &token, 0).await {
                Err(_) => visit.refused += 1,
                Ok(answer) if answer.status == 200 => return Ok(visit),
                Ok(answer) if answer.status == 503 && answer.retry_after.is_some() => visit.busy += 1,
                Ok(answer) => {
                    visit.wrong = Some(format!("{} {}", answer.status, answer.code()));
                    return Ok(visit);
                }
            }
            // A browser would wait as well.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        visit.wrong = Some(format!("no answer after {TRIES} tries"));
        Ok(visit)
    }
}
