//! What must hold after every commit, at every answer, and in the end.

use std::collections::BTreeMap;

use clerk_sync_core::{Change, DeliveryId, DeliveryStatus, Entry, Record, Repair, Role, Source, UserId};

use crate::Mode;
use crate::cover::{Cover, Goal};
use crate::notes;
use crate::world::{World, wait};

/// A rule that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Which, in the same words for every seed.
    pub(crate) rule: &'static str,
    pub(crate) detail: String,
}

/// The database as it was after the last commit, and the first rule broken.
#[derive(Default)]
pub(crate) struct Monitor {
    entries: BTreeMap<UserId, Entry>,
    /// When each of them was stored first, in milliseconds: a store may be slow, so that is later than a record says.
    stored_ms: BTreeMap<UserId, u64>,
    deliveries: BTreeMap<DeliveryId, DeliveryStatus>,
    first_admin: Option<UserId>,
    acknowledged: Vec<DeliveryId>,
    /// Who took a repair last: the replica, and the record as it was taken.
    leases: BTreeMap<UserId, (usize, Record)>,
    /// Whether a record was ever made by somebody who may become the first administrator.
    was_settled_by_webhook: bool,
    pub(crate) broken: Option<Violation>,
}

impl Monitor {
    pub(crate) fn break_rule(&mut self, rule: &'static str, detail: impl FnOnce() -> String) {
        if self.broken.is_none() {
            self.broken = Some(Violation { rule, detail: detail() });
        }
    }

    pub(crate) fn is_gone(&self, id: &UserId) -> bool {
        matches!(self.entries.get(id), Some(Entry::Gone(_)))
    }

    /// When something was first stored about a user, in milliseconds.
    pub(crate) fn stored_ms(&self, id: &UserId) -> Option<u64> {
        self.stored_ms.get(id).copied()
    }

    /// What is stored about a user.
    pub(crate) fn entry(&self, id: &UserId) -> Option<&Entry> {
        self.entries.get(id)
    }

    pub(crate) fn acknowledge(&mut self, id: DeliveryId) {
        self.acknowledged.push(id);
    }

    /// Nothing waits: no dirty record, no delivery unapplied.
    pub(crate) fn is_quiet(&self) -> bool {
        let dirty = self.entries.values().filter_map(Entry::live).any(Record::is_dirty);
        let waits = |status| matches!(status, DeliveryStatus::Pending | DeliveryStatus::Failed);
        !dirty && !self.deliveries.values().copied().any(waits)
    }

    /// What waits, for the story of a run that never gets quiet.
    pub(crate) fn waiting(&self) -> String {
        let dirty: Vec<_> = self.entries.values().filter_map(Entry::live).filter(|r| r.is_dirty()).collect();
        format!("{dirty:?} {:?}", self.deliveries)
    }

    /// A replica took repairs.
    pub(crate) fn leased(&mut self, replica: usize, taken: &[Record], cover: &mut Cover) {
        for record in taken {
            let before = self.leases.insert(record.id.clone(), (replica, record.clone()));
            if before.is_some_and(|(other, old)| other != replica && old.rev == record.rev) {
                cover.hit(Goal::LeaseLost);
            }
            if let Some(Entry::Live(known)) = self.entries.get_mut(&record.id) {
                known.repair = record.repair;
            }
        }
    }

    /// The entry of a user after a commit.
    fn see_entry(&mut self, id: &UserId, entry: Entry, now_ms: u64, cover: &mut Cover) {
        self.stored_ms.entry(id.clone()).or_insert(now_ms);
        let before = self.entries.get(id);
        match (before, &entry) {
            (Some(Entry::Gone(_)), Entry::Live(_)) => {
                return self
                    .break_rule("deleted stays deleted", || format!("{id} is alive again: {entry:?}"));
            }
            (Some(Entry::Live(before)), Entry::Live(after)) => {
                if let Some(rule) = regressed(before, after) {
                    let detail = format!("{before:?}\n  became {after:?}");
                    return self.break_rule(rule, || detail);
                }
                note_moves(before, after, cover);
            }
            (None, Entry::Gone(_)) => cover.hit(Goal::BuriedUnknown),
            (None, Entry::Live(record)) => match record.source {
                Source::Lookup => cover.hit(Goal::JustInTime),
                Source::Claims => cover.hit(Goal::FromClaims),
                Source::Webhook | Source::Sweep => self.was_settled_by_webhook = true,
                Source::Repair => {}
            },
            _ => {}
        }
        self.entries.insert(id.clone(), entry);
    }

