//! Ids as Clerk makes them: a prefix and a KSUID, so that ids sort roughly by the time they were made.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// An id of a user, a session, an address or a message. Cheap to clone, because every index holds one.
pub type Id = Arc<str>;

/// Seconds between the Unix epoch and the epoch of KSUIDs (2014-05-13).
const KSUID_EPOCH_S: i64 = 1_400_000_000;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const KSUID_LENGTH: usize = 27;

/// Makes ids from a seed: the same seed and the same times give the same ids.
#[derive(Debug)]
pub(crate) struct IdMaker {
    rng: StdRng,
}

impl IdMaker {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed) }
    }

    /// `prefix_` followed by 27 base62 characters, the first ones being the time.
    pub(crate) fn next(&mut self, prefix: &str, now_ms: i64) -> Id {
        let seconds = u32::try_from((now_ms / 1000 - KSUID_EPOCH_S).max(0)).unwrap_or(u32::MAX);
        let random: [u32; 4] = self.rng.random();
        let words = [seconds, random[0], random[1], random[2], random[3]];
        format!("{prefix}_{}", base62(words)).into()
    }

    /// 32 random hexadecimal digits, as in `jti` and trace ids.
    pub(crate) fn hex(&mut self) -> String {
        format!("{:032x}", self.rng.random::<u128>())
    }
}

/// Writes a 160-bit number in base 62 by repeated division, most significant digit first.
fn base62(mut words: [u32; 5]) -> String {
    let mut digits = [b'0'; KSUID_LENGTH];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u64;
        for word in &mut words {
            let value = (remainder << 32) | u64::from(*word);
            // The quotient fits: the remainder is below 62, so the value is below 62 * 2^32.
            *word = (value / 62) as u32;
            remainder = value % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base62_writes_the_known_extremes() {
        assert_eq!(base62([0; 5]), "000000000000000000000000000");
        assert_eq!(base62([u32::MAX; 5]), "aWgEPTl1tmebfsQzFP4bxwgy80V");
        assert_eq!(base62([0, 0, 0, 0, 62]), "000000000000000000000000010");
    }

    #[test]
    fn ids_sort_by_second_and_repeat_by_seed() {
        let mut maker = IdMaker::new(7);
        let early = maker.next("user", 1_769_500_800_000);
        let late = maker.next("user", 1_769_500_801_000);
        assert!(early < late, "{early} {late}");
        assert_eq!(IdMaker::new(7).next("user", 1_769_500_800_000), early);
        assert_eq!(early.len(), "user_".len() + KSUID_LENGTH);
    }
}
