//! Clerk's Backend API, as the core's [`Directory`].

mod answer;
mod breaker;
mod budget;
mod counters;
mod settings;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clerk_sync_core::port::{Clock, Directory, Lane};
use clerk_sync_core::{DirectoryError, Snapshot, UserId};
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION, DATE};

use answer::{Answer, classify, instance_id};
use breaker::{Breaker, Pass};
use budget::Budget;
use counters::CallCounters;
pub use counters::{CallCounts, CallOutcome};
pub use settings::{ApiSettings, BreakerSettings, BudgetSettings};

use super::jitter::Jitter;
use super::transport::{BodyError, ConnectError, address, bearer, bounded_body, client};
use super::user::snapshot_from_user;

/// The version of the Backend API these answers are read as.
pub const API_VERSION: &str = "2026-05-12";

/// No offset has been seen yet.
const UNSEEN: i64 = i64::MIN;

/// A client of the Backend API that asks little, gives up soon and keeps its errors apart.
///
/// - A call is tried up to three times, 2 s each; the caller bounds the whole by dropping the future.
/// - Calls stay below a [budget](BudgetSettings): somebody waiting for an answer comes before a repair, a
///   repair before a sweep. `Retry-After` holds all of them back.
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

    /// Asks for `path` until there is an answer, an error that stays, or no attempt left.
    async fn call(&self, path: &str, lane: Lane) -> Result<Answer, DirectoryError> {
        let result = self.attempts(path, lane).await;
        self.counters.count(match &result {
            Ok(Answer::NotFound) => CallOutcome::NotFound,
            Ok(_) => CallOutcome::Found,
            Err(error) => CallOutcome::of(error),
        });
        result
    }

    async fn attempts(&self, path: &str, lane: Lane) -> Result<Answer, DirectoryError> {
        let mut attempt = 1;
        loop {
            let last = attempt >= self.settings.max_attempts;
            let pass = self.admit(lane).await?;
            self.counters.attempt();
            let answer = self.ask(path).await;
            let now = self.clock.now();
            match answer {
                Answer::Throttled { retry_after_ms } => {
                    pass.neutral();
                    self.budget.block_until(now.plus_millis(as_i64(retry_after_ms)));
                    if last || retry_after_ms > self.settings.max_wait_ms {
                        return Err(DirectoryError::Throttled { retry_after_ms });
                    }
                }
                Answer::Failed { reason, retry_after_ms, again } => {
                    pass.failed(now);
                    if let Some(retry_after_ms) = retry_after_ms {
                        self.budget.block_until(now.plus_millis(as_i64(retry_after_ms)));
                    }
                    let wait_ms = retry_after_ms.unwrap_or_else(|| self.backoff_ms(attempt));
                    if last || !again || wait_ms > self.settings.max_wait_ms {
                        let retry_after_ms = wait_ms.max(self.breaker.wait_ms(now)).max(1_000);
                        return Err(DirectoryError::Unavailable { retry_after_ms, reason: reason.into() });
                    }
                    self.clock.sleep(wait_ms).await;
                }
                Answer::RefusedKey => {
                    pass.answered();
                    return Err(DirectoryError::RefusedKey);
                }
                Answer::Refused { status, code } => {
                    pass.answered();
                    return Err(DirectoryError::Refused { status, code });
                }
                answer => {
                    pass.answered();
                    return Ok(answer);
                }
            }
            attempt += 1;
        }
    }

    /// Waits for its turn: `Retry-After`, then the breaker, then the budget.
    async fn admit(&self, lane: Lane) -> Result<Pass<'_>, DirectoryError> {
        let max_wait_ms = self.settings.max_wait_ms;
        loop {
            let blocked_ms = self.budget.blocked_ms(self.clock.now());
            if blocked_ms == 0 {
                break;
            }
            if blocked_ms > max_wait_ms {
                return Err(DirectoryError::Throttled { retry_after_ms: blocked_ms });
            }
            self.clock.sleep(blocked_ms).await;
        }
        let open = |retry_after_ms| DirectoryError::Unavailable {
            retry_after_ms,
            reason: String::from("the circuit breaker is open"),
        };
        // Asked twice, so that an open breaker costs no budget.
        match self.breaker.wait_ms(self.clock.now()) {
            0 => {}
            wait_ms => return Err(open(wait_ms)),
        }
        match self.budget.take(lane, self.clock.now(), max_wait_ms) {
            Ok(0) => {}
            Ok(wait_ms) => self.clock.sleep(wait_ms).await,
            Err(retry_after_ms) => {
                self.counters.count(CallOutcome::HeldBack);
                return Err(DirectoryError::Throttled { retry_after_ms });
            }
        }
        self.breaker.enter(self.clock.now()).map_err(open)
    }

    /// One attempt.
    async fn ask(&self, path: &str) -> Answer {
        let request = self
            .client
            .get(format!("{}/v1{path}", self.base))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json")
            .header("clerk-api-version", API_VERSION);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return Answer::failed("no answer in time"),
            Err(error) if error.is_connect() => return Answer::failed("no connection"),
            Err(_) => return Answer::failed("the connection broke"),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        self.note_clock(headers.get(DATE));
        match bounded_body(response, self.settings.max_body_bytes).await {
            Ok(body) => classify(status, &headers, body),
            Err(BodyError::CutOff) => Answer::failed("the answer was cut off"),
            Err(BodyError::TooLarge) => Answer::failed_for_good("the answer is too large"),
        }
    }

    fn note_clock(&self, date: Option<&HeaderValue>) {
        let text = date.and_then(|date| date.to_str().ok());
        let Some(time) = text.and_then(|text| httpdate::parse_http_date(text).ok()) else { return };
        let Ok(since_epoch) = time.duration_since(std::time::UNIX_EPOCH) else { return };
        let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        // The second named is half over on average.
        let offset_ms = millis.saturating_add(500).saturating_sub(self.clock.now().as_millis());
        self.clock_offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// Doubling from a quarter of a second, with jitter.
    fn backoff_ms(&self, attempt: u32) -> u64 {
        self.jitter.spread(250_u64 << (attempt.clamp(1, 6) - 1))
    }
}

#[async_trait]
impl Directory for ClerkApi {
    async fn user(&self, id: &UserId, lane: Lane) -> Result<Option<Snapshot>, DirectoryError> {
        let path = format!("/users/{id}");
        let Answer::Body(body) = self.call(&path, lane).await? else { return Ok(None) };
        let snapshot = snapshot_from_user(&body).map_err(|error| unusable(&error.to_string()))?;
        if snapshot.id != *id {
            return Err(unusable("the answer is about another user"));
        }
        Ok(Some(snapshot))
    }

    async fn instance_id(&self) -> Result<String, DirectoryError> {
        match self.call("/instance", Lane::Lookup).await? {
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

fn unusable(reason: &str) -> DirectoryError {
    DirectoryError::Unavailable { retry_after_ms: 1_000, reason: reason.to_owned() }
}

fn as_i64(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}
