use std::sync::{Mutex, MutexGuard, PoisonError};

use clerk_sync_core::Timestamp;
use clerk_sync_core::port::Lane;

use super::BudgetSettings;

/// Clerk counts in windows of this many milliseconds.
const WINDOW_MS: i64 = 10_000;

/// A thousandth of a request, so that slow rates need no fractions.
const REQUEST: i64 = 1_000;

/// Token buckets below Clerk's limit.
///
/// The one everybody takes from fills at the share of the limit and holds the rest of it: whatever the pattern,
/// any ten seconds see at most `share + rest = limit` requests. Lookups may take the last request and even one
/// that is still to come; the lower lanes leave a reserve, so that a sweep never makes somebody wait. A sweep
/// takes from a bucket of its own as well, so that over time it has its part and no more.
pub(super) struct Budget {
    state: Mutex<State>,
}

struct State {
    all: Bucket,
    sweep: Bucket,
    blocked_until: Timestamp,
}

impl Budget {
    pub(super) fn new(settings: BudgetSettings, now: Timestamp) -> Self {
        let limit = i64::from(settings.requests.max(2)) * REQUEST;
        let share = i64::from(settings.share_percent.clamp(1, 99));
        let per_window = (limit * share / 100).max(1);
        let all = Bucket::new(per_window, (limit - per_window).max(REQUEST), now);
        let part = i64::from(settings.sweep_percent.clamp(1, 100));
        let at_once = (all.capacity - reserve(Lane::Sweep, &all)) * part / 100;
        let sweep = Bucket::new((per_window * part / 100).max(1), at_once.max(REQUEST), now);
        Self { state: Mutex::new(State { all, sweep, blocked_until: Timestamp::MIN }) }
    }

    /// Nothing leaves before `until`; an earlier block does not shorten a later one.
    pub(super) fn block_until(&self, until: Timestamp) {
        let mut state = self.state();
        state.blocked_until = state.blocked_until.max(until);
    }

    /// How long all lanes are blocked still, in milliseconds.
    pub(super) fn blocked_ms(&self, now: Timestamp) -> u64 {
        u64::try_from(self.state().blocked_until.millis_since(now)).unwrap_or(0)
    }

    /// Takes a request; answers how long to wait before it may leave, in milliseconds.
    ///
    /// # Errors
    /// Nothing was taken: ask again after this many milliseconds.
    pub(super) fn take(&self, lane: Lane, now: Timestamp, max_wait_ms: u64) -> Result<u64, u64> {
        let mut state = self.state();
        state.all.refill(now);
        state.sweep.refill(now);
        let mut wait_ms = state.all.wait_ms(reserve(lane, &state.all));
        if lane == Lane::Sweep {
            wait_ms = wait_ms.max(state.sweep.wait_ms(0));
        }
        // Only a lookup may take what is still to come: the others must not stand in front of the next one.
        let may_wait_ms = if lane == Lane::Lookup { max_wait_ms } else { 0 };
        if wait_ms > may_wait_ms {
            return Err(wait_ms);
        }
        state.all.level -= REQUEST;
        if lane == Lane::Sweep {
            state.sweep.level -= REQUEST;
        }
        Ok(wait_ms)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BudgetSettings {
    /// How long so many calls for pages of users take at least, in milliseconds, where nobody else asks: the first
    /// may leave at once, the others as their part of the budget comes in.
    pub fn pages_ms(self, calls: u64) -> u64 {
        let budget = Budget::new(self, Timestamp::from_millis(0));
        let (mut now_ms, mut left) = (0_u64, calls);
        while left > 0 {
            let now = Timestamp::from_millis(i64::try_from(now_ms).unwrap_or(i64::MAX));
            match budget.take(Lane::Sweep, now, 0) {
                Ok(_) => left -= 1,
                Err(wait_ms) => now_ms = now_ms.saturating_add(wait_ms.max(1)),
            }
        }
        now_ms
    }
}

/// What a lane leaves to those before it; never so much that there is no request for it, however full the bucket.
fn reserve(lane: Lane, all: &Bucket) -> i64 {
    let wanted = match lane {
        Lane::Lookup => 0,
        Lane::Repair => all.capacity / 10,
        Lane::Sweep => all.capacity / 2,
    };
    wanted.min(all.capacity - REQUEST)
}

struct Bucket {
    per_window: i64,
    capacity: i64,
    level: i64,
    counted_at: Timestamp,
}

impl Bucket {
    fn new(per_window: i64, capacity: i64, now: Timestamp) -> Self {
        Self { per_window, capacity, level: capacity, counted_at: now }
    }

    fn refill(&mut self, now: Timestamp) {
        let passed_ms = now.millis_since(self.counted_at);
        // A clock that was set back fills nothing and counts on from there.
        if passed_ms < 0 {
            self.counted_at = now;
            return;
        }
        let filled = passed_ms.min(WINDOW_MS * REQUEST).saturating_mul(self.per_window) / WINDOW_MS;
        if filled > 0 {
            self.level = (self.level + filled).min(self.capacity);
            self.counted_at = now;
        }
    }

    /// How long until there is a request beside `reserve`, in milliseconds, rounded up.
    fn wait_ms(&self, reserve: i64) -> u64 {
        let missing = (reserve + REQUEST - self.level).max(0).saturating_mul(WINDOW_MS);
        let millis = missing / self.per_window;
        u64::try_from(millis + i64::from(millis * self.per_window != missing)).unwrap_or(0)
    }
}
