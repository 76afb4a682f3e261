use std::collections::{BTreeMap, BTreeSet};

use clerk_sync_core::{
    Change, Commit, Delivery, DeliveryId, DeliveryState, Entry, Record, Subject, Timestamp, UserId, View,
};

use super::uniqueness::{email_rivals, holds_a_key_twice, username_rivals};

/// What a store holds, as plain data, with the meaning of every method of
/// [`Store`](clerk_sync_core::port::Store) and [`Inspect`](clerk_sync_core::port::Inspect) written down as
/// simply as it can be: everything is found by looking at everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    pub(super) entries: BTreeMap<UserId, Entry>,
    pub(super) first_admin: Option<UserId>,
    pub(super) deliveries: BTreeMap<DeliveryId, Delivery>,
    pub(super) notes: BTreeMap<String, String>,
}

/// What a commit has replaced so far, to be put back if it turns out stale.
#[derive(Default)]
struct Undo {
    entries: Vec<(UserId, Option<Entry>)>,
    deliveries: Vec<(DeliveryId, Option<Delivery>)>,
    notes: Vec<(String, Option<String>)>,
    first_admin: bool,
}

/// A change found its expectation broken.
struct Broken;

impl State {
    /// What is stored under `id`.
    pub fn record(&self, id: &UserId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// A delivery's entry in the event log.
    pub fn delivery(&self, id: &DeliveryId) -> Option<&Delivery> {
        self.deliveries.get(id)
    }

    /// Who has the claim to be the first administrator.
    pub fn first_admin(&self) -> Option<&UserId> {
        self.first_admin.as_ref()
    }

    /// The text of a note.
    pub fn note(&self, name: &str) -> Option<&String> {
        self.notes.get(name)
    }

    /// All records, in the order of their ids.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.entries.values().filter_map(Entry::live)
    }

    /// What [`decide`](clerk_sync_core::decide) has to see to judge a fact about `subject`.
    pub fn view(&self, subject: &Subject) -> View {
        let entry = subject.id.as_ref().and_then(|id| self.entries.get(id)).cloned();
        let own = entry.as_ref().and_then(Entry::live);
        let keys = |of_fact: &[String], of_record: [Option<&str>; 2]| -> BTreeSet<String> {
            of_fact.iter().cloned().chain(of_record.into_iter().flatten().map(String::from)).collect()
        };
        let email_keys = keys(
            &subject.email_keys,
            [own.and_then(Record::email_claim_key), own.and_then(Record::email_key)],
        );
        let username_keys = keys(
            &subject.username_keys,
            [own.and_then(Record::username_claim_key), own.and_then(Record::username_key)],
        );
        let others: Vec<&Record> =
            self.records().filter(|record| subject.id.as_ref() != Some(&record.id)).collect();
        let mut rivals: BTreeMap<&UserId, &Record> = BTreeMap::new();
        for key in &email_keys {
            rivals.extend(email_rivals(&others, key).map(|record| (&record.id, record)));
        }
        for key in &username_keys {
            rivals.extend(username_rivals(&others, key).map(|record| (&record.id, record)));
        }
        View {
            rivals: rivals.into_values().cloned().collect(),
            first_admin: self.first_admin.clone(),
            delivery: subject.delivery.as_ref().and_then(|id| self.deliveries.get(id)).map(|delivery| {
                DeliveryState {
                    status: delivery.status,
                    attempts: delivery.attempts,
                    digest: delivery.digest,
                }
            }),
            entry,
        }
    }

    /// Applies all changes, in order, or none.
    pub fn commit(&mut self, changes: &[Change]) -> Commit {
        let mut undo = Undo::default();
        let applied = changes.iter().try_for_each(|change| self.apply(change, &mut undo));
        // What must be unique is judged once all changes are made, so two records may swap a value.
        let unique = || !undo.entries.iter().any(|(id, _)| holds_a_key_twice(&self.entries, id));
        if applied.is_ok() && unique() {
            return Commit::Done;
        }
        self.roll_back(undo);
        Commit::Stale
    }

