//! The way through all users, page by page: pure, so that it can be written down and taken up again.
//!
//! Users are listed in the order of creation. Whoever signs up meanwhile comes at the end, and a walk ends where
//! a page is short. By cursor nothing shifts. By offset, where the cursor is refused, users deleted before us pull
//! the rest forward: pages overlap, and a page that shows nobody of the one before is asked for again from
//! further back.

use clerk_sync_core::port::{Order, PageOf, Start};
use clerk_sync_core::{Snapshot, UserId};
use serde::{Deserialize, Serialize};

/// How many users of a page are remembered: to begin after another where the last was deleted, and to see that
/// pages overlap.
const REMEMBERED: usize = 100;

/// How much pages overlap where they are counted off: enough to see it, and little enough to get on.
fn overlap(limit: u32) -> u64 {
    (REMEMBERED as u64).min(u64::from(limit) / 2)
}

/// Where a walk is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// Users seen.
    pub(super) users: u64,
    /// The last users seen, in order.
    last: Vec<String>,
    /// How many of the last are passed over as cursors, since they are not there any more.
    passed_over: usize,
    by_offset: bool,
    /// How much further back than the overlap the next page begins.
    back: u64,
}

/// What became of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is the next; there are more.
    On,
    /// It is the last.
    End,
    /// It does not follow the one before: ask again.
    Again,
}

impl Walk {
    /// The next page to ask for, of at most `limit` users.
    pub(super) fn next(&self, limit: u32) -> PageOf {
        let cursor = self.last.iter().rev().nth(self.passed_over).filter(|_| !self.by_offset);
        let start = match cursor.and_then(|id| UserId::parse(id).ok()) {
            Some(id) => Start::After(id),
            None => Start::Offset(self.offset(limit)),
        };
        PageOf { order: Order::Created, start, limit }
    }

    fn offset(&self, limit: u32) -> u64 {
        self.users.saturating_sub(overlap(limit)).saturating_sub(self.back)
    }

    /// Takes a page that was asked for with this limit.
    pub(super) fn take(&mut self, page: &[Snapshot], limit: u32) -> Step {
        let offset = self.offset(limit);
        let is_known = |user: &Snapshot| self.last.iter().any(|id| id == user.id.as_str());
        // All up to the last one remembered were seen before.
        let seen = page.iter().rposition(is_known).map_or(0, |position| position + 1);
        if self.by_offset && !self.last.is_empty() && seen == 0 && offset > 0 {
            self.back = self.back.saturating_add(u64::from(limit).saturating_sub(overlap(limit)));
            return Step::Again;
        }
        self.users = match self.by_offset {
            true => offset + page.len() as u64,
            false => self.users + page.len().saturating_sub(seen) as u64,
        };
        self.back = 0;
        self.passed_over = 0;
        self.last.extend(page.iter().skip(seen).map(|user| user.id.as_str().to_owned()));
        let surplus = self.last.len().saturating_sub(REMEMBERED);
        self.last.drain(..surplus);
        if (page.len() as u64) < u64::from(limit) { Step::End } else { Step::On }
    }

    /// The page was refused; answers whether there is another way to go on. `gone`: since the user to begin after
    /// is not there any more.
    pub(super) fn refused(&mut self, gone: bool) -> bool {
        if self.by_offset || self.last.is_empty() {
            return false;
        }
        // Somebody remembered from before may still be there; twice as far back each time.
        self.passed_over = if gone { 2 * self.passed_over + 1 } else { self.last.len() };
        self.by_offset = self.passed_over >= self.last.len();
        true
    }
}
