//! The database of the model: the testkit's [`State`], which is what a store means, and `decide` and
//! `receive` themselves. A state of the model holds a number; what is behind it is kept here once, and what
//! is decided on it and committed to it is worked out once. Both are functions, so nothing is lost by that.

use clerk_sync_core::{
    Change, Commit, Content, Decision, Delivery, DeliveryStatus, Entry, Fact, Outcome, Record, Repair,
    Revision, RolePolicy, Snapshot, Source, Subject, Tombstone, Via, decide, receive,
};
use clerk_sync_testkit::State;
use clerk_sync_testkit::sample::{NOW, delivery};
use indexmap::IndexMap;
use indexmap::map::Entry as Slot;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::clerk::{Clerk, EVENTS, USERS, id_of};
use crate::invariants;
use crate::violation::Violation;

const POLICY: RolePolicy = RolePolicy::FirstUserAdmin;

/// What brings a fact, and what the fact depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cause {
    /// A webhook; `replayed` by an operator under a new id.
    Webhook { event: u8, replayed: bool },
    /// The worker goes on with a delivery that waits, and had so many attempts when it was taken.
    Retry { event: u8, replayed: bool, taken: u8 },
    /// Clerk's answer as of `at`, for somebody who is waiting.
    Lookup { user: u8, at: u8 },
    /// What the token of somebody who is waiting says, as of `at`.
    Claims { user: u8, at: u8 },
    /// Clerk's answer as of `at` to a repair. `current`: nothing was written since the repair began.
    Repaired { user: u8, at: u8, current: bool },
    /// Clerk said twice to a repair that there is no such user.
    Absent { user: u8, current: bool },
    /// An entry of Clerk's list as of `at`, with the ids the sweep had read here before it.
    Listed { user: u8, at: u8, local: u8 },
    /// The list as of `at` lacks a user who is here.
    Unlisted { user: u8, at: u8, local: u8 },
}

impl Cause {
    pub(crate) fn delivery(self) -> Option<(u8, bool)> {
        match self {
            Self::Webhook { event, replayed } | Self::Retry { event, replayed, .. } => {
                Some((event, replayed))
            }
            _ => None,
        }
    }

    /// The same, now that something was written to the users in `moved`.
    ///
    /// Revisions grow without end, and would make a model without end. They are only ever compared with what
    /// the record has now, and never come back: so all that can matter of one in flight is whether it is
    /// still the record's. In the database of the model every record is at the first revision, a fence is
    /// "current" or not, and a decision made on a revision that has moved is thrown away, since its commit
    /// could only be stale.
    pub(crate) fn overtaken(self, moved: u8) -> Self {
        match self {
            Self::Repaired { user, at, current } => {
                Self::Repaired { user, at, current: current && moved >> user & 1 == 0 }
            }
            Self::Absent { user, current } => {
                Self::Absent { user, current: current && moved >> user & 1 == 0 }
            }
            other => other,
        }
    }

    fn fact(self, clerk: &Clerk) -> Fact {
        let fence = |current| if current { Revision::FIRST } else { Revision(0) };
        let snapshot = |user: u8, at| -> Snapshot {
            clerk.snapshot(usize::from(user), at).expect("read of a user there is").clone()
        };
        match self {
            Self::Webhook { event, .. } | Self::Retry { event, .. } => clerk.fact(event).clone(),
            Self::Lookup { user, at } => {
                Fact::Snapshot { snapshot: snapshot(user, at), via: Via::Lookup { impersonated: false } }
            }
            Self::Claims { user, at } => Fact::Claims {
                id: id_of(usize::from(user)),
                profile: clerk.claims(usize::from(user), at).expect("a token of a user there is"),
                impersonated: false,
            },
            Self::Repaired { user, at, current } => {
                Fact::Repaired { snapshot: snapshot(user, at), fence: fence(current) }
            }
            Self::Absent { user, current } => {
                Fact::Absent { id: id_of(usize::from(user)), at: NOW, fence: fence(current) }
            }
            Self::Listed { user, at, .. } => Fact::Snapshot { snapshot: snapshot(user, at), via: Via::Sweep },
            Self::Unlisted { user, .. } => Fact::Doubted { id: id_of(usize::from(user)) },
        }
    }
}

