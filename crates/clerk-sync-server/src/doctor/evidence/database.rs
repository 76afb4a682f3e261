use std::error::Error;

use clerk_sync::core::port::{Backlog, Clock, Inspect};
use clerk_sync::core::{Delivery, DeliveryFilter, Health, StoreError, Timestamp};
use clerk_sync::{EqualState, SystemClock};

use super::PART_TIME;
use crate::compose;
use crate::config::{Config, Database, Examined};

/// How many of the newest deliveries are looked at.
const NEWEST: u32 = 100;
/// After how long a user made just in time should have had a webhook, where no setting says.
const UNCONFIRMED_MS: i64 = 600_000;
/// The events without which rows go stale.
pub(in crate::doctor) const EVENTS: [&str; 3] = ["user.created", "user.updated", "user.deleted"];

/// What the database is like.
#[derive(Debug)]
pub(in crate::doctor) struct DatabaseHolds {
    /// How it is set up, or why that cannot be told.
    pub(in crate::doctor) health: Result<Health, String>,
    /// How far its clock is ahead of ours.
    pub(in crate::doctor) clock_offset_ms: Option<i64>,
    /// What is in it; `None` where a store would refuse to open it.
    pub(in crate::doctor) log: Option<EventLog>,
}

/// What is in the database.
#[derive(Debug)]
pub(in crate::doctor) struct EventLog {
    pub(in crate::doctor) backlog: Backlog,
    pub(in crate::doctor) newest: Vec<Delivery>,
    /// What was recorded of how equal to Clerk it is; `None` where the settings do not do for a server.
    pub(in crate::doctor) equality: Option<EqualState>,
    /// When the newest of each of [`EVENTS`] came.
    pub(in crate::doctor) newest_of: Vec<(&'static str, Option<Timestamp>)>,
}

pub(super) async fn read(settings: &Examined) -> Option<DatabaseHolds> {
    let database = settings.database.as_ref()?;
    let before = SystemClock.now();
    let health = in_time(compose::health(database)).await;
    let offset = |health: &Health| Some(health.now?.millis_since(before));
    let clock_offset_ms = health.as_ref().ok().and_then(offset);
    let opens = health.as_ref().is_ok_and(|health| {
        health.pending.is_empty() && health.faults.is_empty() && health.duplicates.is_empty()
    });
    let config = settings.config.as_ref();
    let log = if opens { in_time(look(database, config)).await.ok() } else { None };
    Some(DatabaseHolds { health, clock_offset_ms, log })
}

async fn in_time<T, E: AsChain>(work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(PART_TIME, work).await {
        Ok(result) => result.map_err(|error| error.chain()),
        Err(_) => Err(format!("no answer within {} s", PART_TIME.as_secs())),
    }
}

/// An error with what caused it.
trait AsChain {
    fn chain(&self) -> String;
}

impl AsChain for StoreError {
    fn chain(&self) -> String {
        match self.source() {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }
}

impl AsChain for anyhow::Error {
    fn chain(&self) -> String {
        format!("{self:#}")
    }
}

async fn look(database: &Database, config: Option<&Config>) -> anyhow::Result<EventLog> {
    let unconfirmed_ms = config.map_or(UNCONFIRMED_MS, |config| config.unconfirmed_after_ms);
    let inspect = compose::inspect(database).await?;
    let backlog = inspect.backlog(SystemClock.now().plus_millis(-unconfirmed_ms)).await?;
    let newest = inspect.deliveries(None, NEWEST).await?;
    let mut newest_of = Vec::new();
    for event in EVENTS {
        newest_of.push((event, newest_at(inspect.as_ref(), event).await?));
    }
    let equality = match config.map(compose::sync) {
        // A key that cannot be used is another check's finding.
        Some(sync) => match sync.await {
            Ok(sync) => sync.equality().await.ok(),
            Err(_) => None,
        },
        None => None,
    };
    Ok(EventLog { backlog, newest, equality, newest_of })
}

async fn newest_at(inspect: &dyn Inspect, event: &str) -> Result<Option<Timestamp>, StoreError> {
    let filter = DeliveryFilter { event_type: Some(event.to_owned()), ..DeliveryFilter::default() };
    let found = inspect.search_deliveries(&filter, None, 1).await?;
    Ok(found.first().map(|delivery| delivery.received_at))
}
