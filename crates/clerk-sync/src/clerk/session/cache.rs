use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use super::Session;

/// So many locks that two cores rarely want the same one.
const SHARDS: usize = 16;

/// Tokens that were verified, whole: a hit saves the signature, nothing else.
///
/// Bounded by two generations a shard: when the young one is full it becomes the old one, and the old one is
/// forgotten. A token lives about a minute, so what is forgotten has mostly expired.
pub(super) struct VerifiedTokens {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    per_shard: usize,
}

#[derive(Default)]
struct Shard {
    /// Of which keys the entries are; others make them worthless.
    key_generation: u64,
    young: HashMap<Box<str>, Arc<Session>>,
    old: HashMap<Box<str>, Arc<Session>>,
}

impl VerifiedTokens {
    /// Keeps about `capacity` tokens; none for 0.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new(), per_shard: capacity.div_ceil(2 * SHARDS) }
    }

    pub(super) fn find(&self, token: &str, key_generation: u64) -> Option<Arc<Session>> {
        let shard = self.shard(token)?.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.key_generation != key_generation {
            return None;
        }
        shard.young.get(token).or_else(|| shard.old.get(token)).cloned()
    }

    pub(super) fn keep(&self, token: &str, session: &Arc<Session>, key_generation: u64) {
        if self.per_shard == 0 {
            return;
        }
        let Some(shard) = self.shard(token) else { return };
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
        shard.young.insert(token.into(), Arc::clone(session));
    }

    /// How many tokens are kept.
    pub(super) fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(count).sum()
    }

    fn shard(&self, token: &str) -> Option<&Mutex<Shard>> {
        let hash = self.hasher.hash_one(token);
        self.shards.get(usize::try_from(hash % SHARDS as u64).ok()?)
    }
}
