//! The order of steps: look, decide, write; fetch once; wait; try again. No rule about users is here.

mod absorb;
mod batch;
mod deliveries;
mod flight;
mod gather;
mod refetch;
mod repair;
mod replay;
mod user;
mod waiters;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use clerk_sync_core::port::{Clock, Directory, Lane, PageOf, Store};
use clerk_sync_core::{Delivery, DirectoryError, Fact, RolePolicy, Snapshot, UserId};
use futures_util::future::{Either, select};
use tokio::sync::Notify;

use crate::chain::Chain;
use crate::lull::Lulls;
use crate::metrics::Metrics;
pub use absorb::{AbsorbError, Absorbed};
pub(crate) use batch::Unjoined;
use flight::Flights;
use gather::Gather;
pub use refetch::RefetchError;
pub(crate) use user::{Looked, Wanted};
use waiters::Waiters;

/// How a stored delivery is read again when it is retried; the engine does not know Clerk's wire.
pub(crate) type Interpret = Arc<dyn Fn(&Delivery) -> Option<Fact> + Send + Sync>;

/// Limits and periods of the engine, in milliseconds.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// How stale an answer of Clerk's may be: an id it does not know is asked again after this, and a repair
    /// asks no sooner than this after it read the record. Default 2 000.
    pub staleness_bound_ms: u64,
    /// How long a worker that took a repair or a delivery has it; a crash gives it back. Default 60 000.
    pub lease_ms: u64,
    /// How often workers look for due work nobody woke them for. Default 1 000.
    pub poll_ms: u64,
    /// How many repairs or deliveries one round takes. Default 32.
    pub batch: u32,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { staleness_bound_ms: 2_000, lease_ms: 60_000, poll_ms: 1_000, batch: 32 }
    }
}

/// The parts an engine works with.
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: RolePolicy,
    pub(crate) settings: EngineSettings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) lulls: Lulls,
    interpret: Interpret,
    flights: Flights,
    gather: Gather,
    waiters: Waiters,
    /// Rung when a record became dirty.
    repairs: Notify,
    /// Rung when a delivery was stored unapplied.
    deliveries: Notify,
}

impl Engine {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        directory: Arc<dyn Directory>,
        clock: Arc<dyn Clock>,
        policy: RolePolicy,
        settings: EngineSettings,
        metrics: Arc<Metrics>,
        interpret: Interpret,
    ) -> Self {
        Self {
            store,
            directory,
            clock,
            policy,
            settings,
            metrics,
            lulls: Lulls::default(),
            interpret,
            flights: Flights::default(),
            gather: Gather::default(),
            waiters: Waiters::default(),
            repairs: Notify::new(),
            deliveries: Notify::new(),
        }
    }

    /// Runs the workers for ever that delete nobody: retried deliveries, and waking those who wait for what another
    /// process commits. [`Engine::repair_forever`] is apart, since it believes what Clerk says is gone.
    pub(crate) async fn work(self: &Arc<Self>) {
        futures_util::future::join(self.deliver_forever(), self.listen_forever()).await;
    }

    async fn listen_forever(&self) {
        loop {
            match self.store.changed().await {
                Ok(ids) => ids.iter().for_each(|id| self.waiters.wake(id)),
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "commits of other processes are not heard of");
                    self.clock.sleep(self.settings.poll_ms).await;
                }
            }
        }
    }

    /// Asks Clerk for a user, and counts it.
    async fn ask(&self, id: &UserId, lane: Lane) -> Result<Option<Snapshot>, DirectoryError> {
        let started = self.clock.now();
        let answer = self.directory.user(id, lane).await;
        self.metrics.asked(lane, &answer, self.clock.now().millis_since(started));
        answer
    }

    /// Asks Clerk for a page of users, waiting as long as the budget asks for, and counts it.
    pub(crate) async fn page(&self, page: &PageOf, lane: Lane) -> Result<Vec<Snapshot>, DirectoryError> {
        loop {
            let answer = self.directory.page(page, lane).await;
            self.metrics.listed(lane, &answer);
            match answer {
                Err(DirectoryError::Throttled { retry_after_ms }) => {
                    self.clock.sleep(retry_after_ms.max(1)).await;
                }
                answer => return answer,
            }
        }
    }

    /// The answer of `future`, or `None` if it takes longer than `millis`.
    pub(crate) async fn within<T>(&self, millis: u64, future: impl Future<Output = T>) -> Option<T> {
        let sleep = self.clock.sleep(millis);
        match select(std::pin::pin!(future), sleep).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(((), _)) => None,
        }
    }

    /// Waits for `bell`, but no longer than the poll period.
    async fn idle(&self, bell: &Notify) {
        self.within(self.settings.poll_ms, bell.notified()).await;
    }
}

/// A delay with up to a quarter more, the same for the same work and attempt: enough to spread a crowd, and
/// repeatable in a simulation.
fn jittered(delay_ms: i64, of: impl Hash, attempts: u32) -> i64 {
    let mut hasher = DefaultHasher::new();
    (of, attempts).hash(&mut hasher);
    let permille = i64::try_from(hasher.finish() % 251).unwrap_or(0);
    delay_ms.saturating_add(delay_ms.saturating_mul(permille) / 1000)
}