/// The delivery a webhook comes as.
pub(crate) fn delivery_of(clerk: &Clerk, event: u8, replayed: bool) -> Delivery {
    let name = if replayed { format!("{event}_again") } else { event.to_string() };
    let user_id = clerk.fact(event).user_id().clone();
    Delivery { user_id: Some(user_id), digest: [event; 32], body: None, received_at: NOW, ..delivery(&name) }
}

/// The answer to a commit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed {
    /// The database after it; `None`: stale.
    pub(crate) database: Option<u32>,
    /// Users whose revision moved, a bit each.
    pub(crate) moved: u8,
    pub(crate) broken: Option<Violation>,
}

/// What the model asks of a database at every step, worked out once. Sets of users are a bit each, sets of
/// deliveries a bit each by [`bit`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Summary {
    pub(crate) live: u8,
    pub(crate) gone: u8,
    pub(crate) dirty: u8,
    pub(crate) logged: u16,
    /// Deliveries whose effect is still to be applied.
    pub(crate) waiting: u16,
    wrong: Option<Violation>,
    differs: Option<Violation>,
}

/// The bit of a delivery.
pub(crate) fn bit((event, replayed): (u8, bool)) -> u16 {
    1 << (usize::from(event) + if replayed { EVENTS } else { 0 })
}

/// Every delivery there may be.
pub(crate) fn deliveries(clerk: &Clerk) -> impl Iterator<Item = (u8, bool)> + use<> {
    (0..clerk.len()).flat_map(|event| [(event, false), (event, true)])
}

impl Summary {
    fn of(clerk: &Clerk, state: &State) -> Self {
        let mut summary = Self {
            wrong: invariants::of_state(clerk, state),
            differs: invariants::of_quiet(clerk, state),
            ..Self::default()
        };
        for user in 0..USERS {
            match state.record(&id_of(user)) {
                Some(Entry::Live(record)) => {
                    summary.live |= 1 << user;
                    summary.dirty |= u8::from(record.is_dirty()) << user;
                }
                Some(Entry::Gone(_)) => summary.gone |= 1 << user,
                None => {}
            }
        }
        for of in deliveries(clerk) {
            if let Some(known) = state.delivery(&delivery_of(clerk, of.0, of.1).id) {
                summary.logged |= bit(of);
                if matches!(known.status, DeliveryStatus::Pending | DeliveryStatus::Failed) {
                    summary.waiting |= bit(of);
                }
            }
        }
        summary
    }

    /// In what the database differs from Clerk at the end of the script.
    pub(crate) fn differs(&self) -> Option<Violation> {
        self.differs
    }

    /// What is wrong with the database whatever else is going on.
    pub(crate) fn wrong(&self) -> Option<Violation> {
        self.wrong
    }
}

/// Databases and decisions by number.
#[derive(Default)]
pub(crate) struct Ledger {
    states: IndexMap<State, Summary, FxBuildHasher>,
    /// Each with the users on whose revision it was made.
    decisions: IndexMap<Decision, u8, FxBuildHasher>,
    decided: FxHashMap<(u32, Cause), u32>,
    committed: FxHashMap<(u32, u32), Committed>,
}

impl Ledger {
    pub(crate) fn keep(&mut self, clerk: &Clerk, state: State) -> u32 {
        let entry = self.states.entry(state);
        let index = entry.index();
        if let Slot::Vacant(vacant) = entry {
            let summary = Summary::of(clerk, vacant.key());
            vacant.insert(summary);
        }
        index as u32
    }

    fn keep_decision(&mut self, decision: Decision) -> u32 {
        let expects = expected(&decision.changes);
        self.decisions.insert_full(decision, expects).0 as u32
    }

    pub(crate) fn summary(&self, database: u32) -> &Summary {
        self.states.get_index(database as usize).expect("a kept state").1
    }

    pub(crate) fn state(&self, database: u32) -> &State {
        self.states.get_index(database as usize).expect("a kept state").0
    }

    pub(crate) fn decision(&self, decision: u32) -> &Decision {
        self.decisions.get_index(decision as usize).expect("a kept decision").0
    }

    /// `store.view`, then `decide` or `receive`.
    pub(crate) fn decide(&mut self, clerk: &Clerk, database: u32, cause: Cause) -> u32 {
        if let Some(decision) = self.decided.get(&(database, cause)) {
            return *decision;
        }
        let fact = cause.fact(clerk);
        let delivery = cause.delivery().map(|(event, replayed)| delivery_of(clerk, event, replayed));
        let subject = Subject::of(Some(&fact), delivery.as_ref().map(|delivery| &delivery.id));
        let view = self.state(database).view(&subject);
        let decision = match &delivery {
            Some(delivery) => receive(&view, delivery, &Content::Fact(fact), NOW, &POLICY),
            None => decide(&view, &fact, NOW, &POLICY),
        };
        let index = self.keep_decision(decision);
        self.decided.insert((database, cause), index);
        index
    }

