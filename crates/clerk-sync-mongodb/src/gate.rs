//! How many calls run at once, and how long each may take.

use std::sync::Arc;
use std::time::Duration;

use clerk_sync_core::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::Options;
use crate::error::unavailable;

/// The driver keeps callers waiting for a connection without end and without a limit on their number; here
/// they wait in front of it, for a short time.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    wait: Duration,
    timeout: Duration,
}

/// One call: a place among those that run, until a moment.
#[derive(Debug)]
pub(crate) struct Pass {
    deadline: Instant,
    _place: OwnedSemaphorePermit,
}

impl Gate {
    pub(crate) fn new(options: &Options) -> Self {
        let places = usize::try_from(options.pool.max(1)).unwrap_or(1).min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), wait: options.pool_wait, timeout: options.timeout }
    }

    pub(crate) async fn enter(&self, doing: &str) -> Result<Pass, StoreError> {
        let deadline = Instant::now() + self.timeout;
        let place = tokio::time::timeout(self.wait, self.places.clone().acquire_owned()).await;
        match place {
            Ok(Ok(place)) => Ok(Pass { deadline, _place: place }),
            Ok(Err(_)) => Err(unavailable(format!("{doing}: the store is closed"))),
            Err(_) => Err(unavailable(format!("{doing}: all connections are in use"))),
        }
    }

    /// Does `work` as one call.
    pub(crate) async fn run<T>(
        &self,
        doing: &str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.enter(doing).await?.run(doing, work).await
    }
}

impl Pass {
    /// Whether its time is over.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Does `work` within the time that is left. What is given up on is dropped: the driver then closes the
    /// connection, and aborts the transaction if there is one.
    pub(crate) async fn run<T>(
        &self,
        doing: &str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout_at(self.deadline, work).await {
            Ok(answer) => answer,
            Err(_) => Err(unavailable(format!("{doing}: no answer in time"))),
        }
    }
}
