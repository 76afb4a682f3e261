//! The one place every fact goes through, whatever brought it.

use std::sync::Arc;

use clerk_sync_core::{
    Change, Commit, Content, Decision, Delivery, Entry, Fact, Outcome, StoreError, StoreErrorKind, Subject,
    Timestamp, View, decide, receive,
};
use thiserror::Error;

use super::{Engine, Unjoined};
use crate::chain::Chain;

/// How often a lost race is run again before the work is left to a worker.
const MAX_LOOKS: u32 = 5;

/// How long to stand back after a lost race, in milliseconds: not after the first two, which looking again settles;
/// whoever loses a third one meets something that lasts, such as the lock of a transaction.
const PAUSES_MS: [u64; 4] = [0, 0, 10, 50];

/// What became of a fact.
#[derive(Debug, Clone)]
pub struct Absorbed {
    /// What was decided, with its reason.
    pub outcome: Outcome,
    /// What is stored under the user's id now; `None` for a delivery about no user.
    pub entry: Option<Entry>,
}

/// Why a fact could not be absorbed now.
#[derive(Debug, Error)]
pub enum AbsorbError {
    /// The store failed; whether the commit happened is unknown, so the caller does it again.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// Every look was overtaken by another commit.
    #[error("overtaken by other commits {MAX_LOOKS} times")]
    Contended,
}

/// What is left of a decision once it is committed.
pub(super) struct Effect {
    pub(super) outcome: Outcome,
    leaves_dirty: bool,
}

impl Effect {
    pub(super) fn of(decision: &Decision) -> Self {
        let leaves_dirty = |change: &Change| match change {
            Change::Insert(record) | Change::Update { record, .. } => record.is_dirty(),
            _ => false,
        };
        Self { outcome: decision.outcome, leaves_dirty: decision.changes.iter().any(leaves_dirty) }
    }
}

impl Engine {
    /// Absorbs a fact nobody has to be answered for twice.
    pub(crate) async fn absorb(&self, fact: &Fact) -> Result<Absorbed, AbsorbError> {
        self.join(&Content::Fact(fact.clone()), None).await
    }

    /// Absorbs a delivery: its entry in the event log and its effect are one commit, which it shares with those
    /// that come at the same time.
    pub(crate) async fn absorb_delivery(
        self: &Arc<Self>,
        delivery: &Delivery,
        content: &Content,
    ) -> Result<Outcome, AbsorbError> {
        match self.gather.share(self, Unjoined::delivered(delivery.clone(), content.clone())).await {
            Ok(outcome) => Ok(outcome),
            Err(_alone) => self.absorb_alone(delivery, content).await,
        }
    }

    /// When the store works and the effect cannot be applied, the delivery is stored alone and a worker goes on
    /// with it; one without an effect fails, since a worker would read it again and could not tell that it
    /// has none.
    async fn absorb_alone(&self, delivery: &Delivery, content: &Content) -> Result<Outcome, AbsorbError> {
        let error = match self.join(content, Some(delivery)).await {
            Ok(absorbed) => return Ok(absorbed.outcome),
            Err(AbsorbError::Store(error)) if error.kind() == StoreErrorKind::Unavailable => {
                return Err(error.into());
            }
            Err(error) if matches!(content, Content::Nothing | Content::Foreign) => return Err(error),
            Err(error) => error,
        };
        self.park(delivery, error).await
    }

    /// Stores a delivery alone, for a worker to go on with. A lost race may have been about anything, so it is
    /// no proof that the delivery is in the log: only a look is.
    async fn park(&self, delivery: &Delivery, error: AbsorbError) -> Result<Outcome, AbsorbError> {
        let parked = delivery.clone().pending(&Chain(&error).to_string(), self.clock.now());
        let subject = Subject::of(None, Some(&delivery.id));
        for look in 0..MAX_LOOKS {
            match self.store.commit(vec![Change::Log { delivery: parked.clone(), expected: None }]).await? {
                Commit::Done => {
                    if let Some(held_back) = self.lulls.webhook_kept.line(self.clock.now()) {
                        tracing::error!(
                            delivery.id = %delivery.id,
                            error = %Chain(&error),
                            log.held_back = held_back,
                            "the delivery is kept, but its effect cannot be applied now"
                        );
                    }
                    self.deliveries.notify_one();
                    return Ok(Outcome::Unknown);
                }
                Commit::Stale if self.store.view(&subject).await?.delivery.is_some() => {
                    return Ok(Outcome::Duplicate);
                }
                Commit::Stale => self.stand_back(look).await,
            };
        }
        Err(error)
    }

    pub(super) async fn join(
        &self,
        content: &Content,
        delivery: Option<&Delivery>,
    ) -> Result<Absorbed, AbsorbError> {
        let fact = content.fact();
        let subject = Subject::of(fact, delivery.map(|delivery| &delivery.id));
        for look in 0..MAX_LOOKS {
            let view = self.store.view(&subject).await?;
            let decision = self.judge(&view, content, delivery);
            let effect = Effect::of(&decision);
            if !decision.changes.is_empty() {
                match self.store.commit(decision.changes).await? {
                    Commit::Done => {}
                    Commit::Stale => {
                        self.stand_back(look).await;
                        continue;
                    }
                }
            }
            self.tell(fact, delivery.is_some(), &effect);
            return Ok(Absorbed { outcome: effect.outcome, entry: decision.entry });
        }
        Err(AbsorbError::Contended)
    }

    /// Commits changes that say what they expect, and nothing that was decided on a view. A lost race may have been about
    /// anything, and what is left under its lease for that waits until the lease ends.
    pub(super) async fn insist(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        for look in 0..MAX_LOOKS {
            match self.store.commit(changes.clone()).await? {
                Commit::Done => break,
                Commit::Stale => self.stand_back(look).await,
            }
        }
        Ok(())
    }

    /// After a lost race, the first being 0.
    async fn stand_back(&self, look: u32) {
        self.metrics.stale_commits.inc();
        let pause_ms = usize::try_from(look).ok().and_then(|look| PAUSES_MS.get(look));
        if let Some(pause_ms) = pause_ms.copied().filter(|pause_ms| *pause_ms > 0) {
            self.clock.sleep(pause_ms).await;
        }
    }

    pub(super) fn judge(&self, view: &View, content: &Content, delivery: Option<&Delivery>) -> Decision {
        // A clock that was put back meanwhile must not make what was genuine then look as if it came from the future.
        let now = self.clock.now().max(delivery.map_or(Timestamp::MIN, |delivery| delivery.received_at));
        match (delivery, content.fact()) {
            (Some(delivery), _) => receive(view, delivery, content, now, &self.policy),
            (None, Some(fact)) => decide(view, fact, now, &self.policy),
            (None, None) => Decision { outcome: Outcome::Acknowledged, changes: vec![], entry: None },
        }
    }

    /// Counts what is committed, and wakes whoever goes on with it.
    pub(super) fn tell(&self, fact: Option<&Fact>, delivered: bool, effect: &Effect) {
        self.metrics.absorbed(fact, effect.outcome);
        if let Some(fact) = fact {
            self.waiters.wake(fact.user_id());
        }
        if effect.leaves_dirty {
            self.repairs.notify_one();
        }
        if delivered && effect.outcome == Outcome::Unknown {
            self.deliveries.notify_one();
        }
    }
}
