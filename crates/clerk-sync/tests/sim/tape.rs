//! Where every random choice comes from.

/// A seed read as an endless row of choices (SplitMix64): the same seed, the same choices.
#[derive(Debug, Clone)]
pub(crate) struct Tape {
    state: u64,
}

impl Tape {
    pub(crate) fn new(seed: u64) -> Self {
        // Spread first, so that neighbouring seeds have nothing in common.
        let mut tape = Self { state: seed ^ 0xda3e_39cb_94b9_5bdb };
        tape.state = tape.draw();
        tape
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.draw() % end }
    }

    /// An index below `end`.
    pub(crate) fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap_or(0)
    }

    /// True so many times of a hundred thousand. A rate of 0 takes nothing off the tape.
    pub(crate) fn chance(&mut self, per_100_000: u64) -> bool {
        per_100_000 > 0 && self.below(100_000) < per_100_000
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }
}
