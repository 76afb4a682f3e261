use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use clerk_sync_core::Timestamp;
use clerk_sync_core::port::Clock;
use tokio::sync::watch;

/// A clock that moves only when told to; sleepers wake when it has moved far enough.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
    sleepers: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now: watch::Sender::new(now), sleepers: AtomicI64::new(0) }
    }

    /// Moves the clock forward by `millis` milliseconds, or back when negative, and wakes who is due.
    pub fn advance(&self, millis: i64) {
        self.now.send_modify(|now| *now = now.plus_millis(millis));
    }

    /// How many calls of `sleep` are waiting.
    pub fn sleepers(&self) -> i64 {
        self.sleepers.load(Ordering::SeqCst)
    }
}

/// Counts a sleeper for as long as its future lives.
struct Asleep<'a>(&'a AtomicI64);

impl<'a> Asleep<'a> {
    fn new(count: &'a AtomicI64) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep(&self, millis: u64) {
        let due = self.now().plus_millis(i64::try_from(millis).unwrap_or(i64::MAX));
        let mut now = self.now.subscribe();
        let _asleep = Asleep::new(&self.sleepers);
        // The sender lives in `self`, so waiting cannot end for any other reason.
        let _ = now.wait_for(|now| *now >= due).await;
    }
}
