//! One order in which a world is learnt.

use std::fmt::Write;

use clerk_sync_core::{
    Change, Commit, Content, Decision, Entry, Fact, Outcome, Record, Revision, RolePolicy, Snapshot, Subject,
    Timestamp, UserId, decide, receive,
};
use clerk_sync_testkit::State;
use clerk_sync_testkit::sample::NOW;
use proptest::test_runner::TestCaseError;

use crate::check;
use crate::world::{Item, World, fact_words, words};

/// How often the dirty records are gone through until none is left.
const MAX_ROUNDS: usize = 20;

const POLICY: RolePolicy = RolePolicy::FirstUserAdmin;

/// A repair that has read the revision, and perhaps Clerk's answer.
#[derive(Clone)]
struct Repairing {
    fence: Revision,
    answer: Option<Option<Snapshot>>,
}

pub(crate) struct Run<'w> {
    world: &'w World,
    pub(crate) state: State,
    /// How much of each user's history has happened in Clerk.
    happened: Vec<usize>,
    /// Two workers may repair one user at once.
    repairs: Vec<[Option<Repairing>; 2]>,
    now: Timestamp,
    /// Whether a fact that may make an administrator has created a record.
    pub(crate) created_by_user: bool,
    trace: Option<String>,
}

impl<'w> Run<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let users = world.histories.len();
        Self {
            world,
            state: State::default(),
            happened: vec![1; users],
            repairs: vec![[None, None]; users],
            now: NOW,
            created_by_user: false,
            trace: None,
        }
    }

    pub(crate) fn tracing(world: &'w World) -> Self {
        Self { trace: Some(String::new()), ..Self::new(world) }
    }

    pub(crate) fn trace(&self) -> &str {
        self.trace.as_deref().unwrap_or_default()
    }

    /// Delivers every item at least once; `order` chooses what comes next.
    pub(crate) fn follow(&mut self, order: &[u8]) -> Result<(), TestCaseError> {
        let mut waiting: Vec<usize> = (0..self.world.items.len()).collect();
        let users = self.world.histories.len();
        for byte in order {
            self.now = self.now.plus_millis(1);
            let (kind, choice) = (byte % 8, usize::from(byte / 8));
            let user = choice % users;
            match kind {
                0..=2 => {
                    if !waiting.is_empty() {
                        let item = waiting.remove(choice % waiting.len());
                        if !self.deliver(item, false)? {
                            waiting.push(item);
                        }
                    }
                }
                3 => {
                    self.deliver(choice % self.world.items.len(), choice % 2 == 0)?;
                }
                4 => {
                    // A worker may be late: what it takes for dirty has been settled since.
                    let dirty = if choice % 4 == 0 { (0..users).collect() } else { self.dirty() };
                    if !dirty.is_empty() {
                        self.begin_repair(dirty[choice / 4 % dirty.len()], choice % 2);
                    }
                }
                5 | 6 => self.go_on_repairing(choice, kind == 5)?,
                _ => self.happen(user, self.happened[user] + 1),
            }
        }
        // What is left comes in its order; a sign-in of an unknown user comes again after that user.
        for _ in 0..2 {
            for item in std::mem::take(&mut waiting) {
                if !self.deliver(item, false)? {
                    waiting.push(item);
                }
            }
        }
        if !waiting.is_empty() {
            return Err(TestCaseError::fail("a delivery never found its user"));
        }
        Ok(())
    }

    /// Repairs with the final truth until nothing is dirty.
    pub(crate) fn settle(&mut self, backwards: bool) -> Result<(), TestCaseError> {
        for user in 0..self.happened.len() {
            self.happen(user, usize::MAX);
            // Workers that had begun before still may finish.
            self.finish_repair(user, 1)?;
            self.finish_repair(user, 0)?;
        }
        for _ in 0..MAX_ROUNDS {
            self.now = self.now.plus_millis(1_000);
            let mut dirty = self.dirty();
            if dirty.is_empty() {
                return Ok(());
            }
            if backwards {
                dirty.reverse();
            }
            for user in dirty {
                self.begin_repair(user, 1);
                self.ask_clerk(user, 1, false);
                self.finish_repair(user, 1)?;
            }
        }
        Err(TestCaseError::fail("repairs never end"))
    }

    fn id(&self, user: usize) -> &'w UserId {
        &self.world.histories[user].id
    }

    fn live(&self, user: usize) -> Option<&Record> {
        self.state.record(self.id(user)).and_then(Entry::live)
    }

    fn dirty(&self) -> Vec<usize> {
        let users = 0..self.happened.len();
        users.filter(|user| self.live(*user).is_some_and(Record::is_dirty)).collect()
    }

    fn happen(&mut self, user: usize, states: usize) {
        let all = self.world.histories[user].states.len();
        self.happened[user] = self.happened[user].max(states.min(all));
    }

    fn begin_repair(&mut self, user: usize, slot: usize) {
        let fence = self.live(user).map(|record| record.rev);
        self.repairs[user][slot] = fence.map(|fence| Repairing { fence, answer: None });
    }

    /// One of the repairs under way gets its answer, or writes it.
    fn go_on_repairing(&mut self, choice: usize, stale: bool) -> Result<(), TestCaseError> {
        let all = (0..self.repairs.len()).flat_map(|user| [(user, 0), (user, 1)]);
        let under_way: Vec<_> = all.filter(|(user, slot)| self.repairs[*user][*slot].is_some()).collect();
        if under_way.is_empty() {
            return Ok(());
        }
        let (user, slot) = under_way[choice % under_way.len()];
        match &self.repairs[user][slot] {
            Some(Repairing { answer: Some(_), .. }) => self.finish_repair(user, slot),
            _ => {
                self.ask_clerk(user, slot, stale);
                Ok(())
            }
        }
    }

    fn ask_clerk(&mut self, user: usize, slot: usize, stale: bool) {
        let answer = self.world.histories[user].answer(self.happened[user], stale);
        if let Some(repair) = &mut self.repairs[user][slot] {
            repair.answer.get_or_insert(answer);
        }
    }

    fn finish_repair(&mut self, user: usize, slot: usize) -> Result<(), TestCaseError> {
        let Some(Repairing { fence, answer: Some(answer) }) = self.repairs[user][slot].take() else {
            return Ok(());
        };
        let fact = match answer {
            Some(snapshot) => Fact::Repaired { snapshot, fence },
            None => Fact::Absent { id: self.id(user).clone(), at: self.now, fence },
        };
        let view = self.state.view(&Subject::of(Some(&fact), None));
        let decision = decide(&view, &fact, self.now, &POLICY);
        self.commit(&fact, &decision)
    }

    /// Delivers an item; `plainly`: as if it came another way than by its webhook. Answers whether it has
    /// had its effect.
    fn deliver(&mut self, item: usize, plainly: bool) -> Result<bool, TestCaseError> {
        let Item { user, step, fact, delivery } = &self.world.items[item];
        self.happen(*user, step + 1);
        let decision = match delivery.as_ref().filter(|_| !plainly) {
            None => {
                let view = self.state.view(&Subject::of(Some(fact), None));
                decide(&view, fact, self.now, &POLICY)
            }
            Some(delivery) => {
                let view = self.state.view(&Subject::of(Some(fact), Some(&delivery.id)));
                receive(&view, delivery, &Content::Fact(fact.clone()), self.now, &POLICY)
            }
        };
        if decision.outcome == Outcome::Created {
            self.created_by_user |= match fact {
                Fact::Claims { impersonated, .. } => !impersonated,
                Fact::Snapshot { via: clerk_sync_core::Via::Lookup { impersonated }, .. } => !impersonated,
                _ => true,
            };
        }
        self.commit(fact, &decision)?;
        Ok(decision.outcome != Outcome::Unknown)
    }

    /// Nobody else writes, so a decision on a fresh view never is stale.
    fn commit(&mut self, fact: &Fact, decision: &Decision) -> Result<(), TestCaseError> {
        if let Some(trace) = &mut self.trace {
            let _ = writeln!(trace, "  {} -> {:?}", fact_words(fact), decision.outcome);
            for change in &decision.changes {
                let _ = writeln!(trace, "    {}", change_words(change));
            }
        }
        if decision.changes.is_empty() {
            return Ok(());
        }
        check::forwards(&self.state, &decision.changes)?;
        if self.state.commit(&decision.changes) == Commit::Stale {
            return Err(TestCaseError::fail(format!("stale without a race: {}", fact_words(fact))));
        }
        check::decided_entry(&self.state, fact.user_id(), decision)?;
        check::holders(&self.state)
    }
}

fn change_words(change: &Change) -> String {
    match change {
        Change::Insert(record) => format!("insert {}", record_words(record)),
        Change::Update { record, .. } => format!("update {}", record_words(record)),
        Change::Bury { tombstone, .. } => format!("bury {}", tombstone.id),
        Change::ClaimFirstAdmin(id) => format!("first admin {id}"),
        Change::Log { delivery, .. } => format!("log {} {:?}", delivery.id, delivery.status),
        Change::PostponeRepair { id, .. } => format!("postpone {id}"),
        Change::Note { name, .. } => format!("note {name}"),
    }
}

fn record_words(record: &Record) -> String {
    format!(
        "{} r{} claims {} holds {} {}{}",
        record.id,
        record.rev.0,
        words(&record.profile),
        record.email.as_ref().map_or("-", |email| email.as_str()),
        record.username.as_ref().map_or("-", |name| name.as_str()),
        if record.is_dirty() { " dirty" } else { "" }
    )
}