    /// A decision about the event log alone: the delivery is parked, or closed.
    pub(crate) fn logging(&mut self, delivery: Delivery, expected: Option<u32>) -> u32 {
        let changes = vec![Change::Log { delivery, expected }];
        self.keep_decision(Decision { outcome: Outcome::Unknown, changes, entry: None })
    }

    /// `store.commit`.
    pub(crate) fn commit(&mut self, clerk: &Clerk, database: u32, decision: u32) -> Committed {
        if let Some(committed) = self.committed.get(&(database, decision)) {
            return *committed;
        }
        let before = self.state(database).clone();
        let decided = self.decision(decision).clone();
        let mut after = before.clone();
        let committed = match after.commit(&decided.changes) {
            Commit::Stale => Committed { database: None, moved: 0, broken: None },
            Commit::Done => Committed {
                moved: moved(&before, &after),
                broken: invariants::of_commit(&before, &after, &decided),
                database: Some(self.keep(clerk, normal(clerk, &after))),
            },
        };
        self.committed.insert((database, decision), committed);
        committed
    }

    /// Everything that was ever decided.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.decisions.keys().map(|decision| decision.outcome)
    }

    /// Whether the decision was made on a revision of one of the users in `moved`.
    pub(crate) fn expects(&self, decision: u32, moved: u8) -> bool {
        self.decisions.get_index(decision as usize).expect("a kept decision").1 & moved != 0
    }
}

/// The users on whose revision the changes were decided.
fn expected(changes: &[Change]) -> u8 {
    let mask = |change: &Change| {
        let id = match change {
            Change::Update { record, .. } => &record.id,
            Change::Bury { tombstone, expected: Some(_) } => &tombstone.id,
            _ => return 0,
        };
        (0..USERS).filter(|user| id_of(*user) == *id).fold(0, |mask, user| mask | 1 << user)
    };
    changes.iter().map(mask).fold(0, |all, mask| all | mask)
}

fn moved(before: &State, after: &State) -> u8 {
    (0..USERS)
        .filter(|user| {
            let id = id_of(*user);
            before.record(&id).and_then(Entry::live).is_some_and(|before| {
                after.record(&id).and_then(Entry::live).is_none_or(|after| after.rev != before.rev)
            })
        })
        .fold(0, |mask, user| mask | 1 << user)
}

/// The state without what no later decision and no invariant looks at: where a record came from, what became
/// of a delivery in words, times (all now), how often a repair was put off. Due times are "now": in the
/// model a lease keeps nobody off, as if every worker were paused for longer than its lease.
fn normal(clerk: &Clerk, state: &State) -> State {
    let mut changes: Vec<Change> = Vec::new();
    for entry in state.entries(None, USERS as u32) {
        changes.push(match entry {
            Entry::Live(record) => Change::Insert(Record {
                rev: Revision::FIRST,
                repair: record.repair.map(|_| Repair { due_at: NOW, attempts: 0 }),
                source: Source::Webhook,
                ..record
            }),
            Entry::Gone(tombstone) => Change::Bury {
                tombstone: Tombstone { at: NOW, source: Source::Webhook, ..tombstone },
                expected: None,
            },
        });
    }
    changes.extend(state.first_admin().cloned().map(Change::ClaimFirstAdmin));
    for (event, replayed) in deliveries(clerk) {
        if let Some(known) = state.delivery(&delivery_of(clerk, event, replayed).id) {
            let waits = matches!(known.status, DeliveryStatus::Pending | DeliveryStatus::Failed);
            let delivery = Delivery {
                outcome: None,
                error: None,
                processed_at: None,
                due_at: waits.then_some(NOW),
                ..known.clone()
            };
            changes.push(Change::Log { delivery, expected: None });
        }
    }
    let mut normal = State::default();
    assert_eq!(normal.commit(&changes), Commit::Done, "a state is made of what it is made of");
    normal
}

const _: () = assert!(EVENTS <= 8 && USERS <= 8, "events and users fit the bits of a byte");
