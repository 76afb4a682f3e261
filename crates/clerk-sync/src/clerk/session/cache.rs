use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Session;

/// So many locks that two cores rarely want the same one.
const SHARDS: usize = 16;

/// The end of a token, by which it is found: about 90 bits of a right signature, which nobody can choose.
type Tail = [u8; 16];

/// Tokens that were verified, whole: a hit saves the signature, nothing else.
///
/// They are found by their tails and then compared to the last character. Bounded by two generations a
/// shard: when the young one is full it becomes the old one, and the old one is forgotten. A token lives about
/// a minute, so what is forgotten has mostly expired.
pub(super) struct VerifiedTokens {
    shards: [Mutex<Shard>; SHARDS],
    per_shard: usize,
}

#[derive(Default)]
struct Shard {
    /// Of which keys the entries are; others make them worthless.
    key_generation: u64,
    young: HashMap<Tail, Verified>,
    old: HashMap<Tail, Verified>,
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

    pub(super) fn keep(&self, token: &str, session: &Arc<Session>, key_generation: u64) {
        if self.per_shard == 0 {
            return;
        }
        let Some((tail, shard)) = self.place(token) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.key_generation > key_generation {
            return;
        }
        if shard.key_generation < key_generation {
            *shard = Shard { key_generation, ..Shard::default() };
        }
        if shard.young.len() >= self.per_shard {
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
