use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use clerk_sync_core::Timestamp;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use tokio::sync::{Mutex, MutexGuard};
use url::Url;

use super::key_set::{KeySet, is_plausible_key_id};
use super::{FoundKey, JwksSettings, JwksStatus, NoKey};
use crate::clerk::transport::{BodyError, ConnectError, address, bearer, bounded_body, client};

/// The shortest time after a fetch that was dropped half-way, in milliseconds.
const DROPPED_GAP_MS: i64 = 200;

/// The largest set read, in bytes; Clerk's has about 500.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// A set as fetched.
struct Published {
    set: KeySet,
    fetched_at: Timestamp,
    /// What the count of arrivals was when the fetch began: who came before has a set newer than itself.
    begun_at_arrival: u64,
    generation: u64,
}

/// The last fetch, as far as the next one depends on it.
#[derive(Clone, Copy, Default)]
struct LastFetch {
    begun_at: Option<Timestamp>,
    /// Whether it came to an end. A request dropped half-way takes its fetch with it, and somebody who sends
    /// made-up `kid`s and hangs up must not keep the others from a new key.
    finished: bool,
}

/// The keys at an address.
pub(super) struct Jwks {
    settings: JwksSettings,
    url: Url,
    authorization: Option<HeaderValue>,
    client: reqwest::Client,
    published: RwLock<Option<Arc<Published>>>,
    /// Held while fetching, so that one fetch serves all who wait.
    last_fetch: Mutex<LastFetch>,
    arrivals: AtomicU64,
    fetches: AtomicU64,
    failures: AtomicU64,
}

