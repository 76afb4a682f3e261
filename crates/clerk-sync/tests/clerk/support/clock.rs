use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use clerk_sync_core::Timestamp;
use clerk_sync_core::port::Clock;

/// A clock that moves only when it is slept on or set.
pub(crate) struct ManualClock {
    millis: AtomicI64,
    slept: Mutex<Vec<u64>>,
}

impl ManualClock {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { millis: AtomicI64::new(now.as_millis()), slept: Mutex::default() }
    }

    pub(crate) fn advance(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn slept(&self) -> Vec<u64> {
        self.slept.lock().unwrap().clone()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }

    async fn sleep(&self, millis: u64) {
        self.slept.lock().unwrap().push(millis);
        self.advance(i64::try_from(millis).unwrap());
        tokio::task::yield_now().await;
    }
}
