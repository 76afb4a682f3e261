use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use clerk_sync_core::Timestamp;

use super::Session;

/// So many locks that two cores rarely want the same one.
const SHARDS: usize = 16;

/// How long a generation lasts, in milliseconds: as long as Clerk's tokens live.
const GENERATION_MS: i64 = 60_000;

/// The end of a token, by which it is found: about 90 bits of a right signature, which nobody can choose.
type Tail = [u8; 16];

/// Tokens that were verified, whole: a hit saves the signature, nothing else.
///
/// They are found by their tails and then compared to the last character. Bounded by two generations a
/// shard: when the young one is full, or as old as a token gets, it becomes the old one, and the old one is forgotten.
/// So memory follows the tokens of the last two minutes, and what is forgotten has mostly expired.
pub(super) struct VerifiedTokens {
    shards: [Mutex<Shard>; SHARDS],
    per_shard: usize,
}

struct Shard {
    /// Of which keys the entries are; others make them worthless.
    key_generation: u64,
    /// When the young ones began to come.
    since: Timestamp,
    young: HashMap<Tail, Verified>,
    old: HashMap<Tail, Verified>,
}

impl Default for Shard {
    fn default() -> Self {
        Self { key_generation: 0, since: Timestamp::MIN, young: HashMap::new(), old: HashMap::new() }
    }
}

struct Verified {
    token: Box<str>,
    session: Arc<Session>,
}

impl VerifiedTokens {
    /// Keeps about `capacity` tokens; none for 0.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { shards: Default::default(), per_shard: capacity.div_ceil(2 * SHARDS) }
    }

    pub(super) fn find(&self, token: &str, key_generation: u64) -> Option<Arc<Session>> {
        let (tail, shard) = self.place(token)?;
        let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.key_generation != key_generation {
            return None;
        }
        let verified = shard.young.get(&tail).or_else(|| shard.old.get(&tail))?;
        (*verified.token == *token).then(|| Arc::clone(&verified.session))
    }

    pub(super) fn keep(&self, token: &str, session: &Arc<Session>, key_generation: u64, now: Timestamp) {
        if self.per_shard == 0 {
            return;
        }
        let Some((tail, shard)) = self.place(token) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.key_generation > key_generation {
            return;
        }
        if shard.key_generation < key_generation {
            *shard = Shard { key_generation, since: now, ..Shard::default() };
        }
        if shard.young.len() >= self.per_shard || now.millis_since(shard.since) >= GENERATION_MS {
            shard.since = now;
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(tail, Verified { token: token.into(), session: Arc::clone(session) });
    }

    /// How many tokens are kept.
    pub(super) fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(count).sum()
    }

    /// A token's tail and shard. The tail is random, so its sum is as good as a hash.
    fn place(&self, token: &str) -> Option<(Tail, &Mutex<Shard>)> {
        let tail = *token.as_bytes().last_chunk::<16>()?;
        let sum: usize = tail.iter().copied().map(usize::from).sum();
        Some((tail, self.shards.get(sum % SHARDS)?))
    }
}
