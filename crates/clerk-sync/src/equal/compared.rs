//! Users as Clerk lists them meet the table: what is known costs nothing, what differs is a fact.

use std::collections::BTreeMap;

use clerk_sync_core::{Entry, Fact, Field, Outcome, Snapshot, UserId, Via, View, differences};

use super::{EqualError, Equality};
use crate::engine::Unjoined;

/// Differences whose users are remembered, to be waited for; more are counted only.
const REMEMBERED: usize = 10_000;

/// What a comparison is to do about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rigour {
    /// Count it.
    Look,
    /// Absorb it as a fact. A record newer than the list is left as it is: the list is a moment old. So is one that
    /// is dirty and not older: Clerk is asked about it by id, and a poll that moved its revision every time would
    /// outrun that repair for ever.
    Join,
    /// The same, and Clerk is asked by id where a fact alone leaves a difference.
    Settle,
}

/// Users as Clerk lists them, each with what the database has of it: read after they were listed.
pub(super) struct Met {
    facts: Vec<Fact>,
    views: Vec<View>,
}

impl Met {
    pub(super) fn ids(&self) -> impl Iterator<Item = &UserId> {
        self.facts.iter().map(Fact::user_id)
    }
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Compared {
    pub(super) users: u64,
    /// No record was there.
    pub(super) created: u64,
    /// The record was older.
    pub(super) updated: u64,
    /// The record differed otherwise.
    pub(super) differing: u64,
    /// A tombstone was there: deleted after the list was made, and that is final.
    pub(super) gone: u64,
    /// Differences of records that were there, by field.
    pub(super) fields: BTreeMap<Field, u64>,
    /// Whose records were created or changed.
    pub(super) touched: Vec<UserId>,
}

impl Compared {
    pub(super) fn add(&mut self, other: Self) {
        self.users += other.users;
        self.created += other.created;
        self.updated += other.updated;
        self.differing += other.differing;
        self.gone += other.gone;
        for (field, count) in other.fields {
            *self.fields.entry(field).or_default() += count;
        }
        let room = REMEMBERED.saturating_sub(self.touched.len());
        self.touched.extend(other.touched.into_iter().take(room));
    }
}

impl Equality {
    /// Looks for what the database has of these users.
    pub(super) async fn meet(&self, users: Vec<Snapshot>) -> Result<Met, EqualError> {
        let facts: Vec<Fact> =
            users.into_iter().map(|snapshot| Fact::Snapshot { snapshot, via: Via::Sweep }).collect();
        let views = self.engine.views(&facts).await?;
        Ok(Met { facts, views })
    }

    pub(super) async fn compare(&self, met: Met, rigour: Rigour) -> Result<Compared, EqualError> {
        let Met { facts, views } = met;
        let mut found = Compared { users: facts.len() as u64, ..Compared::default() };
        let (mut open, mut differ) = (vec![], vec![]);
        for (fact, view) in facts.into_iter().zip(views) {
            let Fact::Snapshot { snapshot, .. } = &fact else { continue };
            match &view.entry {
                Some(Entry::Gone(_)) => found.gone += 1,
                None => {
                    found.created += 1;
                    found.touched.push(snapshot.id.clone());
                    differ.push(false);
                    open.push(Unjoined::seen(fact, view));
                }
                Some(Entry::Live(record)) => {
                    if rigour == Rigour::Join && record.is_dirty() && record.version >= snapshot.version {
                        continue;
                    }
                    let fields = differences(&view, snapshot);
                    // Equal and clean, there is nothing to learn. While it is clean no repair can write to it,
                    // so it need not even be moved to another revision.
                    if fields.is_empty() && !record.is_dirty() {
                        continue;
                    }
                    match record.version < snapshot.version {
                        true => found.updated += 1,
                        false if fields.is_empty() => {}
                        false => found.differing += 1,
                    }
                    for field in &fields {
                        *found.fields.entry(*field).or_default() += 1;
                    }
                    found.touched.push(snapshot.id.clone());
                    differ.push(!fields.is_empty());
                    open.push(Unjoined::seen(fact, view));
                }
            }
        }
        if rigour != Rigour::Look {
            self.absorb_found(&found.touched, open, &differ, rigour).await?;
        }
        Ok(found)
    }

    async fn absorb_found(
        &self,
        ids: &[UserId],
        open: Vec<Unjoined>,
        differ: &[bool],
        rigour: Rigour,
    ) -> Result<(), EqualError> {
        let outcomes = self.engine.absorb_all(open).await?;
        if rigour != Rigour::Settle {
            return Ok(());
        }
        // By its version the fact has nothing to say, and still something differs.
        let stays = |outcome: Outcome| matches!(outcome, Outcome::Unchanged | Outcome::Older);
        let doubts = ids.iter().zip(outcomes).zip(differ);
        let doubts = doubts.filter(|((_, outcome), differs)| **differs && stays(*outcome));
        let doubts = doubts.map(|((id, _), _)| Unjoined::from(Fact::Doubted { id: id.clone() })).collect();
        self.engine.absorb_all(doubts).await?;
        Ok(())
    }
}
