//! What a drill is played on: an offline Clerk, servers, wires between them and to the database, and a load.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clerk_sync_emulator::{Emulator, Options, Weather};

use super::load::{Allowed, Crowd, Load, Plan};
use super::{Finding, Ground, judge};
use crate::rig::{
    Acks, Answer, DatabaseUrl, ORIGIN, Person, Rows, Sample, Server, ServerSettings, Wire, browser, me,
};

/// How often the timeline of webhooks is read; it forgets.
const WATCH: Duration = Duration::from_millis(50);

/// How a stage is set.
pub(super) struct Setup {
    pub(super) servers: usize,
    pub(super) settings: ServerSettings,
    /// Whether a database server is reached over a wire.
    pub(super) wired: bool,
    pub(super) allowed: Allowed,
}

impl Default for Setup {
    fn default() -> Self {
        Self { servers: 1, settings: ServerSettings::default(), wired: false, allowed: Allowed::default() }
    }
}

/// A set stage.
pub(super) struct Stage {
    pub(super) clerk: Arc<Emulator>,
    pub(super) servers: Vec<Server>,
    pub(super) to_clerk: Wire,
    pub(super) to_database: Option<Wire>,
    pub(super) browser: reqwest::Client,
    pub(super) database: DatabaseUrl,
    allowed: Allowed,
    seed: u64,
    rate: u32,
    log: PathBuf,
    acks: Arc<Mutex<Acks>>,
    watcher: tokio::task::JoinHandle<()>,
    load: Option<Load>,
    healed: Option<Instant>,
}

impl Stage {
    pub(super) async fn open(ground: &Ground<'_>, setup: Setup) -> Result<Self> {
        let clerk = clerk_sync_emulator::start(Options {
            seed: ground.settings.seed,
            rate_limit: None,
            // Fast enough that the end is seen, and slow enough that nobody gives up before it.
            speed: ground.pick(1_000.0, 10_000.0),
            webhook_concurrency: 64,
            weather: Weather { webhook_delay_ms: [0, 20], webhook_duplicate: 0.05, ..Weather::default() },
            authorized_party: Some(ORIGIN.to_owned()),
            ..Options::default()
        })
        .await?;
        let clerk = Arc::new(clerk);
        let host = clerk.url().rsplit('/').next().unwrap_or_default().to_owned();
        let to_clerk = Wire::lay(host).await?;
        let wired = if setup.wired { ground.database.over_a_wire().await? } else { None };
        let (served, to_database) = match wired {
            Some((served, wire)) => (served, Some(wire)),
            None => (ground.database.clone(), None),
        };
        let log = ground.folder.join("server.log");
        // Each drill's log is its own.
        let _ = std::fs::remove_file(&log);
        // Faults are the matter here, so our own budget does not hold the look-ups back.
        let mut settings = setup.settings.with("CLERK_SYNC_API_LIMIT", "100000").logging_to(&log);
        settings.at_clerk(&clerk, &format!("http://{}", to_clerk.address()));
        let mut servers = vec![];
        for _ in 0..setup.servers.max(1) {
            servers.push(Server::start(&settings, &served).await?);
        }
        clerk.set_webhook_url(Some(&servers[0].webhook_url()))?;
        let acks = Arc::new(Mutex::new(Acks::default()));
        let watcher = tokio::spawn(watch(Arc::clone(&clerk), Arc::clone(&acks)));
        Ok(Self {
            clerk,
            servers,
            to_clerk,
            to_database,
            browser: browser()?,
            database: ground.database.clone(),
            allowed: setup.allowed,
            seed: ground.settings.seed,
            rate: ground.settings.rate,
            log,
            acks,
            watcher,
            load: None,
            healed: None,
        })
    }

