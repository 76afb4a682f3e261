//! Rate limits (Clerk docs, "System limits").

use std::collections::HashMap;

/// How many requests an instance may make in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in one window.
    pub requests: u32,
    /// Length of a window in milliseconds.
    pub window_ms: u32,
}

impl RateLimit {
    /// What Clerk allows a production instance: 1000 requests per 10 s.
    pub const PRODUCTION: Self = Self { requests: 1_000, window_ms: 10_000 };
    /// What Clerk allows a development instance: 100 requests per 10 s.
    pub const DEVELOPMENT: Self = Self { requests: 100, window_ms: 10_000 };
    /// What Clerk allows for changes of one user: 10 per 10 s.
    const PER_USER: Self = Self { requests: 10, window_ms: 10_000 };
}

/// How many users' windows are kept before those that are over are thrown away.
const MAX_USERS: usize = 10_000;

/// The windows of the instance and of every user that was changed lately.
#[derive(Debug)]
pub(crate) struct Limits {
    limit: Option<RateLimit>,
    instance: Window,
    users: HashMap<String, Window>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    start_ms: i64,
    taken: u32,
}

impl Limits {
    /// `None` switches every limit off, those of single users too.
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        Self { limit, instance: Window::default(), users: HashMap::new() }
    }

    /// Takes one request of the instance, or tells in how many seconds there will be room.
    pub(crate) fn take(&mut self, now_ms: i64) -> Result<(), u64> {
        match self.limit {
            Some(limit) => self.instance.take(limit, now_ms),
            None => Ok(()),
        }
    }

    /// Takes one change of a user.
    pub(crate) fn take_user(&mut self, user_id: &str, now_ms: i64) -> Result<(), u64> {
        if self.limit.is_none() {
            return Ok(());
        }
        if self.users.len() >= MAX_USERS {
            self.users.retain(|_, window| !window.over(RateLimit::PER_USER, now_ms));
        }
        self.users.entry(user_id.to_owned()).or_default().take(RateLimit::PER_USER, now_ms)
    }
}

impl Window {
    fn over(self, limit: RateLimit, now_ms: i64) -> bool {
        now_ms - self.start_ms >= i64::from(limit.window_ms) || now_ms < self.start_ms
    }

    fn take(&mut self, limit: RateLimit, now_ms: i64) -> Result<(), u64> {
        if self.taken == 0 || self.over(limit, now_ms) {
            *self = Self { start_ms: now_ms, taken: 0 };
        }
        if self.taken < limit.requests {
            self.taken += 1;
            return Ok(());
        }
        let left_ms = self.start_ms + i64::from(limit.window_ms) - now_ms;
        Err(u64::try_from(left_ms).unwrap_or(0).div_ceil(1_000).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_fills_and_starts_again() {
        let mut limits = Limits::new(Some(RateLimit { requests: 2, window_ms: 10_000 }));
        assert_eq!(limits.take(1_000), Ok(()));
        assert_eq!(limits.take(2_000), Ok(()));
        assert_eq!(limits.take(4_500), Err(7));
        assert_eq!(limits.take(10_999), Err(1));
        assert_eq!(limits.take(11_000), Ok(()));
    }

    #[test]
    fn users_have_windows_of_their_own() {
        let mut limits = Limits::new(Some(RateLimit::PRODUCTION));
        for _ in 0..10 {
            limits.take_user("user_a", 0).unwrap();
        }
        assert_eq!(limits.take_user("user_a", 1), Err(10));
        assert_eq!(limits.take_user("user_b", 1), Ok(()));
        let mut off = Limits::new(None);
        assert!((0..50).all(|_| off.take_user("user_a", 0).is_ok() && off.take(0).is_ok()));
    }
}
