//! The one thread that writes.

mod apply;
mod queue;
mod take;
mod thread;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use clerk_sync_core::StoreError;
use rusqlite::Connection;

use crate::Options;
use crate::error::{Failure, unavailable};

pub(crate) use apply::apply;
use queue::{Job, Task};
pub(crate) use take::{drop_bodies, nothing, take_deliveries, take_repairs};

/// Every statement that writes, for those who look at their plans.
#[cfg(test)]
pub(crate) mod statements {
    pub(crate) use super::apply::{
        BURY, BURY_NEW, CLAIM, INSERT, LOG_AGAIN, LOG_NEW, NOTE_AGAIN, NOTE_NEW, POSTPONE, RELEASE, UPDATE,
    };
    pub(crate) use super::take::{DROP_BODIES, DUE_DELIVERIES, DUE_REPAIRS, LEASE_DELIVERY, LEASE_REPAIR};
}

/// What a job has done inside its savepoint.
pub(crate) enum Effect<T> {
    /// It is to be kept.
    Keep(T),
    /// It is to be undone, and this is the answer.
    Undo(T),
}

/// How much was written since a store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Commits and takes that were answered from a durable transaction.
    pub jobs: u64,
    /// Transactions they shared.
    pub transactions: u64,
}

#[derive(Debug, Default)]
struct Counters {
    jobs: AtomicU64,
    transactions: AtomicU64,
}

/// The way to the writing thread: a queue of limited length.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<SyncSender<Box<dyn Task>>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, path: &Path, options: &Options) -> Result<Self, StoreError> {
        let (queue, jobs) = sync_channel(options.queue.max(1));
        let counters = Arc::new(Counters::default());
        let thread = thread::Thread::new(connection, path, options, jobs, counters.clone());
        let thread = std::thread::Builder::new()
            .name("clerk-sync-sqlite".into())
            .spawn(move || thread.run())
            .map_err(|error| unavailable("cannot start the writing thread").caused_by(error))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), counters })
    }

    /// Has `work` done inside a transaction and answers once that is durable.
    ///
    /// A full queue is an answer at once: whoever waits longer than its caller would only be in the way. A
    /// caller that goes away before its turn takes its work with it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> Result<Effect<T>, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = Job::new(doing, work);
        let queue = self.queue.as_ref().ok_or_else(|| unavailable("the store is closed"))?;
        queue.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => unavailable(format!("{doing}: too many commits wait")),
            TrySendError::Disconnected(_) => unavailable(format!("{doing}: the writing thread has ended")),
        })?;
        answer.await.unwrap_or_else(|_| Err(unavailable(format!("{doing}: the writing thread has ended"))))
    }

    pub(crate) fn written(&self) -> Written {
        Written {
            jobs: self.counters.jobs.load(Ordering::Relaxed),
            transactions: self.counters.transactions.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without senders the queue ends once it is empty, and the thread with it.
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say; had it panicked, its callers know already.
            let _ = thread.join();
        }
    }
}
