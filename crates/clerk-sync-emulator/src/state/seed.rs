//! Made-up users in numbers, for a backfill to find.

use std::sync::Arc;

use super::{Refusal, SignUp, State, Tick};
use crate::user::{NewUser, User};

/// When the first of them was made; each further one follows a second later.
const FIRST_MADE_MS: i64 = 1_700_000_000_000;

const FIRST_NAMES: [&str; 8] = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Ken"];
const LAST_NAMES: [&str; 7] = ["Stone", "River", "Field", "Marsh", "Brook", "Hill", "Wood"];

impl State {
    /// Makes the next of an endless list of users, all of them different: the same seed gives the same list. They were
    /// there all the time, so not even stale reads miss them.
    pub(crate) fn seed_user(&mut self) -> Result<Arc<User>, Refusal> {
        let number = self.seeded;
        self.seeded += 1;
        let name = |names: &[&str], number: u64| {
            let index = usize::try_from(number).unwrap_or_default() % names.len();
            names.get(index).map(|name| (*name).to_owned())
        };
        let new = NewUser {
            email_address: vec![format!("user{number}@seed.example")],
            first_name: name(&FIRST_NAMES, number),
            last_name: name(&LAST_NAMES, number / 3),
            ..NewUser::default()
        };
        let made_ms =
            FIRST_MADE_MS.saturating_add(i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(1_000));
        let user = self.made(new, SignUp::EmailCode, Tick { now_ms: made_ms, grain_ms: 0 })?;
        self.index(None, Some(user.clone()));
        Ok(user)
    }
}