    fn see_delivery(&mut self, id: &DeliveryId, status: DeliveryStatus) {
        let before = self.deliveries.insert(id.clone(), status);
        if before == Some(DeliveryStatus::Processed) {
            self.break_rule("a delivery is applied once", || {
                format!("{} again, now {status:?}", id.as_str())
            });
        }
    }

    fn see_admin(&mut self, admin: Option<UserId>) {
        if self.first_admin.is_some() && self.first_admin != admin {
            let before = self.first_admin.clone();
            self.break_rule("one first administrator", || format!("{before:?} became {admin:?}"));
        }
        self.first_admin = admin;
    }

    /// Unique fields are unique, and nobody but the holder of the claim is an administrator.
    fn check_all(&mut self) {
        let live: Vec<&Record> = self.entries.values().filter_map(Entry::live).collect();
        let mut broken = None;
        for (place, record) in live.iter().enumerate() {
            for other in live.iter().skip(place + 1) {
                let email = record.email_key().is_some() && record.email_key() == other.email_key();
                let username =
                    record.username_key().is_some() && record.username_key() == other.username_key();
                if email || username {
                    broken = Some(("unique stays unique", format!("{record:?}\n  and {other:?}")));
                }
            }
            if record.role == Some(Role::admin()) && self.first_admin.as_ref() != Some(&record.id) {
                let claim = &self.first_admin;
                broken = Some(("one first administrator", format!("{record:?}, the claim: {claim:?}")));
            }
        }
        if let Some((rule, detail)) = broken {
            self.break_rule(rule, || detail);
        }
    }
}

/// The rule by which a record may not have become what it is.
fn regressed(before: &Record, after: &Record) -> Option<&'static str> {
    if after.version < before.version {
        return Some("versions never fall");
    }
    if after.rev < before.rev {
        return Some("revisions never fall");
    }
    let blind = |record: &Record| Record { repair: None, ..record.clone() };
    let same_repair = before.repair.is_some() == after.repair.is_some();
    if after.rev == before.rev && !(same_repair && blind(before) == blind(after)) {
        return Some("a changed record has a new revision");
    }
    None
}

fn note_moves(before: &Record, after: &Record, cover: &mut Cover) {
    let lost = |before: Option<&str>, after: Option<&str>, claim: Option<&str>| {
        before.is_some() && after.is_none() && claim == before
    };
    let found = |before: Option<&str>, after: Option<&str>, old_claim: Option<&str>| {
        before.is_none() && after.is_some() && old_claim == after
    };
    if lost(before.email_key(), after.email_key(), after.email_claim_key())
        || lost(before.username_key(), after.username_key(), after.username_claim_key())
    {
        cover.hit(Goal::Stolen);
    }
    if found(before.email_key(), after.email_key(), before.email_claim_key())
        || found(before.username_key(), after.username_key(), before.username_claim_key())
    {
        cover.hit(Goal::Returned);
    }
}

/// What a commit touches.
pub(crate) enum Touch {
    User(UserId),
    Delivery(DeliveryId, DeliveryStatus, Option<String>),
    FirstAdmin,
    Note(String, String),
}

impl Touch {
    pub(crate) fn of(change: &Change) -> Self {
        match change {
            Change::Insert(record) | Change::Update { record, .. } => Self::User(record.id.clone()),
            Change::Bury { tombstone, .. } => Self::User(tombstone.id.clone()),
            Change::PostponeRepair { id, .. } => Self::User(id.clone()),
            Change::ClaimFirstAdmin(_) => Self::FirstAdmin,
            Change::Note { name, value, .. } => Self::Note(name.clone(), value.clone()),
            Change::Log { delivery, .. } => {
                Self::Delivery(delivery.id.clone(), delivery.status, delivery.outcome.clone())
            }
        }
    }
}

