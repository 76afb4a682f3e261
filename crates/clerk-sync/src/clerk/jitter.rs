//! Chance, as far as it is needed: to keep replicas from asking Clerk in step.

use std::sync::atomic::{AtomicU64, Ordering};

/// A stream of numbers from a seed (SplitMix64). Not for secrets.
#[derive(Debug)]
pub(super) struct Jitter(AtomicU64);

impl Jitter {
    pub(super) fn from_seed(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number from half of `millis` to `millis`.
    pub(super) fn spread(&self, millis: u64) -> u64 {
        let half = millis / 2;
        half + self.next() % (millis - half + 1)
    }

    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
