//! What users were a moment ago, so that answers can be stale the way a lagging replica's are.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::id::Id;
use crate::user::User;

/// How far back the past can be asked for.
pub(crate) const MAX_AGE_MS: i64 = 60_000;
/// How many changes are remembered at most; under more, the past reaches less far.
const MAX_CHANGES: usize = 100_000;

/// The recent changes, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    changes: VecDeque<Change>,
}

#[derive(Debug)]
struct Change {
    at_ms: i64,
    id: Id,
    before: Option<Arc<User>>,
}

impl History {
    pub(super) fn remember(&mut self, at_ms: i64, id: Id, before: Option<Arc<User>>) {
        while self.changes.len() >= MAX_CHANGES
            || self.changes.front().is_some_and(|change| change.at_ms < at_ms - MAX_AGE_MS)
        {
            self.changes.pop_front();
        }
        self.changes.push_back(Change { at_ms, id, before });
    }

    /// What `id` was at `as_of_ms`, if it changed since: `Some(None)` if it did not exist.
    pub(super) fn user_as_of(&self, id: &str, as_of_ms: i64) -> Option<Option<Arc<User>>> {
        let later = self.changes.iter().rev().take_while(|change| change.at_ms > as_of_ms);
        later.filter(|change| *change.id == *id).last().map(|change| change.before.clone())
    }

    /// The users that changed after `as_of_ms`, as they were then; `None` for one that did not exist.
    pub(super) fn as_of(&self, as_of_ms: i64) -> HashMap<Id, Option<Arc<User>>> {
        let mut past = HashMap::new();
        // From the newest backwards: what a change replaced is what was there before it, so the oldest one wins.
        for change in self.changes.iter().rev().take_while(|change| change.at_ms > as_of_ms) {
            past.insert(change.id.clone(), change.before.clone());
        }
        past
    }
}
