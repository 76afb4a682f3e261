//! Clerk's Backend API, as the core's [`Directory`].

mod answer;
mod breaker;
mod budget;
mod call;
mod counters;
mod settings;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clerk_sync_core::port::{Clock, Directory, Lane, Order, PageOf, Start};
use clerk_sync_core::{DirectoryError, Snapshot, UserId};
use http::HeaderValue;

use answer::{Answer, Shape, instance_id, total_count};
use breaker::Breaker;
use budget::Budget;
use counters::CallCounters;
pub use counters::{CallCounts, CallOutcome};
pub use settings::{ApiSettings, BreakerSettings, BudgetSettings};

use super::jitter::Jitter;
use super::transport::{ConnectError, address, bearer, client};
use super::user::{snapshot_from_user, snapshots_from_list};

/// The version of the Backend API these answers are read as.
pub const API_VERSION: &str = "2026-05-12";

/// No offset has been seen yet.
const UNSEEN: i64 = i64::MIN;

/// A client of the Backend API that asks little, gives up soon and keeps its errors apart.
///
/// - A call is tried up to three times, 2 s each; the caller bounds the whole by dropping the future.
/// - Calls stay below a [budget](BudgetSettings): somebody waiting for an answer comes before a repair, a
///   repair before a sweep. Only a lookup waits for its turn; the other lanes are told when to ask again.
///   `Retry-After` holds all of them back.
/// - After several failures in a row a [circuit breaker](BreakerSettings) answers at once for a while.
/// - No redirect is followed, no proxy is taken from the environment, and a body over 2 MiB is not read.
///
/// ```no_run
/// # async fn example(clock: std::sync::Arc<dyn clerk_sync_core::port::Clock>) -> Result<(), Box<dyn std::error::Error>> {
/// use clerk_sync::clerk::{api::{ApiSettings, ClerkApi}, secret::SecretKey};
/// use clerk_sync_core::{UserId, port::{Directory, Lane}};
///
/// let key = SecretKey::parse("CLERK_SECRET_KEY", "sk_test_abcdefghijklmnop")?;
/// let api = ClerkApi::new(ApiSettings::new(key), clock)?;
/// let user = api.user(&UserId::parse("user_38peB5uMEQeCed7i5Nq9Ifj6Kd2")?, Lane::Lookup).await?;
/// # Ok(()) }
/// ```
pub struct ClerkApi {
    settings: ApiSettings,
    base: String,
    authorization: HeaderValue,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    jitter: Jitter,
    budget: Budget,
    breaker: Breaker,
    counters: CallCounters,
    clock_offset_ms: AtomicI64,
}

impl ClerkApi {
    /// A client by `settings`. Nothing is asked yet.
    ///
    /// # Errors
    /// When the address is none a secret may be sent to, or the HTTP client cannot be built.
    pub fn new(settings: ApiSettings, clock: Arc<dyn Clock>) -> Result<Self, ConnectError> {
        let base = address("the Clerk API address", &settings.base_url, settings.allow_plain_http)?;
        let connect = Duration::from_millis(settings.connect_timeout_ms);
        let attempt = Duration::from_millis(settings.attempt_timeout_ms);
        Ok(Self {
            base: base.as_str().trim_end_matches('/').to_owned(),
            authorization: bearer(&settings.secret_key)?,
            client: client(connect, attempt)?,
            jitter: Jitter::from_seed(settings.jitter_seed),
            budget: Budget::new(settings.budget, clock.now()),
            breaker: Breaker::new(settings.breaker),
            counters: CallCounters::default(),
            clock_offset_ms: AtomicI64::new(UNSEEN),
            clock,
            settings,
        })
    }

    /// What became of all calls and attempts since the start.
    pub fn counts(&self) -> CallCounts {
        self.counters.read()
    }

    /// How far Clerk's clock is ahead of ours, in milliseconds, by the last answer's `Date`; that header has
    /// whole seconds, so half a second either way means nothing. `None` until Clerk has answered.
    pub fn clock_offset_ms(&self) -> Option<i64> {
        Some(self.clock_offset_ms.load(Ordering::Relaxed)).filter(|offset| *offset != UNSEEN)
    }

    /// Whether the circuit breaker keeps calls back at the moment.
    pub fn is_circuit_open(&self) -> bool {
        self.breaker.wait_ms(self.clock.now()) > 0
    }
}

#[async_trait]
impl Directory for ClerkApi {
    async fn user(&self, id: &UserId, lane: Lane) -> Result<Option<Snapshot>, DirectoryError> {
        let path = format!("/users/{id}");
        let Answer::Body(body) = self.call(&path, Shape::Object, lane).await? else { return Ok(None) };
        let snapshot = snapshot_from_user(&body).map_err(|error| unusable(&error.to_string()))?;
        if snapshot.id != *id {
            return Err(unusable("the answer is about another user"));
        }
        Ok(Some(snapshot))
    }

    async fn page(&self, page: &PageOf, lane: Lane) -> Result<Vec<Snapshot>, DirectoryError> {
        match self.call(&page_path(page), Shape::List, lane).await? {
            Answer::Body(body) => {
                // A page has megabytes; read here, it would keep requests waiting that share the thread.
                let users = tokio::task::spawn_blocking(move || snapshots_from_list(&body)).await;
                let users = users.map_err(|_| unusable("the runtime is ending"))?;
                users.map_err(|error| unusable(&error.to_string()))
            }
            // The user the page was to begin after is not there any more.
            _ => Err(DirectoryError::Refused { status: 404, code: "resource_not_found".to_owned() }),
        }
    }

    async fn count(&self, lane: Lane) -> Result<u64, DirectoryError> {
        match self.call("/users/count", Shape::Object, lane).await? {
            Answer::Body(body) => total_count(&body).ok_or_else(|| unusable("the count is no number")),
            _ => Err(unusable("there is no count")),
        }
    }

    async fn instance_id(&self) -> Result<String, DirectoryError> {
        match self.call("/instance", Shape::Object, Lane::Lookup).await? {
            Answer::Body(body) => instance_id(&body).ok_or_else(|| unusable("the instance has no id")),
            _ => Err(unusable("there is no instance")),
        }
    }
}

impl fmt::Debug for ClerkApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkApi").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Clerk's default limit is ten whatever is asked for, so it is always given; a `+` must be encoded.
fn page_path(page: &PageOf) -> String {
    let order = match page.order {
        Order::Created => "%2Bcreated_at",
        Order::NewestVersion => "-updated_at",
    };
    let start = match &page.start {
        // An id has only letters, digits and _, so there is nothing to encode.
        Start::After(id) => format!("starting_after={id}"),
        Start::Offset(offset) => format!("offset={offset}"),
    };
    format!("/users?order_by={order}&limit={}&{start}", page.limit.clamp(1, PageOf::MAX))
}

fn unusable(reason: &str) -> DirectoryError {
    DirectoryError::Unavailable { retry_after_ms: 1_000, reason: reason.to_owned() }
}