/// Looks at what a commit has touched, in the database itself.
pub(crate) fn after_commit(world: &World, replica: usize, touched: &[Touch]) {
    for touch in touched {
        match touch {
            Touch::User(id) => {
                let entry = wait(world.store.record(id)).unwrap();
                let mut state = world.state();
                let state = &mut *state;
                if let Some(entry) = entry {
                    if let Some(log) = &mut state.log {
                        log.push(format!("{:>8} ms      now {}", state.now_ms, shown(&entry)));
                    }
                    if entry.live().is_some() && !state.monitor.entries.contains_key(id) {
                        state.last_created_ms = state.now_ms;
                    }
                    state.monitor.see_entry(id, entry, state.now_ms, &mut state.cover);
                } else if state.monitor.entries.contains_key(id) {
                    state.monitor.break_rule("no row is removed", || id.to_string());
                }
            }
            Touch::Delivery(id, status, outcome) => {
                let mut state = world.state();
                match (outcome.as_deref(), status) {
                    (Some("tie"), _) => state.cover.hit(Goal::Ties),
                    (Some("unreadable"), _) => state.cover.hit(Goal::Unreadable),
                    (Some("foreign_instance"), _) => state.cover.hit(Goal::Foreign),
                    (_, DeliveryStatus::Pending) => state.cover.hit(Goal::Parked),
                    _ => {}
                }
                state.say(|| format!("    log {} {status:?} {outcome:?}", id.as_str()));
                state.monitor.see_delivery(id, *status);
            }
            Touch::Note(name, value) => notes::written(world, replica, name, value),
            Touch::FirstAdmin => {
                let subject = clerk_sync_core::Subject::of(None, None);
                let view = wait(world.store.view(&subject)).unwrap();
                world.state().monitor.see_admin(view.first_admin);
            }
        }
    }
    world.state().monitor.check_all();
}

fn shown(entry: &Entry) -> String {
    match entry {
        Entry::Live(record) => format!(
            "{} rev {} version {:?} email {:?} of {:?} username {:?} dirty {:?} by {:?}",
            record.id,
            record.rev.0,
            record.version.map(|version| version.as_millis() - crate::world::BEGIN_MS),
            record.email_key(),
            record.email_claim_key(),
            record.username_key(),
            record
                .repair
                .map(|Repair { due_at, attempts }| (due_at.as_millis() - crate::world::BEGIN_MS, attempts)),
            record.source,
        ),
        Entry::Gone(tombstone) => format!("{} gone, by {:?}", tombstone.id, tombstone.source),
    }
}

/// Nothing moves any more: the database must be what Clerk is.
pub(crate) fn in_the_end(world: &World) {
    let stored = wait(world.store.entries(None, 1_000)).unwrap();
    let mut state = world.state();
    let monitor = &mut state.monitor;
    if !stored.iter().eq(monitor.entries.values()) {
        let seen = format!("{:?}", monitor.entries);
        monitor.break_rule("nothing changes but by a commit", || format!("{stored:?}\n  and seen {seen}"));
    }
    for id in std::mem::take(&mut monitor.acknowledged) {
        if !matches!(monitor.deliveries.get(&id), Some(DeliveryStatus::Processed | DeliveryStatus::Dead)) {
            monitor.break_rule("no acknowledged webhook is lost", || id.as_str().to_owned());
        }
    }
    for (user, truth) in world.history.ends() {
        let id = crate::person::user_id(user);
        let differs = match (truth, monitor.entries.get(&id)) {
            (Some(truth), Some(Entry::Live(record))) => {
                let same_version = world.plan.is_skewed() || record.version == truth.version;
                let given = truth.profile.username.as_ref().map(|name| name.key());
                let named =
                    record.username_key().is_some() && (given.is_none() || record.username_key() == given);
                let addressed = record.email_key() == record.email_claim_key();
                !(record.profile == truth.profile && same_version && named && addressed)
            }
            (None, Some(Entry::Gone(_))) => false,
            // Whoever was never heard of needs no tombstone; a webhook would have told.
            (None, None) => world.plan.mode == Mode::NoSweeps,
            _ => true,
        };
        if differs {
            let stored = monitor.entries.get(&id).cloned();
            monitor.break_rule("every row equals Clerk's", || {
                format!("{id}: Clerk {truth:?}\n  stored {stored:?}")
            });
        }
    }
    if monitor.was_settled_by_webhook && monitor.first_admin.is_none() {
        monitor.break_rule("one first administrator", || "there are records and none is".to_owned());
    }
}

impl Monitor {
    /// The database as part of a trace.
    pub(crate) fn fold_into(&self, trace: u64) -> u64 {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        (trace, format!("{:?}{:?}{:?}", self.entries, self.deliveries, self.first_admin)).hash(&mut hasher);
        hasher.finish()
    }
}
