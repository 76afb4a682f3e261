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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

/// What a verified delivery says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Something about a user.
    Fact(Fact),
    /// Nothing that is kept: another event, or a type not known.
    Nothing,
    /// Something about another Clerk instance.
    Foreign,
    /// Nobody can tell. A retry would not help, so it becomes a dead letter, and the user it may be about
    /// is compared with Clerk.
    Unreadable {
        /// A [`Fact::Doubted`] about the user, if an id can be found.
        about: Option<Fact>,
        /// What is wrong with it, without repeating it.
        reason: &'static str,
    },
}

impl Content {
    /// The fact to be joined, if there is one.
    pub const fn fact(&self) -> Option<&Fact> {
        match self {
            Self::Fact(fact) => Some(fact),
            Self::Unreadable { about, .. } => about.as_ref(),
            Self::Nothing | Self::Foreign => None,
        }
    }
}

/// Judges a delivery: a repeated one ends here, every other is logged in the same commit as its effect.
pub fn receive(
    view: &View,
    delivery: &Delivery,
    content: &Content,
    now: Timestamp,
    policy: &RolePolicy,
) -> Decision {
    let mut delivery = delivery.clone();
    if let Some(known) = view.delivery {
        let differs = known.digest != delivery.digest;
        if differs || matches!(known.status, DeliveryStatus::Processed | DeliveryStatus::Dead) {
            let outcome = if differs { Outcome::Conflicting } else { Outcome::Duplicate };
            return Decision { outcome, changes: [].into(), entry: view.entry.clone() };
        }
        delivery.attempts = known.attempts;
    }
    let mut decision = match content.fact() {
        Some(fact) => decide(view, fact, now, policy),
        None => Decision { outcome: Outcome::Acknowledged, changes: [].into(), entry: None },
    };
    let delivery = match content {
        // The user must be fetched first; a worker does that and then applies this delivery.
        Content::Fact(_) if decision.outcome == Outcome::Unknown => {
            delivery.pending("no record of this user yet", now)
        }
        Content::Fact(_) | Content::Nothing => delivery.processed(decision.outcome, now),
        Content::Foreign => {
            decision.outcome = Outcome::ForeignInstance;
            delivery.processed(Outcome::ForeignInstance, now)
        }
        Content::Unreadable { reason, .. } => {
            decision.outcome = Outcome::Unreadable;
            delivery.dead(Outcome::Unreadable, reason)
        }
    };
    let expected = view.delivery.map(|known| known.attempts);
    decision.changes.push(Change::Log { delivery, expected });
    decision
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::{Entry, Source, Tombstone};

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId::parse("msg_1").unwrap(),
            event_type: "user.deleted".into(),
            user_id: None,
            received_at: NOW,
            digest: [1; 32],
            body: None,
            status: DeliveryStatus::Pending,
            attempts: 0,
            outcome: None,
            error: None,
            processed_at: None,
            due_at: None,
        }
    }

    fn user() -> UserId {
        UserId::parse("user_1").unwrap()
    }

    fn known(status: DeliveryStatus, digest: u8) -> View {
        let state = DeliveryState { status, attempts: 3, digest: [digest; 32] };
        View { delivery: Some(state), ..View::default() }
    }

    fn judge(view: &View, content: &Content) -> (Outcome, Vec<Change>) {
        let decision = receive(view, &delivery(), content, NOW, &RolePolicy::default());
        (decision.outcome, decision.changes)
    }

    fn logged(changes: &[Change]) -> (DeliveryStatus, u32, Option<u32>) {
        match changes.last() {
            Some(Change::Log { delivery, expected }) => (delivery.status, delivery.attempts, *expected),
            _ => panic!("nothing was logged"),
        }
    }

    #[test]
    fn the_event_and_its_effect_are_one_commit() {
        let deleted = Fact::Deleted { id: user(), at: NOW, source: Source::Webhook };
        let (outcome, changes) = judge(&View::default(), &Content::Fact(deleted.clone()));
        assert_eq!(outcome, Outcome::Deleted);
        let tombstone = Tombstone { id: user(), at: NOW, source: Source::Webhook };
        assert_eq!(changes[0], Change::Bury { tombstone, expected: None });
        assert_eq!(logged(&changes), (DeliveryStatus::Processed, 1, None));
    }

    #[test]
    fn a_known_delivery_ends_unless_it_is_still_to_be_done() {
        let deleted = Fact::Deleted { id: user(), at: NOW, source: Source::Webhook };
        let content = Content::Fact(deleted.clone());
        for status in [DeliveryStatus::Processed, DeliveryStatus::Dead] {
            assert_eq!(judge(&known(status, 1), &content), (Outcome::Duplicate, Vec::new()));
        }
        for status in DeliveryStatus::ALL {
            assert_eq!(judge(&known(status, 2), &content), (Outcome::Conflicting, Vec::new()));
        }
        for status in [DeliveryStatus::Pending, DeliveryStatus::Failed] {
            let (outcome, changes) = judge(&known(status, 1), &content);
            assert_eq!(outcome, Outcome::Deleted);
            assert_eq!(logged(&changes), (DeliveryStatus::Processed, 4, Some(3)));
        }
    }

    #[test]
    fn a_sign_in_of_an_unknown_user_waits() {
        let fact = Fact::SignedIn { id: user(), at: NOW };
        let (outcome, changes) = judge(&View::default(), &Content::Fact(fact.clone()));
        assert_eq!((outcome, logged(&changes)), (Outcome::Unknown, (DeliveryStatus::Pending, 0, None)));
    }

    #[test]
    fn what_says_nothing_is_kept_all_the_same() {
        let (outcome, changes) = judge(&View::default(), &Content::Nothing);
        assert_eq!((outcome, logged(&changes).0), (Outcome::Acknowledged, DeliveryStatus::Processed));
        let (outcome, changes) = judge(&View::default(), &Content::Foreign);
        assert_eq!((outcome, logged(&changes).0), (Outcome::ForeignInstance, DeliveryStatus::Processed));
        let about = Fact::Doubted { id: user() };
        let content = Content::Unreadable { about: Some(about), reason: "no id" };
        let gone = Entry::Gone(Tombstone { id: user(), at: NOW, source: Source::Webhook });
        let (outcome, changes) = judge(&View { entry: Some(gone), ..View::default() }, &content);
        assert_eq!((outcome, logged(&changes).0), (Outcome::Unreadable, DeliveryStatus::Dead));
    }

    #[test]
    fn attempts_end_in_a_dead_letter() {
        let mut delivery = delivery();
        for attempt in 1..MAX_ATTEMPTS {
            delivery = delivery.failed("no", NOW, retry_after_ms(attempt));
            assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Failed, attempt));
        }
        let dead = delivery.failed("no", NOW, 0);
        assert_eq!((dead.status, dead.due_at), (DeliveryStatus::Dead, None));
        assert_eq!((retry_after_ms(0), retry_after_ms(3), retry_after_ms(99)), (1_000, 8_000, 600_000));
    }
}
