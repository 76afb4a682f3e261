use alloc::string::{String, ToString};

use crate::decide::{Decision, decide};
use crate::{Change, DeliveryId, Fact, Outcome, RolePolicy, Timestamp, UserId, View};

/// How often a delivery's effect is tried before it is a dead letter.
pub const MAX_ATTEMPTS: u32 = 12;

/// How long to wait before attempt `attempts + 1`, in milliseconds: doubling from one second to ten minutes.
/// The caller adds jitter.
pub const fn retry_after_ms(attempts: u32) -> i64 {
    let step = 1_000_i64 << if attempts > 10 { 10 } else { attempts };
    if step > 600_000 { 600_000 } else { step }
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryStatus {
    /// Stored; its effect could not be applied yet.
    Pending,
    /// Done: the effect, if there is one, is committed.
    Processed,
    /// The effect failed; it will be tried again.
    Failed,
    /// Given up on (a dead letter): unreadable, or out of attempts. An operator may replay it.
    Dead,
}

impl DeliveryStatus {
    /// Every status there is.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Processed, Self::Failed, Self::Dead];

    /// The status as a stable word, as stored and as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processed => "processed",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }

    /// The status a stored word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// An entry of the event log: a webhook message that passed verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `svix-id`, the idempotency key.
    pub id: DeliveryId,
    /// Clerk's name for the event, such as `user.created`; empty when the body could not be read.
    pub event_type: String,
    /// The user it is about, if it is about one.
    pub user_id: Option<UserId>,
    /// When it was received first.
    pub received_at: Timestamp,
    /// SHA-256 of the body, by which another body under the same id is noticed.
    pub digest: [u8; 32],
    /// The body; `None` once dropped by age, and never kept where it carries one-time codes.
    pub body: Option<String>,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// How often its effect was tried.
    pub attempts: u32,
    /// What came of it, as [`Outcome::as_str`]; `None` while nothing has.
    pub outcome: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was processed.
    pub processed_at: Option<Timestamp>,
    /// When it is tried again, while pending or failed; also the end of the lease of a worker that took it.
    pub due_at: Option<Timestamp>,
}

impl Delivery {
    /// The entry after an attempt that ended with `outcome`.
    #[must_use]
    pub fn processed(mut self, outcome: Outcome, now: Timestamp) -> Self {
        self.status = DeliveryStatus::Processed;
        self.attempts = self.attempts.saturating_add(1);
        self.outcome = Some(outcome.as_str().to_string());
        self.error = None;
        self.processed_at = Some(now);
        self.due_at = None;
        self
    }

    /// The entry of a delivery that is kept, but whose effect cannot be applied now.
    #[must_use]
    pub fn pending(mut self, error: &str, now: Timestamp) -> Self {
        self.status = DeliveryStatus::Pending;
        self.error = Some(error.to_string());
        self.due_at = Some(now);
        self
    }

    /// The entry after an attempt that failed: tried again after `delay_ms`, or dead once out of attempts.
    #[must_use]
    pub fn failed(mut self, error: &str, now: Timestamp, delay_ms: i64) -> Self {
        self.attempts = self.attempts.saturating_add(1);
        self.error = Some(error.to_string());
        if self.attempts >= MAX_ATTEMPTS {
            self.status = DeliveryStatus::Dead;
            self.due_at = None;
        } else {
            self.status = DeliveryStatus::Failed;
            self.due_at = Some(now.plus_millis(delay_ms));
        }
        self
    }

    /// The entry of a delivery nobody can act on.
    #[must_use]
    pub fn dead(mut self, outcome: Outcome, error: &str) -> Self {
        self.status = DeliveryStatus::Dead;
        self.outcome = Some(outcome.as_str().to_string());
        self.error = Some(error.to_string());
        self.due_at = None;
        self
    }
}

/// What a [`View`] tells of a delivery that is already known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryState {
    /// How far it has come.
    pub status: DeliveryStatus,
    /// How often its effect was tried.
    pub attempts: u32,
    /// SHA-256 of the body that was received first.
    pub digest: [u8; 32],
}

/// Judges a delivery: a repeated one ends here, every other is logged in the same commit as its effect.
///
/// `fact` is what the delivery says of a user; `None` when it says nothing that is kept. The delivery is
/// given as it was received, with the attempts known so far.
pub fn receive(
    view: &View,
    delivery: &Delivery,
    fact: Option<&Fact>,
    now: Timestamp,
    policy: &RolePolicy,
) -> Decision {
    let mut delivery = delivery.clone();
    let expected = match view.delivery {
        None => None,
        Some(known) => {
            let done = matches!(known.status, DeliveryStatus::Processed | DeliveryStatus::Dead);
            let differs = known.digest != delivery.digest;
            if done || differs {
                let outcome = if differs { Outcome::Conflicting } else { Outcome::Duplicate };
                return Decision { outcome, changes: [].into(), entry: view.entry.clone() };
            }
            delivery.attempts = known.attempts;
            Some(known.attempts)
        }
    };
    let Some(fact) = fact else {
        let delivery = delivery.processed(Outcome::Acknowledged, now);
        let changes = [Change::Log { delivery, expected }].into();
        return Decision { outcome: Outcome::Acknowledged, changes, entry: None };
    };
    let mut decision = decide(view, fact, now, policy);
    let delivery = match decision.outcome {
        // The user must be fetched first; the worker does that and then applies this delivery.
        Outcome::Unknown => delivery.pending("no record of this user yet", now),
        outcome => delivery.processed(outcome, now),
    };
    decision.changes.push(Change::Log { delivery, expected });
    decision
}
