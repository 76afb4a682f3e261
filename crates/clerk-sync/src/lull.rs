//! The same complaint a thousand times over is one line and a count.

use std::sync::{Mutex, PoisonError};

use clerk_sync_core::Timestamp;

/// For how long a complaint is not repeated, in milliseconds.
const PERIOD_MS: i64 = 10_000;

/// Lets the first complaint through, and then one in each period with the number of those held back.
#[derive(Debug, Default)]
pub(crate) struct Lull {
    state: Mutex<Option<(Timestamp, u64)>>,
}

impl Lull {
    /// How many were held back since the last line, if a line is to be written now.
    pub(crate) fn line(&self, now: Timestamp) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.as_mut() {
            // A clock that was set back must not silence anybody for longer.
            Some((since, held_back)) if (0..PERIOD_MS).contains(&now.millis_since(*since)) => {
                *held_back += 1;
                None
            }
            _ => Some(state.replace((now, 0)).map_or(0, |(_, held_back)| held_back)),
        }
    }
}

/// One for each complaint that an outage or an attack would repeat with every request.
#[derive(Debug, Default)]
pub(crate) struct Lulls {
    pub(crate) store_failed: Lull,
    pub(crate) webhook_not_stored: Lull,
    pub(crate) webhook_late: Lull,
    pub(crate) webhook_kept: Lull,
    pub(crate) webhook_refused: Lull,
    pub(crate) lookup_failed: Lull,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_speaks_and_the_rest_are_counted() {
        let lull = Lull::default();
        let at = |millis| lull.line(Timestamp::from_millis(millis));
        assert_eq!(at(1_000), Some(0));
        assert_eq!([at(1_001), at(1_500), at(10_999)], [None; 3]);
        assert_eq!(at(11_000), Some(3));
        assert_eq!(at(11_001), None);
        assert_eq!(at(500_000), Some(1));
    }

    #[test]
    fn a_clock_set_back_speaks_at_once() {
        let lull = Lull::default();
        assert_eq!(lull.line(Timestamp::from_millis(600_000)), Some(0));
        assert_eq!(lull.line(Timestamp::from_millis(0)), Some(0));
    }
}
