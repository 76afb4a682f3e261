//! The door: holds the parts, forwards, decides nothing.

mod build;
mod equal;
mod receive;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use clerk_sync_core::port::{Backlog, Clock, Inspect};
use clerk_sync_core::{DeliveryStatus, Entry, Record, StoreError, StoreErrorKind, Timestamp};
use http::HeaderMap;

use crate::chain::Chain;
use crate::clerk::keys::Keys;
use crate::clerk::secret::WebhookSecrets;
use crate::clerk::session::{Session, SessionError, SessionStatus, SessionVerifier, token_from};
use crate::engine::{Engine, Looked, Wanted};
use crate::equal::{Brake, EqualError, EqualState, Equality};
use crate::metrics::Metrics;
use crate::refusal::Refusal;
pub use build::{BuildError, Builder, Retention};
pub use receive::{Receipt, WebhookRefusal};

/// How long a user may be looked for, beside the time a request may be held, in milliseconds.
const LOOK_MS: u64 = 5_000;
/// How long the database may take to say that it is there, in milliseconds.
const PING_MS: u64 = 3_000;
/// For how long the figures for operators are good, in milliseconds: scraping costs the database no more.
const LOOKS_MS: i64 = 5_000;

/// Keeps a `users` table equal to Clerk: the one handle an app needs. Cheap to clone.
///
/// Made by [`ClerkSync::builder`]. Somebody has to drive [`ClerkSync::run`], which retries deliveries and
/// settles dirty records; nothing is spawned behind the caller's back.
#[derive(Clone)]
pub struct ClerkSync {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<Engine>,
    equality: Arc<Equality>,
    inspect: Arc<dyn Inspect>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    secrets: Option<WebhookSecrets>,
    verifier: SessionVerifier,
    keys: Keys,
    cookie_suffix: Option<String>,
    /// Known once Clerk has told it.
    instance_id: OnceLock<String>,
    retention: Retention,
    unconfirmed_after_ms: i64,
    looked: Mutex<Option<Looks>>,
}

/// What operators see, as of a moment.
#[derive(Clone)]
struct Looks {
    at: Timestamp,
    backlog: Backlog,
    equality: EqualState,
}

/// A signed-in user: the session, and the record that is there because of it or was before.
#[derive(Debug, Clone)]
pub struct User {
    /// The verified session.
    pub session: Arc<Session>,
    /// The record.
    pub record: Record,
}

impl ClerkSync {
    /// Starts putting one together.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The verified session of a request: no database, and Clerk only for keys not seen yet.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`] when there is no token or it does not hold, [`Refusal::Unavailable`]
    /// when the keys to judge it by cannot be had. A pending session is no error here.
    pub async fn session(&self, headers: &HeaderMap) -> Result<Arc<Session>, Refusal> {
        let inner = &self.inner;
        let suffix = inner.cookie_suffix.as_deref();
        let verified = match token_from(headers, suffix) {
            Ok(Some(token)) => inner.verifier.verify(token, &inner.keys, inner.clock.now()).await,
            Ok(None) => Err(SessionError::Missing),
            Err(error) => Err(error),
        };
        verified.map_err(|error| {
            inner.metrics.refused_session(error.reason());
            match error {
                SessionError::Undecidable { retry_after_ms } => {
                    Refusal::Unavailable { retry_after_ms, cause: "keys" }
                }
                _ => Refusal::Unauthenticated,
            }
        })
    }

    /// Whether a request carries anything that looks like a session token.
    pub fn has_token(&self, headers: &HeaderMap) -> bool {
        !matches!(token_from(headers, self.inner.cookie_suffix.as_deref()), Ok(None))
    }

    /// The user of a request; the record is made just in time if Clerk has the user and the database has not.
    ///
    /// `hold_ms`: how long to go on waiting while the user is not there yet, woken by the commit that brings
    /// it. The answer comes at the latest five seconds after that.
    ///
    /// # Errors
    /// See [`Refusal`]: each says what it becomes over HTTP.
    pub async fn user(&self, headers: &HeaderMap, hold_ms: u64) -> Result<User, Refusal> {
        let started = self.inner.clock.now();
        let answer = self.find(headers, hold_ms, started).await;
        let code = answer.as_ref().map_or_else(Refusal::code, |_| "ok");
        self.inner.metrics.answered(code, self.inner.clock.now().millis_since(started));
        answer
    }

    async fn find(&self, headers: &HeaderMap, hold_ms: u64, now: Timestamp) -> Result<User, Refusal> {
        let session = self.session(headers).await?;
        if session.status == SessionStatus::Pending {
            return Err(Refusal::SessionPending);
        }
        let longest = i64::try_from(LOOK_MS.saturating_add(hold_ms)).unwrap_or(i64::MAX);
        let wanted = Wanted {
            id: session.user_id.clone(),
            claims: self.inner.verifier.claims_fact(&session),
            impersonated: session.is_impersonated(),
            deadline: now.plus_millis(longest),
            hold_until: now.plus_millis(i64::try_from(hold_ms).unwrap_or(i64::MAX)),
        };
        match self.inner.engine.user(&wanted).await {
            Looked::Found(Entry::Gone(_)) => Err(Refusal::UserDeleted),
            Looked::Found(Entry::Live(record)) if record.profile.banned => Err(Refusal::UserBanned),
            Looked::Found(Entry::Live(record)) if record.profile.deprovisioned => {
                Err(Refusal::UserDeprovisioned)
            }
            Looked::Found(Entry::Live(record)) => Ok(User { session, record }),
            Looked::NotSynced => {
                Err(Refusal::NotSynced { retry_after_ms: self.inner.engine.settings.staleness_bound_ms })
            }
            Looked::Undecided { retry_after_ms, cause, .. } => {
                Err(Refusal::Unavailable { retry_after_ms, cause })
            }
        }
    }

