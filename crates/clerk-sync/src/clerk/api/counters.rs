use std::sync::atomic::{AtomicU64, Ordering};

use clerk_sync_core::DirectoryError;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// Clerk answered with what was asked for.
    Found,
    /// Clerk says there is no such thing.
    NotFound,
    /// Clerk, or the budget, asks to wait.
    Throttled,
    /// No usable answer.
    Unavailable,
    /// Clerk refuses the secret key.
    RefusedKey,
    /// Clerk refuses the request.
    Refused,
    /// Our own budget was used up; counted beside `Throttled`.
    HeldBack,
}

impl CallOutcome {
    /// Every outcome there is, in the order of [`CallCounts::by_outcome`].
    pub const ALL: [Self; 7] = [
        Self::Found,
        Self::NotFound,
        Self::Throttled,
        Self::Unavailable,
        Self::RefusedKey,
        Self::Refused,
        Self::HeldBack,
    ];

    /// The outcome as a stable word, as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotFound => "not_found",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::RefusedKey => "refused_key",
            Self::Refused => "refused",
            Self::HeldBack => "held_back",
        }
    }

    pub(super) const fn of(error: &DirectoryError) -> Self {
        match error {
            DirectoryError::Throttled { .. } => Self::Throttled,
            DirectoryError::RefusedKey => Self::RefusedKey,
            DirectoryError::Refused { .. } => Self::Refused,
            _ => Self::Unavailable,
        }
    }
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallCounts {
    /// Requests that left for Clerk; a call may take several.
    pub attempts: u64,
    /// Calls by what became of them.
    pub by_outcome: [(CallOutcome, u64); CallOutcome::ALL.len()],
}

impl CallCounts {
    /// The calls that ended with `outcome`.
    pub fn of(&self, outcome: CallOutcome) -> u64 {
        self.by_outcome.iter().filter(|(of, _)| *of == outcome).map(|(_, count)| count).sum()
    }
}

#[derive(Default)]
pub(super) struct CallCounters {
    attempts: AtomicU64,
    outcomes: [AtomicU64; CallOutcome::ALL.len()],
}

impl CallCounters {
    pub(super) fn attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count(&self, outcome: CallOutcome) {
        if let Some(counter) = self.outcomes.get(outcome as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> CallCounts {
        let mut by_outcome = CallOutcome::ALL.map(|outcome| (outcome, 0));
        for (entry, counter) in by_outcome.iter_mut().zip(&self.outcomes) {
            entry.1 = counter.load(Ordering::Relaxed);
        }
        CallCounts { attempts: self.attempts.load(Ordering::Relaxed), by_outcome }
    }
}
