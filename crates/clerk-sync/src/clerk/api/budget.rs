use std::sync::{Mutex, MutexGuard, PoisonError};

use clerk_sync_core::Timestamp;
use clerk_sync_core::port::Lane;

use super::BudgetSettings;

/// Clerk counts in windows of this many milliseconds.
const WINDOW_MS: i64 = 10_000;

/// A thousandth of a request, so that slow rates need no fractions.
const REQUEST: i64 = 1_000;

/// A token bucket below Clerk's limit.
///
/// It fills at the share of the limit and holds the rest of it: whatever the pattern, any ten seconds see at
/// most `share + rest = limit` requests. Lookups may take the last request and even one that is still to come;
/// the lower lanes leave a reserve, so that a sweep never makes somebody wait.
pub(super) struct Budget {
    per_window: i64,
    capacity: i64,
    state: Mutex<State>,
}

struct State {
    level: i64,
    counted_at: Timestamp,
    blocked_until: Timestamp,
}

impl Budget {
    pub(super) fn new(settings: BudgetSettings, now: Timestamp) -> Self {
        let limit = i64::from(settings.requests.max(2)) * REQUEST;
        let share = i64::from(settings.share_percent.clamp(1, 99));
        let per_window = (limit * share / 100).max(1);
        let capacity = (limit - per_window).max(REQUEST);
        let state = State { level: capacity, counted_at: now, blocked_until: Timestamp::MIN };
        Self { per_window, capacity, state: Mutex::new(state) }
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
        self.refill(&mut state, now);
        let wait_ms = self.fill_ms(self.reserve(lane) + REQUEST - state.level);
        // Only a lookup may take what is still to come: the others must not stand in front of the next one.
        let may_wait_ms = if lane == Lane::Lookup { max_wait_ms } else { 0 };
        if wait_ms > may_wait_ms {
            return Err(wait_ms);
        }
        state.level -= REQUEST;
        Ok(wait_ms)
    }

    fn refill(&self, state: &mut State, now: Timestamp) {
        let passed_ms = now.millis_since(state.counted_at);
        // A clock that was set back fills nothing and counts on from there.
        if passed_ms < 0 {
            state.counted_at = now;
            return;
        }
        let filled = passed_ms.min(WINDOW_MS * REQUEST).saturating_mul(self.per_window) / WINDOW_MS;
        if filled > 0 {
            state.level = (state.level + filled).min(self.capacity);
            state.counted_at = now;
        }
    }

    /// How long it takes to fill `missing`, in milliseconds, rounded up.
    fn fill_ms(&self, missing: i64) -> u64 {
        let millis = missing.max(0).saturating_mul(WINDOW_MS) / self.per_window;
        let exact = millis * self.per_window == missing.max(0).saturating_mul(WINDOW_MS);
        u64::try_from(millis + i64::from(!exact)).unwrap_or(0)
    }

    /// What a lane leaves to those before it.
    fn reserve(&self, lane: Lane) -> i64 {
        match lane {
            Lane::Lookup => 0,
            Lane::Repair => self.capacity / 10,
            Lane::Sweep => self.capacity / 2,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
