use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::decide::username_candidates;
use crate::{Delivery, DeliveryId, DeliveryState, Entry, Fact, Record, Revision, Tombstone, UserId};

/// What [`decide`](crate::decide) has to see before it can judge a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user the fact is about; `None` for a delivery that is about no user.
    pub id: Option<UserId>,
    /// E-mail addresses (lower-cased) the fact may claim.
    pub email_keys: Vec<String>,
    /// Usernames (lower-cased) the fact may claim or derive.
    pub username_keys: Vec<String>,
    /// The delivery that brought the fact, if one did.
    pub delivery: Option<DeliveryId>,
}

impl Subject {
    /// What must be seen to judge `fact`, brought by `delivery`.
    pub fn of(fact: Option<&Fact>, delivery: Option<&DeliveryId>) -> Self {
        let id = fact.map(|fact| fact.user_id().clone());
        let profile = fact.and_then(Fact::profile);
        let email_keys = profile
            .and_then(|profile| profile.email.as_ref())
            .map(|claim| claim.address.key().to_string())
            .into_iter()
            .collect();
        let username_keys = match (&id, profile) {
            (Some(id), Some(profile)) => {
                username_candidates(id, profile).iter().map(|name| name.key().to_string()).collect()
            }
            _ => Vec::new(),
        };
        Self { id, email_keys, username_keys, delivery: delivery.cloned() }
    }
}

/// A picture of the database, as far as one fact needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// What is stored under the subject's id.
    pub entry: Option<Entry>,
    /// Records other than the subject's that matter for what has to be unique. For each e-mail address of
    /// the subject or of its record: who holds it, and the highest other claim to it. For each username:
    /// who holds it, and the highest other claim by a given name. Any order, none twice.
    pub rivals: Vec<Record>,
    /// Who has the claim to be the first administrator.
    pub first_admin: Option<UserId>,
    /// How far the subject's delivery has come, if it is known.
    pub delivery: Option<DeliveryState>,
}

/// One change to the database. All changes of a [`Decision`](crate::Decision) are committed, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new record; stale if anything is stored under its id.
    Insert(Record),
    /// A record's new content; stale unless the stored record is at `expected`.
    Update {
        /// The record as it shall be.
        record: Record,
        /// The revision it was decided on.
        expected: Revision,
    },
    /// A tombstone in place of a record, or where none was.
    Bury {
        /// The tombstone.
        tombstone: Tombstone,
        /// The revision it was decided on; `None`: stale if anything is stored under the id.
        expected: Option<Revision>,
    },
    /// The claim to be the first administrator; stale if anybody has it.
    ClaimFirstAdmin(UserId),
    /// A delivery's entry in the event log.
    Log {
        /// The entry as it shall be.
        delivery: Delivery,
        /// How many attempts the stored entry has had; `None`: stale if the delivery is known.
        expected: Option<u32>,
    },
    /// A note of the database about itself: a lease, a checkpoint, the instance it mirrors. Stale unless the
    /// stored text is `expected`, so that of two writers one has to look again.
    Note {
        /// Its name.
        name: String,
        /// Its text from now on.
        value: String,
        /// The text it was decided on; `None`: stale if there is a note of that name.
        expected: Option<String>,
    },
    /// A failed repair's next time, without a new revision; nothing happens if the record has changed.
    PostponeRepair {
        /// The record.
        id: UserId,
        /// The revision the repair had read.
        expected: Revision,
        /// When to try again, and how often it has failed.
        repair: crate::Repair,
    },
}

/// The answer to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// All changes are durable.
    Done,
    /// Nothing was changed: a race was lost (another revision, a unique value taken, a deadlock). Look again.
    Stale,
}
