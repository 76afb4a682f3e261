//! Who is this? Known: one read. Unknown: claims, or one shared fetch. Else: wait, or say what is missing.

use std::sync::Arc;

use clerk_sync_core::port::Lane;
use clerk_sync_core::{Entry, Fact, Timestamp, UserId, Via};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, select};

use super::{AbsorbError, Engine};
use crate::chain::Chain;

/// How long to wait before a user who cannot be decided on is tried again, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// Who is looked for, and what helps to find them.
pub(crate) struct Wanted {
    pub(crate) id: UserId,
    /// What the session token says of its user, if it says enough to make a record.
    pub(crate) claims: Option<Fact>,
    pub(crate) impersonated: bool,
    /// When an answer is due, whatever it is.
    pub(crate) deadline: Timestamp,
    /// Until when to ask again while the user is not there.
    pub(crate) hold_until: Timestamp,
}

/// What came of looking for a user.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly every look finds a record; a box would cost each one")]
pub(crate) enum Looked {
    /// The user, alive or gone.
    Found(Entry),
    /// Clerk, asked twice, has no such user, and neither has the database.
    NotSynced,
    /// The database or Clerk cannot say now.
    Undecided {
        /// When asking again makes sense.
        retry_after_ms: u64,
        /// What is in the way, as a stable word.
        cause: &'static str,
        /// Whether waiting here may help.
        passing: bool,
    },
}

impl Looked {
    const STORE: Self = Self::Undecided { retry_after_ms: RETRY_MS, cause: "store", passing: false };

    pub(super) fn slow(cause: &'static str) -> Self {
        Self::Undecided { retry_after_ms: RETRY_MS, cause, passing: true }
    }
}

impl Engine {
    /// Looks for a user, and makes the record if Clerk has the user and the database has not.
    pub(crate) async fn user(self: &Arc<Self>, wanted: &Wanted) -> Looked {
        // Known: one read, nothing else.
        let left = u64::try_from(wanted.deadline.millis_since(self.clock.now())).unwrap_or(0);
        match self.within(left, self.store.record(&wanted.id)).await {
            Some(Ok(Some(entry))) => return Looked::Found(entry),
            Some(Ok(None)) => {}
            Some(Err(error)) => return self.store_failed(&error),
            None => return Looked::STORE,
        }
        let waiter = self.waiters.join(&wanted.id);
        loop {
            // Before the look, so that a commit after it is not missed.
            let mut bell = std::pin::pin!(waiter.notified());
            bell.as_mut().enable();
            let left = u64::try_from(wanted.deadline.millis_since(self.clock.now())).unwrap_or(0);
            // Again, now that a commit would ring: what was committed since the last read rang for nobody. Claims
            // need no read, the join looks for itself.
            if wanted.claims.is_none() {
                match self.within(left, self.store.record(&wanted.id)).await {
                    Some(Ok(Some(entry))) => return Looked::Found(entry),
                    Some(Ok(None)) => {}
                    Some(Err(error)) => return self.store_failed(&error),
                    None => return Looked::STORE,
                }
            }
            // The read may have used up much of it.
            let left = u64::try_from(wanted.deadline.millis_since(self.clock.now())).unwrap_or(0);
            let looking = self.within(left, self.share(wanted));
            // The bell is asked first: a fetch that has landed since the read has rung, and is not made again.
            let looked = match select(bell.as_mut(), std::pin::pin!(looking)).await {
                // Somebody else made the record while we were asking.
                Either::Left(((), _)) => continue,
                Either::Right((looked, _)) => looked.unwrap_or_else(|| Looked::slow("deadline")),
            };
            let pause = match &looked {
                Looked::NotSynced => self.settings.staleness_bound_ms,
                Looked::Undecided { retry_after_ms, passing: true, .. } => *retry_after_ms,
                _ => return looked,
            };
            // Asked again only within the wait, so that the deadline does not cut off what was found out.
            let left = u64::try_from(wanted.hold_until.millis_since(self.clock.now())).unwrap_or(0);
            if left == 0 {
                return looked;
            }
            self.within(pause.max(100).min(left), bell).await;
        }
    }

    /// The record from the claims, or the fetch that all share who want the same user. The fetch is on the
    /// board when this returns, and under way once the answer is polled.
    fn share(self: &Arc<Self>, wanted: &Wanted) -> BoxFuture<'_, Looked> {
        if let Some(claims) = wanted.claims.clone() {
            return async move { self.landed(self.absorb(&claims).await) }.boxed();
        }
        let (engine, id, impersonated) = (Arc::clone(self), wanted.id.clone(), wanted.impersonated);
        self.flights.share(&wanted.id, || async move { engine.fetch(&id, impersonated).await }).boxed()
    }

    /// One flight: asks Clerk, and after the staleness bound the database and Clerk once more.
    pub(super) async fn fetch(&self, id: &UserId, impersonated: bool) -> Looked {
        for ask in 0..2 {
            if ask > 0 {
                self.clock.sleep(self.settings.staleness_bound_ms).await;
                match self.store.record(id).await {
                    Ok(Some(entry)) => return Looked::Found(entry),
                    Ok(None) => {}
                    Err(error) => return self.store_failed(&error),
                }
            }
            match self.ask(id, Lane::Lookup).await {
                Ok(Some(snapshot)) => {
                    let fact = Fact::Snapshot { snapshot, via: Via::Lookup { impersonated } };
                    return self.landed(self.absorb(&fact).await);
                }
                Ok(None) => {}
                Err(error) => {
                    if let Some(held_back) = self.lulls.lookup_failed.line(self.clock.now()) {
                        tracing::warn!(user.id = %id, error = %Chain(&error), log.held_back = held_back, "a look-up in Clerk failed");
                    }
                    return Looked::Undecided {
                        retry_after_ms: error.retry_after_ms(),
                        cause: error.kind(),
                        passing: true,
                    };
                }
            }
        }
        match self.store.record(id).await {
            Ok(Some(entry)) => Looked::Found(entry),
            Ok(None) => Looked::NotSynced,
            Err(error) => self.store_failed(&error),
        }
    }

    fn store_failed(&self, error: &clerk_sync_core::StoreError) -> Looked {
        if let Some(held_back) = self.lulls.store_failed.line(self.clock.now()) {
            tracing::error!(error = %Chain(error), log.held_back = held_back, "the store failed");
        }
        Looked::STORE
    }

    fn landed(&self, absorbed: Result<super::Absorbed, AbsorbError>) -> Looked {
        match absorbed {
            Ok(absorbed) => match absorbed.entry {
                Some(entry) => Looked::Found(entry),
                None => Looked::slow("store"),
            },
            Err(AbsorbError::Store(error)) => self.store_failed(&error),
            Err(AbsorbError::Contended) => Looked::slow("contended"),
        }
    }
}