    /// Takes up to `limit` dirty records that are due, oldest due first, and leases them until
    /// `lease_until`.
    pub fn take_repairs(&mut self, now: Timestamp, lease_until: Timestamp, limit: u32) -> Vec<Record> {
        let mut due: Vec<(Timestamp, UserId)> = self
            .records()
            .filter_map(|record| record.repair.map(|repair| (repair.due_at, record.id.clone())))
            .filter(|(due_at, _)| *due_at <= now)
            .collect();
        due.sort();
        due.truncate(limit as usize);
        let mut taken = Vec::new();
        for (_, id) in due {
            if let Some(Entry::Live(record)) = self.entries.get_mut(&id)
                && let Some(repair) = &mut record.repair
            {
                repair.due_at = lease_until;
                taken.push(record.clone());
            }
        }
        taken
    }

    /// Takes up to `limit` deliveries that wait and are due, oldest due first, and leases them until
    /// `lease_until`.
    pub fn take_deliveries(&mut self, now: Timestamp, lease_until: Timestamp, limit: u32) -> Vec<Delivery> {
        let mut due: Vec<(Timestamp, DeliveryId)> = self
            .deliveries
            .values()
            .filter(|delivery| super::inspect::waits(delivery))
            .filter_map(|delivery| delivery.due_at.map(|due_at| (due_at, delivery.id.clone())))
            .filter(|(due_at, _)| *due_at <= now)
            .collect();
        due.sort();
        due.truncate(limit as usize);
        let mut taken = Vec::new();
        for (_, id) in due {
            if let Some(delivery) = self.deliveries.get_mut(&id) {
                delivery.due_at = Some(lease_until);
                taken.push(delivery.clone());
            }
        }
        taken
    }

    fn apply(&mut self, change: &Change, undo: &mut Undo) -> Result<(), Broken> {
        match change {
            Change::Insert(record) => {
                if self.entries.contains_key(&record.id) {
                    return Err(Broken);
                }
                self.put(&record.id, Entry::Live(record.clone()), undo);
            }
            Change::Update { record, expected } => {
                if self.live(&record.id).is_none_or(|stored| stored.rev != *expected) {
                    return Err(Broken);
                }
                self.put(&record.id, Entry::Live(record.clone()), undo);
            }
            Change::Bury { tombstone, expected } => {
                let as_expected = match expected {
                    None => !self.entries.contains_key(&tombstone.id),
                    Some(rev) => self.live(&tombstone.id).is_some_and(|stored| stored.rev == *rev),
                };
                if !as_expected {
                    return Err(Broken);
                }
                self.put(&tombstone.id, Entry::Gone(tombstone.clone()), undo);
            }
            Change::ClaimFirstAdmin(id) => {
                if self.first_admin.is_some() {
                    return Err(Broken);
                }
                self.first_admin = Some(id.clone());
                undo.first_admin = true;
            }
            Change::Log { delivery, expected } => {
                if self.deliveries.get(&delivery.id).map(|stored| stored.attempts) != *expected {
                    return Err(Broken);
                }
                let before = self.deliveries.insert(delivery.id.clone(), delivery.clone());
                undo.deliveries.push((delivery.id.clone(), before));
            }
            Change::Note { name, value, expected } => {
                if self.notes.get(name) != expected.as_ref() {
                    return Err(Broken);
                }
                let before = self.notes.insert(name.clone(), value.clone());
                undo.notes.push((name.clone(), before));
            }
            Change::PostponeRepair { id, expected, repair } => {
                if let Some(stored) = self.live(id)
                    && stored.rev == *expected
                {
                    let record = Record { repair: Some(*repair), ..stored.clone() };
                    self.put(id, Entry::Live(record), undo);
                }
            }
        }
        Ok(())
    }

    fn live(&self, id: &UserId) -> Option<&Record> {
        self.entries.get(id).and_then(Entry::live)
    }

    fn put(&mut self, id: &UserId, entry: Entry, undo: &mut Undo) {
        let before = self.entries.insert(id.clone(), entry);
        undo.entries.push((id.clone(), before));
    }

    fn roll_back(&mut self, undo: Undo) {
        for (id, before) in undo.entries.into_iter().rev() {
            match before {
                Some(entry) => self.entries.insert(id, entry),
                None => self.entries.remove(&id),
            };
        }
        for (id, before) in undo.deliveries.into_iter().rev() {
            match before {
                Some(delivery) => self.deliveries.insert(id, delivery),
                None => self.deliveries.remove(&id),
            };
        }
        for (name, before) in undo.notes.into_iter().rev() {
            match before {
                Some(value) => self.notes.insert(name, value),
                None => self.notes.remove(&name),
            };
        }
        if undo.first_admin {
            self.first_admin = None;
        }
    }
}
