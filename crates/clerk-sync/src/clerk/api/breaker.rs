use std::sync::{Mutex, MutexGuard, PoisonError};

use clerk_sync_core::Timestamp;

use super::BreakerSettings;

/// Stops asking somebody who does not answer.
///
/// Closed, all pass; after some failures in a row it is open and nobody does; once its time is over a single
/// probe passes, and what becomes of it closes the breaker or opens it for twice as long.
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Timestamp, open_ms: u64 },
    Probing { since: Timestamp, open_ms: u64 },
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// How long nobody passes still, in milliseconds; 0 when somebody may.
    pub(super) fn wait_ms(&self, now: Timestamp) -> u64 {
        match *self.state() {
            State::Closed { .. } => 0,
            State::Open { until, .. } => u64::try_from(until.millis_since(now)).unwrap_or(0),
            // As long as a probe that gets no answer takes to be given up.
            State::Probing { .. } => 1_000,
        }
    }

    /// Passes, or tells how long to wait in milliseconds.
    pub(super) fn enter(&self, now: Timestamp) -> Result<Pass<'_>, u64> {
        match self.wait_ms(now) {
            0 => {}
            wait_ms => return Err(wait_ms),
        }
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Ok(Pass { breaker: self, probe: false }),
            State::Open { open_ms, .. } => {
                *state = State::Probing { since: now, open_ms };
                Ok(Pass { breaker: self, probe: true })
            }
            // Somebody else was quicker.
            State::Probing { .. } => Err(1_000),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one attempt. Dropped without a word, as when the caller gives up, it proves nothing.
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Pass<'_> {
    /// There was an answer, whatever it says.
    pub(super) fn answered(mut self) {
        self.probe = false;
        *self.breaker.state() = State::Closed { failures: 0 };
    }

    /// There was none.
    pub(super) fn failed(mut self, now: Timestamp) {
        let settings = self.breaker.settings;
        let mut state = self.breaker.state();
        let open = |open_ms: u64| {
            let open_ms = open_ms.min(settings.max_open_ms);
            State::Open { until: now.plus_millis(i64::try_from(open_ms).unwrap_or(i64::MAX)), open_ms }
        };
        match *state {
            State::Closed { failures } if failures + 1 >= settings.failures => {
                *state = open(settings.open_ms)
            }
            State::Closed { failures } => *state = State::Closed { failures: failures + 1 },
            State::Probing { open_ms, .. } if self.probe => *state = open(open_ms.saturating_mul(2)),
            // Those who had passed before it opened add nothing.
            State::Open { .. } | State::Probing { .. } => {}
        }
        self.probe = false;
    }

    /// The answer says nothing of Clerk's health: asked to slow down, it is well enough to ask.
    pub(super) fn neutral(self) {
        self.answered();
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe {
            let mut state = self.breaker.state();
            if let State::Probing { since, open_ms } = *state {
                *state = State::Open { until: since, open_ms };
            }
        }
    }
}
