//! Many facts in few commits: the same look, decide, write as for one, for as many at once as do not meet.

use std::collections::HashSet;

use clerk_sync_core::{
    Change, Commit, Decision, Fact, Outcome, Record, StoreError, Subject, UserId, View, decide,
};

use super::absorb::leaves_dirty;
use super::{AbsorbError, Engine};

/// How many facts share a commit, round by round. Those that met another in one round are judged again in the
/// next; after the last each goes its own way.
const ROUNDS: [usize; 5] = [500, 500, 500, 50, 50];

/// A fact, and its view if it was looked at already.
pub(crate) struct Unjoined {
    pub(crate) fact: Fact,
    pub(crate) view: Option<View>,
}

impl From<Fact> for Unjoined {
    fn from(fact: Fact) -> Self {
        Self { fact, view: None }
    }
}

impl Engine {
    /// Everything these facts have to be judged by, one view each.
    pub(crate) async fn views<'a>(
        &self,
        facts: impl IntoIterator<Item = &'a Fact>,
    ) -> Result<Vec<View>, StoreError> {
        let subjects: Vec<Subject> = facts.into_iter().map(|fact| Subject::of(Some(fact), None)).collect();
        match subjects.is_empty() {
            true => Ok(vec![]),
            false => self.store.views(&subjects).await,
        }
    }

    /// Absorbs facts that were learnt together; answers what became of each, in their order.
    ///
    /// It is [`Engine::absorb`] for each of them: a decision is committed as it was made, on the view it was made
    /// on. Decisions share a commit only if none writes what another has looked at.
    pub(crate) async fn absorb_all(&self, facts: Vec<Unjoined>) -> Result<Vec<Outcome>, AbsorbError> {
        let mut outcomes = vec![Outcome::Unknown; facts.len()];
        let mut open: Vec<(usize, Unjoined)> = facts.into_iter().enumerate().collect();
        for size in ROUNDS {
            let mut left = vec![];
            while !open.is_empty() {
                let rest = open.split_off(size.min(open.len()));
                left.extend(self.round(open, &mut outcomes).await?);
                open = rest;
            }
            open = left;
        }
        for (place, Unjoined { fact, .. }) in open {
            let absorbed = self.absorb(&fact).await?;
            if let Some(outcome) = outcomes.get_mut(place) {
                *outcome = absorbed.outcome;
            }
        }
        Ok(outcomes)
    }

    /// Absorbs those that do not meet, in one commit; answers who is left.
    async fn round(
        &self,
        mut open: Vec<(usize, Unjoined)>,
        outcomes: &mut [Outcome],
    ) -> Result<Vec<(usize, Unjoined)>, AbsorbError> {
        let unseen = || open.iter().filter(|(_, one)| one.view.is_none());
        let views = self.views(unseen().map(|(_, one)| &one.fact)).await?;
        for ((_, one), view) in open.iter_mut().filter(|(_, one)| one.view.is_none()).zip(views) {
            one.view = Some(view);
        }
        let (mut batch, mut joined, mut left) = (Batch::default(), vec![], vec![]);
        for (place, one) in open {
            let Unjoined { fact, view: Some(view) } = one else { continue };
            let decision = decide(&view, &fact, self.clock.now(), &self.policy);
            let outcome = decision.outcome;
            if batch.takes(&fact, &view, decision) {
                joined.push((place, fact, outcome));
            } else {
                left.push((place, Unjoined::from(fact)));
            }
        }
        let dirty = batch.changes.iter().any(leaves_dirty);
        if !batch.changes.is_empty() && self.store.commit(batch.changes).await? == Commit::Stale {
            self.metrics.stale_commits.inc();
            left.extend(joined.into_iter().map(|(place, fact, _)| (place, Unjoined::from(fact))));
            left.sort_by_key(|(place, _)| *place);
            return Ok(left);
        }
        for (place, fact, outcome) in joined {
            self.metrics.absorbed(Some(&fact), outcome);
            self.waiters.wake(fact.user_id());
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = outcome;
            }
        }
        if dirty {
            self.repairs.notify_one();
        }
        Ok(left)
    }
}

/// Decisions that do not meet, as one commit.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    /// Users written, and addresses and names they hold or claim, before or after.
    users: HashSet<UserId>,
    keys: HashSet<Key>,
    has_admin: bool,
}

/// An address or a username, in the form that is unique.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Email(String),
    Username(String),
}

impl Batch {
    /// Takes a decision, unless it looked at what the batch writes or writes what the batch looked at.
    fn takes(&mut self, fact: &Fact, view: &View, decision: Decision) -> bool {
        let claims_admin = decision.changes.iter().any(|one| matches!(one, Change::ClaimFirstAdmin(_)));
        let own = view.entry.as_ref().and_then(|entry| entry.live());
        let records = || decision.changes.iter().filter_map(written).chain(own).chain(&view.rivals);
        let subject = Subject::of(Some(fact), None);
        let looked_at = subject
            .email_keys
            .into_iter()
            .map(Key::Email)
            .chain(subject.username_keys.into_iter().map(Key::Username))
            .chain(own.into_iter().flat_map(keys));
        let users: Vec<UserId> = std::iter::once(fact.user_id().clone())
            .chain(records().map(|record| record.id.clone()))
            .collect();
        let meets = (claims_admin && self.has_admin)
            || users.iter().any(|id| self.users.contains(id))
            || looked_at.into_iter().any(|key| self.keys.contains(&key));
        if meets {
            return false;
        }
        if !decision.changes.is_empty() {
            self.users.extend(decision.changes.iter().filter_map(written).map(|record| record.id.clone()));
            self.users.insert(fact.user_id().clone());
            let rivals = view.rivals.iter().filter(|rival| self.users.contains(&rival.id));
            let written = decision.changes.iter().filter_map(written);
            self.keys.extend(written.chain(own).chain(rivals).flat_map(keys));
        }
        self.has_admin |= claims_admin;
        self.changes.extend(decision.changes);
        true
    }
}

fn written(change: &Change) -> Option<&Record> {
    match change {
        Change::Insert(record) | Change::Update { record, .. } => Some(record),
        _ => None,
    }
}

fn keys(record: &Record) -> impl Iterator<Item = Key> {
    let email = |key: Option<&str>| key.map(|key| Key::Email(key.to_owned()));
    let username = |key: Option<&str>| key.map(|key| Key::Username(key.to_owned()));
    let emails = [email(record.email_key()), email(record.email_claim_key())];
    let usernames = [username(record.username_key()), username(record.username_claim_key())];
    emails.into_iter().chain(usernames).flatten()
}