impl Jwks {
    pub(super) fn new(settings: JwksSettings) -> Result<Self, ConnectError> {
        let connect = Duration::from_millis(settings.connect_timeout_ms);
        let fetch = Duration::from_millis(settings.fetch_timeout_ms);
        Ok(Self {
            url: address("the JWKS address", &settings.url, settings.allow_plain_http)?,
            authorization: settings.secret_key.as_ref().map(bearer).transpose()?,
            client: client(connect, fetch)?,
            settings,
            published: RwLock::new(None),
            last_fetch: Mutex::default(),
            arrivals: AtomicU64::new(0),
            fetches: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    pub(super) async fn prepare(&self, now: Timestamp) -> bool {
        if !self.usable(now).is_some_and(|published| self.is_fresh(&published, now)) {
            let mut last_fetch = self.last_fetch.lock().await;
            if self.wait_ms(*last_fetch, now) == 0 {
                // A failure is counted there and told by the answer here.
                let _ = self.fetch(&mut last_fetch, now).await;
            }
        }
        self.usable(now).is_some()
    }

    pub(super) fn status(&self, now: Timestamp) -> JwksStatus {
        let published = self.published();
        let usable = self.usable(now);
        JwksStatus {
            keys: usable.as_ref().map_or(0, |published| published.set.len()),
            fetched_at: published.map(|published| published.fetched_at),
            stale: !usable.is_some_and(|published| self.is_fresh(&published, now)),
            fetches: self.fetches.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    /// What `ask` says of the set at hand, if there is one.
    pub(super) fn with_set<T>(&self, now: Timestamp, ask: impl FnOnce(&KeySet) -> T) -> Option<T> {
        self.usable(now).map(|published| ask(&published.set))
    }

    pub(super) fn settled_generation(&self, now: Timestamp) -> Option<u64> {
        let published = self.usable(now)?;
        let settled = self.is_fresh(&published, now) || self.try_begin(now).is_none();
        settled.then_some(published.generation)
    }

    pub(super) async fn key(&self, key_id: &str, now: Timestamp) -> Result<FoundKey, NoKey> {
        if !is_plausible_key_id(key_id) {
            return Err(NoKey::KeyId);
        }
        let arrival = self.arrivals.fetch_add(1, Ordering::SeqCst);
        if let Some(published) = self.usable(now)
            && let Some(found) = published.find(key_id)
        {
            if self.is_fresh(&published, now) {
                return Ok(found);
            }
            // One of those who come when the set has aged looks for a newer one; all others go on with it.
            let Some(mut last_fetch) = self.try_begin(now) else { return Ok(found) };
            return match self.fetch(&mut last_fetch, now).await {
                Ok(newer) => newer.find(key_id).ok_or(NoKey::Unknown),
                Err(()) => Ok(found),
            };
        }
        self.key_by_refetch(key_id, arrival, now).await
    }

    /// Looks for a key the set at hand does not have. Waits for a fetch that is under way; only a set whose
    /// fetch began after this request came can prove that there is no such key.
    async fn key_by_refetch(&self, key_id: &str, arrival: u64, now: Timestamp) -> Result<FoundKey, NoKey> {
        let (mut last_fetch, waited) = match self.last_fetch.try_lock() {
            Ok(last_fetch) => (last_fetch, false),
            Err(_) => (self.last_fetch.lock().await, true),
        };
        if let Some(published) = self.usable(now) {
            if let Some(found) = published.find(key_id) {
                return Ok(found);
            }
            if published.begun_at_arrival > arrival {
                return Err(NoKey::Unknown);
            }
        }
        // Who has waited for a fetch does not begin another, lest waits add up; unless it was dropped.
        let wait_ms = self.wait_ms(*last_fetch, now);
        let may_fetch = if waited { !last_fetch.finished } else { wait_ms == 0 };
        if !may_fetch {
            return Err(NoKey::Unavailable { retry_after_ms: wait_ms.max(1) });
        }
        match self.fetch(&mut last_fetch, now).await {
            Ok(newer) => newer.find(key_id).ok_or(NoKey::Unknown),
            Err(()) => Err(NoKey::Unavailable { retry_after_ms: self.wait_ms(*last_fetch, now).max(1) }),
        }
    }

    /// The right to fetch now, if nobody is fetching and the last time is long enough ago.
    fn try_begin(&self, now: Timestamp) -> Option<MutexGuard<'_, LastFetch>> {
        let last_fetch = self.last_fetch.try_lock().ok()?;
        (self.wait_ms(*last_fetch, now) == 0).then_some(last_fetch)
    }

    /// How long until the next fetch may begin. A clock that was set back does not stop them.
    fn wait_ms(&self, last: LastFetch, now: Timestamp) -> u64 {
        let settings = &self.settings;
        let has_keys = self.usable(now).is_some();
        let gap_ms = match (last.finished, has_keys) {
            (false, _) => DROPPED_GAP_MS,
            (true, true) => settings.refetch_gap_ms,
            (true, false) => settings.first_fetch_gap_ms,
        };
        let since_ms = last.begun_at.map_or(gap_ms, |begun_at| now.millis_since(begun_at));
        if since_ms < 0 { 0 } else { u64::try_from(gap_ms - since_ms).unwrap_or(0) }
    }

    async fn fetch(&self, last: &mut LastFetch, now: Timestamp) -> Result<Arc<Published>, ()> {
        *last = LastFetch { begun_at: Some(now), finished: false };
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let begun_at_arrival = self.arrivals.fetch_add(1, Ordering::SeqCst);
        let downloaded = self.download().await;
        last.finished = true;
        let set = downloaded.inspect_err(|()| {
            self.failures.fetch_add(1, Ordering::Relaxed);
        })?;
        let mut slot = self.published.write().unwrap_or_else(PoisonError::into_inner);
        let generation = match slot.as_ref() {
            Some(old) if old.set.is_same(&set) => old.generation,
            Some(old) => old.generation + 1,
            None => 1,
        };
        let published = Arc::new(Published { set, fetched_at: now, begun_at_arrival, generation });
        *slot = Some(Arc::clone(&published));
        Ok(published)
    }

    async fn download(&self) -> Result<KeySet, ()> {
        let mut request = self.client.get(self.url.clone());
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = request.send().await.map_err(|_| ())?;
        if response.status() != http::StatusCode::OK {
            return Err(());
        }
        let body = bounded_body(response, MAX_BODY_BYTES).await.map_err(|_: BodyError| ())?;
        KeySet::read(&body).map_err(|_| ())
    }

    fn published(&self) -> Option<Arc<Published>> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The set, unless it is too old to be believed even in need.
    fn usable(&self, now: Timestamp) -> Option<Arc<Published>> {
        self.published().filter(|published| now.millis_since(published.fetched_at) <= self.settings.stale_ms)
    }

    fn is_fresh(&self, published: &Published, now: Timestamp) -> bool {
        now.millis_since(published.fetched_at) < self.settings.fresh_ms
    }
}

impl Published {
    fn find(&self, key_id: &str) -> Option<FoundKey> {
        let key = Arc::clone(self.set.find(key_id)?);
        Some(FoundKey { key, generation: self.generation })
    }
}
