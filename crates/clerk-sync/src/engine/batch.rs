//! Many facts in few commits: the same look, decide, write as for one, for as many at once as do not meet.

use std::collections::HashSet;

use clerk_sync_core::{
    Change, Commit, Content, Decision, Delivery, DeliveryId, Fact, Outcome, Record, StoreError, Subject,
    UserId, View,
};

use super::absorb::Effect;
use super::{AbsorbError, Engine};

/// How many facts share a commit, round by round. Those that met another in one round are judged again in the
/// next; after the last each goes its own way.
const ROUNDS: [usize; 5] = [500, 500, 500, 50, 50];

/// The same for deliveries, whose senders wait: a second try and no more, in parts, so that one that
/// is kept waiting by a lock keeps few others.
const GATHERED: [usize; 2] = [super::gather::LARGEST, 16];

/// Something to be joined.
pub(crate) struct Unjoined {
    content: Content,
    /// What brought it, if it has to be logged.
    delivery: Option<Delivery>,
    /// Its view, if it was looked at already.
    view: Option<View>,
}

impl From<Fact> for Unjoined {
    fn from(fact: Fact) -> Self {
        Self { content: Content::Fact(fact), delivery: None, view: None }
    }
}

impl Unjoined {
    pub(crate) fn seen(fact: Fact, view: View) -> Self {
        Self { view: Some(view), ..Self::from(fact) }
    }

    pub(crate) const fn delivered(delivery: Delivery, content: Content) -> Self {
        Self { content, delivery: Some(delivery), view: None }
    }

    fn subject(&self) -> Subject {
        Subject::of(self.content.fact(), self.delivery.as_ref().map(|delivery| &delivery.id))
    }
}

impl Engine {
    /// Everything these facts have to be judged by, one view each.
    pub(crate) async fn views<'a>(
        &self,
        facts: impl IntoIterator<Item = &'a Fact>,
    ) -> Result<Vec<View>, StoreError> {
        self.views_of(facts.into_iter().map(|fact| Subject::of(Some(fact), None)).collect()).await
    }

    async fn views_of(&self, subjects: Vec<Subject>) -> Result<Vec<View>, StoreError> {
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
        let mut outcomes = vec![None; facts.len()];
        let left = self.rounds(&ROUNDS, facts, &mut outcomes).await?;
        for (place, one) in left {
            let absorbed = self.join(&one.content, one.delivery.as_ref()).await?;
            if let Some(outcome) = outcomes.get_mut(place) {
                *outcome = Some(absorbed.outcome);
            }
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Unknown)).collect())
    }

    /// Absorbs deliveries that came together, as far as they can share commits; answers what became of each, in
    /// their order, and of none that has to be taken by itself.
    pub(super) async fn absorb_together(&self, deliveries: Vec<Unjoined>) -> Vec<Option<Outcome>> {
        let mut outcomes = vec![None; deliveries.len()];
        // What fails for all of them may be the fault of one.
        let _ = self.rounds(&GATHERED, deliveries, &mut outcomes).await;
        outcomes
    }

    /// Absorbs in rounds, so many in a commit each; answers who is left.
    async fn rounds(
        &self,
        sizes: &[usize],
        open: Vec<Unjoined>,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<Vec<(usize, Unjoined)>, AbsorbError> {
        let mut open: Vec<(usize, Unjoined)> = open.into_iter().enumerate().collect();
        for size in sizes {
            let mut left = vec![];
            while !open.is_empty() {
                let rest = open.split_off((*size).min(open.len()));
                left.extend(self.round(open, outcomes).await?);
                open = rest;
            }
            open = left;
        }
        Ok(open)
    }

    /// Absorbs those that do not meet, in one commit; answers who is left.
    async fn round(
        &self,
        mut open: Vec<(usize, Unjoined)>,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<Vec<(usize, Unjoined)>, AbsorbError> {
        let unseen = open.iter().filter(|(_, one)| one.view.is_none());
        let views = self.views_of(unseen.map(|(_, one)| one.subject()).collect()).await?;
        for ((_, one), view) in open.iter_mut().filter(|(_, one)| one.view.is_none()).zip(views) {
            one.view = Some(view);
        }
        let (mut batch, mut joined, mut left) = (Batch::default(), vec![], vec![]);
        for (place, mut one) in open {
            let Some(view) = one.view.take() else { continue };
            let decision = self.judge(&view, &one.content, one.delivery.as_ref());
            let effect = Effect::of(&decision);
            match batch.takes(&one, &view, decision) {
                true => joined.push((place, one, effect)),
                false => left.push((place, one)),
            }
        }
        if !batch.changes.is_empty() && self.store.commit(batch.changes).await? == Commit::Stale {
            self.metrics.stale_commits.inc();
            left.extend(joined.into_iter().map(|(place, one, _)| (place, one)));
            left.sort_by_key(|(place, _)| *place);
            return Ok(left);
        }
        for (place, one, effect) in joined {
            self.tell(one.content.fact(), one.delivery.is_some(), &effect);
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = Some(effect.outcome);
            }
        }
        Ok(left)
    }
}

/// Decisions that do not meet, as one commit.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    deliveries: HashSet<DeliveryId>,
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
    fn takes(&mut self, one: &Unjoined, view: &View, decision: Decision) -> bool {
        let claims_admin = decision.changes.iter().any(|change| matches!(change, Change::ClaimFirstAdmin(_)));
        let own = view.entry.as_ref().and_then(|entry| entry.live());
        let records = || decision.changes.iter().filter_map(written).chain(own).chain(&view.rivals);
        let subject = one.subject();
        let looked_at = subject
            .email_keys
            .into_iter()
            .map(Key::Email)
            .chain(subject.username_keys.into_iter().map(Key::Username))
            .chain(own.into_iter().flat_map(keys));
        let users: Vec<UserId> =
            subject.id.iter().cloned().chain(records().map(|record| record.id.clone())).collect();
        let meets = (claims_admin && self.has_admin)
            || subject.delivery.as_ref().is_some_and(|id| self.deliveries.contains(id))
            || users.iter().any(|id| self.users.contains(id))
            || looked_at.into_iter().any(|key| self.keys.contains(&key));
        if meets {
            return false;
        }
        self.deliveries.extend(subject.delivery);
        if decision.changes.iter().any(|change| !matches!(change, Change::Log { .. })) {
            self.users.extend(decision.changes.iter().filter_map(written).map(|record| record.id.clone()));
            self.users.extend(subject.id);
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