    pub(super) fn acks(&self) -> MutexGuard<'_, Acks> {
        let mut acks = self.acks.lock().unwrap_or_else(PoisonError::into_inner);
        acks.take(&self.clerk);
        acks
    }

    /// What the sender of webhooks sees, for longer than the stage is there.
    pub(super) fn share_acks(&self) -> Arc<Mutex<Acks>> {
        Arc::clone(&self.acks)
    }

    pub(super) async fn rows(&self) -> Result<Rows> {
        Rows::read(&self.database).await
    }

    /// The wire to the database.
    pub(super) fn database_wire(&self) -> Result<&Wire> {
        self.to_database.as_ref().context("this database is reached over no wire")
    }

    /// Starts the load, and lets it run for a second before anything is broken.
    pub(super) async fn load(&mut self) {
        let plan = Plan {
            clerk: Arc::clone(&self.clerk),
            browser: self.browser.clone(),
            urls: self.servers.iter().map(Server::url).collect(),
            rate: self.rate,
            seed: self.seed,
            allowed: self.allowed,
        };
        self.load = Some(Load::start(plan, Crowd::default()));
        last(1).await;
    }

    /// `GET /me` of the first server.
    pub(super) async fn me(&self, person: &Person) -> Result<Answer> {
        let token = self.clerk.session_token(&person.session)?;
        me(&self.browser, &self.servers[0].url(), &token, 0).await
    }

    /// What the first server tells Prometheus.
    pub(super) async fn metrics(&self) -> Result<String> {
        let url = format!("{}/metrics", self.servers[0].url());
        Ok(self.browser.get(url).send().await?.text().await?)
    }

    /// Host and port of the first server.
    pub(super) fn address(&self) -> String {
        self.servers[0].url().rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// How many connections the first server has open beyond those we hold the other end of; waits, since
    /// what vanished has to be noticed first.
    pub(super) async fn orphans(&self) -> Result<usize> {
        let mut orphans = 0;
        for _ in 0..100 {
            let theirs = Sample::of(self.servers[0].pid()?)?.connections;
            orphans = theirs.saturating_sub(Sample::of(std::process::id())?.connections);
            if orphans == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(orphans)
    }

    /// From here on time counts as catching up.
    pub(super) fn healed(&mut self) {
        self.healed = Some(Instant::now());
    }

    /// How many of the newly acknowledged events are not in the log.
    pub(super) async fn lost_since(&self) -> Result<usize> {
        let fresh = std::mem::take(&mut self.acks().fresh);
        let log = Rows::log(&self.database).await?;
        let mut lost = 0;
        for message in &fresh {
            lost += usize::from(log.delivery(message).await?.is_none());
        }
        Ok(lost)
    }

    /// Has Clerk send once more what it gave up on, as an operator would; answers how much that was.
    pub(super) fn resend_given_up(&self) -> usize {
        let given_up = std::mem::take(&mut self.acks().given_up);
        given_up.iter().filter(|message| self.clerk.resend(message)).count()
    }

    /// Ends the load, waits until everything has come to rest, and judges.
    pub(super) async fn close(mut self, done: impl Into<String>) -> Result<Finding> {
        let mut finding = Finding { done: done.into(), ..Finding::default() };
        let healed = self.healed.unwrap_or_else(Instant::now);
        let crowd = match self.load.take() {
            Some(load) => load.stop().await?,
            None => Crowd::default(),
        };
        judge::judge(&self, &crowd, healed, &mut finding).await?;
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        finding.done = format!("{}; the server logged {} errors", finding.done, log.lines().count());
        self.watcher.abort();
        for server in self.servers.drain(..) {
            server.stop().await?;
        }
        Ok(finding)
    }

    pub(super) const fn allowed(&self) -> Allowed {
        self.allowed
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

async fn watch(clerk: Arc<Emulator>, acks: Arc<Mutex<Acks>>) {
    let mut beat = tokio::time::interval(WATCH);
    loop {
        beat.tick().await;
        acks.lock().unwrap_or_else(PoisonError::into_inner).take(&clerk);
    }
}

/// Lets a fault, or fair weather, last.
pub(super) async fn last(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