    /// Whether the database answers and can be written to.
    ///
    /// # Errors
    /// The store's, when it does not.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let ping = self.inner.engine.within(PING_MS, self.inner.inspect.ping()).await;
        ping.unwrap_or_else(|| {
            Err(StoreError::new(StoreErrorKind::Unavailable, format!("no answer within {PING_MS} ms")))
        })
    }

    /// What works and still needs somebody's attention, in sentences; none when all is well.
    pub async fn warnings(&self) -> Vec<String> {
        let mut warnings = vec![];
        if self.inner.metrics.is_instance_wrong() {
            warnings.push(
                "the secret key belongs to another Clerk instance than this database mirrors".to_owned(),
            );
        }
        let equality =
            self.looks(self.inner.clock.now()).await.map(|looks| looks.equality).unwrap_or_default();
        if let Some(silent) = equality.silent {
            warnings.push(format!("users sign up and no webhook comes; {}", silent.cause.advice()));
        }
        if let Some(brake) = equality.brake {
            let Brake { missing, users, allowed, .. } = brake;
            warnings.push(format!(
                "{missing} of {users} users are missing in Clerk and not deleted, since that is more than {allowed}"
            ));
        }
        warnings
    }

    /// All counters as text for Prometheus.
    pub async fn metrics_text(&self) -> String {
        let now = self.inner.clock.now();
        let looks = self.looks(now).await;
        if let Some(looks) = &looks {
            self.inner.metrics.equality(&looks.equality);
        }
        self.inner.metrics.text(looks.map(|looks| looks.backlog).as_ref(), now)
    }

    /// What waits in the database and how equal it is, at most five seconds old.
    async fn looks(&self, now: Timestamp) -> Option<Looks> {
        let kept = self.inner.looked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(looks) = &kept
            && (0..LOOKS_MS).contains(&now.millis_since(looks.at))
        {
            return kept;
        }
        match self.look(now).await {
            Ok(looks) => {
                let mut kept = self.inner.looked.lock().unwrap_or_else(PoisonError::into_inner);
                *kept = Some(looks.clone());
                Some(looks)
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "what waits in the database cannot be read");
                kept
            }
        }
    }

    async fn look(&self, now: Timestamp) -> Result<Looks, EqualError> {
        let before = now.plus_millis(-self.inner.unconfirmed_after_ms);
        let backlog = self.inner.inspect.backlog(before).await?;
        Ok(Looks { at: now, backlog, equality: self.inner.equality.state().await? })
    }

    /// Retries deliveries, settles dirty records and drops old bodies, until `until` resolves. Work under way
    /// is then given up; its lease brings it back.
    pub async fn run(&self, until: impl Future<Output = ()>) {
        let inner = &self.inner;
        let with_clerk = async {
            self.meet_clerk().await;
            futures_util::future::join(inner.engine.repair_forever(), inner.equality.work()).await;
        };
        let work = futures_util::future::join3(inner.engine.work(), self.drop_bodies_forever(), with_clerk);
        futures_util::future::select(std::pin::pin!(work), std::pin::pin!(until)).await;
    }

    /// Fetches what is needed of Clerk before anybody waits for it: the keys, and which instance is ours. Against
    /// another than the database mirrors nothing is repaired or compared: everybody would look deleted.
    async fn meet_clerk(&self) {
        let inner = &self.inner;
        inner.keys.prepare(inner.clock.now()).await;
        loop {
            let wait_ms = match inner.equality.verify_instance().await {
                Ok(id) => {
                    let _ = inner.instance_id.set(id);
                    inner.metrics.is_instance_right(true);
                    return;
                }
                Err(error @ EqualError::WrongInstance { .. }) => {
                    inner.metrics.is_instance_right(false);
                    tracing::error!(error = %Chain(&error), help = error.help(), "nothing is repaired or compared");
                    60_000
                }
                Err(error) => {
                    // Until Clerk says so itself, the instance noted before is ours.
                    if let Ok(Some(id)) = inner.equality.recorded_instance().await {
                        let _ = inner.instance_id.set(id);
                    }
                    tracing::error!(
                        error = %Chain(&error),
                        "Clerk did not say which instance the secret key belongs to"
                    );
                    5_000
                }
            };
            inner.clock.sleep(wait_ms).await;
        }
    }

    async fn drop_bodies_forever(&self) {
        loop {
            self.drop_bodies().await;
            self.inner.clock.sleep(3_600_000).await;
        }
    }

    /// Drops bodies that are old enough, a bounded number at a time.
    async fn drop_bodies(&self) {
        const BATCH: u32 = 1_000;
        let now = self.inner.clock.now();
        for status in DeliveryStatus::ALL {
            let Some(keep_ms) = self.inner.retention.millis(status) else { continue };
            let before = now.plus_millis(-keep_ms);
            loop {
                match self.inner.inspect.drop_bodies(status, before, BATCH).await {
                    Ok(dropped) if dropped >= u64::from(BATCH) => {}
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!(
                            error = %Chain(&error),
                            "old bodies cannot be dropped"
                        );
                        return;
                    }
                }
            }
        }
    }

    /// The database, as operators see it.
    pub fn inspect(&self) -> &Arc<dyn Inspect> {
        &self.inner.inspect
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }
}
