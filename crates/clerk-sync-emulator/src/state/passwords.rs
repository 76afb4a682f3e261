//! Passwords, digested, and how often somebody guessed at them.

use std::collections::HashMap;
use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};

use crate::id::Id;

/// Few, because these users live in memory and are made up.
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(1_000) {
    Some(count) => count,
    None => NonZeroU32::MIN,
};

/// The passwords of users, by user.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    digests: HashMap<Id, [u8; 32]>,
    wrong: HashMap<Id, u32>,
}

impl Passwords {
    pub(super) fn set(&mut self, user_id: &Id, password: &str) {
        let mut digest = [0; 32];
        pbkdf2::derive(PBKDF2_HMAC_SHA256, ITERATIONS, user_id.as_bytes(), password.as_bytes(), &mut digest);
        self.digests.insert(user_id.clone(), digest);
    }

    /// Forgets the digest: the password is another one that was given in a form we cannot compare with.
    pub(super) fn forget(&mut self, user_id: &str) {
        self.digests.remove(user_id);
        self.wrong.remove(user_id);
    }

    /// Compares. A user whose password came as somebody else's digest has none that is right.
    pub(super) fn matches(&self, user_id: &str, password: &str) -> bool {
        self.digests.get(user_id).is_some_and(|digest| {
            let (salt, typed) = (user_id.as_bytes(), password.as_bytes());
            pbkdf2::verify(PBKDF2_HMAC_SHA256, ITERATIONS, salt, typed, digest).is_ok()
        })
    }

    /// Counts a wrong one and tells how many there were in a row.
    pub(super) fn wrong(&mut self, user_id: &Id) -> u32 {
        let count = self.wrong.entry(user_id.clone()).or_default();
        *count += 1;
        *count
    }

    pub(super) fn right(&mut self, user_id: &str) {
        self.wrong.remove(user_id);
    }
}
