//! Group commit: whoever waits joins the next transaction, and a lone commit waits for nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use clerk_sync_core::StoreErrorKind;
use rusqlite::{Connection, Result};

use super::Counters;
use super::queue::Task;
use crate::error::{is_busy, is_for_another_connection, kind};
use crate::{Options, connection};

/// How many jobs share one transaction at most.
const GROUP: usize = 256;

/// After how long without work the log is folded back into the file.
const IDLE: Duration = Duration::from_secs(1);

type Batch = Vec<Box<dyn Task>>;

pub(super) struct Thread {
    connection: Option<Connection>,
    path: PathBuf,
    options: Options,
    jobs: Receiver<Box<dyn Task>>,
    counters: Arc<Counters>,
    /// Whether something was written since the log was last folded back.
    log_grew: bool,
}

impl Thread {
    pub(super) fn new(
        connection: Connection,
        path: &Path,
        options: &Options,
        jobs: Receiver<Box<dyn Task>>,
        counters: Arc<Counters>,
    ) -> Self {
        let (path, options) = (path.to_owned(), options.clone());
        Self { connection: Some(connection), path, options, jobs, counters, log_grew: false }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(first) = self.next() {
            let mut batch = vec![first];
            self.fill(&mut batch);
            self.work_off(batch);
        }
        self.checkpoint();
    }

    fn next(&mut self) -> Option<Box<dyn Task>> {
        if self.log_grew {
            match self.jobs.recv_timeout(IDLE) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.checkpoint(),
            }
        }
        self.jobs.recv().ok()
    }

    fn fill(&self, batch: &mut Batch) {
        let room = GROUP.saturating_sub(batch.len());
        batch.extend(self.jobs.try_iter().take(room));
    }

    /// One transaction for the batch, as soon as the lock is there. Jobs that have waited for it as long as
    /// they may are answered; the others, and those that have come meanwhile, go on waiting.
    fn work_off(&mut self, mut batch: Batch) {
        loop {
            batch.retain(|job| !job.is_abandoned());
            let Some(oldest) = batch.first().map(|job| job.age()) else { return };
            let patience = self.options.busy_timeout.saturating_sub(oldest);
            let begun = self.connect().and_then(|connection| {
                connection.busy_timeout(patience.max(Duration::from_millis(1)))?;
                connection.execute_batch("BEGIN IMMEDIATE")
            });
            match begun {
                Ok(()) => return self.transact(batch),
                Err(error) if is_busy(&error) => {
                    let limit = self.options.busy_timeout;
                    let (late, waiting): (Batch, Batch) =
                        batch.into_iter().partition(|job| job.age() >= limit);
                    fail_all(late, StoreErrorKind::Unavailable, "another process writes");
                    batch = waiting;
                    self.fill(&mut batch);
                }
                Err(error) => return self.give_up(batch, &error),
            }
        }
    }

    fn transact(&mut self, mut batch: Batch) {
        let Some(connection) = &self.connection else {
            return fail_all(batch, StoreErrorKind::Unavailable, "there is no connection to write with");
        };
        let mut run = || {
            for job in &mut batch {
                run_in_savepoint(connection, job.as_mut())?;
            }
            connection.prepare_cached("COMMIT")?.execute(())
        };
        match run() {
            Ok(_) => {
                self.log_grew = true;
                self.counters.transactions.fetch_add(1, Ordering::Relaxed);
                self.counters.jobs.fetch_add(batch.len() as u64, Ordering::Relaxed);
                batch.into_iter().for_each(Task::succeed);
            }
            Err(error) => self.give_up(batch, &error),
        }
    }

    /// The transaction did not come to be: nobody's work is kept.
    fn give_up(&mut self, batch: Batch, error: &rusqlite::Error) {
        if let Some(connection) = &self.connection
            && !connection.is_autocommit()
            && connection.execute_batch("ROLLBACK").is_err()
        {
            self.connection = None;
        }
        if is_for_another_connection(error) {
            self.connection = None;
        }
        fail_all(batch, kind(error), &error.to_string());
    }

    fn connect(&mut self) -> Result<&Connection> {
        match self.connection {
            Some(ref connection) => Ok(connection),
            None => {
                let connection = connection::open_writer(&self.path, &self.options)?;
                Ok(self.connection.insert(connection))
            }
        }
    }

    /// Folds the log back into the file and empties it. It waits for nobody: if somebody reads, the next
    /// idle moment will do.
    fn checkpoint(&mut self) {
        self.log_grew = false;
        if let Some(connection) = &self.connection {
            let fold = || {
                connection.busy_timeout(Duration::ZERO)?;
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get::<_, bool>(0))
            };
            self.log_grew = fold().unwrap_or(false);
        }
    }
}

fn run_in_savepoint(connection: &Connection, job: &mut dyn Task) -> Result<()> {
    connection.prepare_cached("SAVEPOINT job")?.execute(())?;
    if !job.run(connection)? {
        connection.prepare_cached("ROLLBACK TO job")?.execute(())?;
    }
    connection.prepare_cached("RELEASE job")?.execute(())?;
    Ok(())
}

fn fail_all(batch: Batch, kind: StoreErrorKind, why: &str) {
    for job in batch {
        job.fail(kind, why);
    }
}
