//! What waits for the writing thread.

use std::time::{Duration, Instant};

use clerk_sync_core::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Effect;
use crate::error::{Failure, is_constraint, store_error};

/// A job of any kind, as the writing thread sees it.
pub(super) trait Task: Send {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;

    /// How long it has waited.
    fn age(&self) -> Duration;

    /// Does the work, inside a savepoint. Answers whether the savepoint is to be kept; an error is one after
    /// which the whole transaction cannot go on.
    fn run(&mut self, connection: &Connection) -> Result<bool, rusqlite::Error>;

    /// Gives the answer found by `run`; the transaction is durable.
    fn succeed(self: Box<Self>);

    /// Answers with an error.
    fn fail(self: Box<Self>, kind: StoreErrorKind, why: &str);
}

type Answer<T> = Result<T, StoreError>;

pub(super) struct Job<T, F> {
    doing: &'static str,
    since: Instant,
    work: Option<F>,
    found: Option<Answer<T>>,
    reply: oneshot::Sender<Answer<T>>,
}

impl<T, F> Job<T, F> {
    pub(super) fn new(doing: &'static str, work: F) -> (Self, oneshot::Receiver<Answer<T>>) {
        let (reply, answer) = oneshot::channel();
        (Self { doing, since: Instant::now(), work: Some(work), found: None, reply }, answer)
    }
}

impl<T, F> Task for Job<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<Effect<T>, Failure> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn age(&self) -> Duration {
        self.since.elapsed()
    }

    fn run(&mut self, connection: &Connection) -> Result<bool, rusqlite::Error> {
        let Some(work) = self.work.take() else { return Ok(false) };
        let (found, keep) = match work(connection) {
            Ok(Effect::Keep(found)) => (Ok(found), true),
            Ok(Effect::Undo(found)) => (Ok(found), false),
            Err(Failure::Row(error)) => (Err(error), false),
            // The values break a rule of the table: that is this job's own trouble.
            Err(Failure::Sqlite(error)) if is_constraint(&error) => {
                (Err(store_error(self.doing, error)), false)
            }
            Err(Failure::Sqlite(error)) => return Err(error),
        };
        self.found = Some(found);
        Ok(keep)
    }

    fn succeed(self: Box<Self>) {
        let unrun = || Err(StoreError::new(StoreErrorKind::Unavailable, self.doing));
        // Whoever asked may have gone.
        let _ = self.reply.send(self.found.unwrap_or_else(unrun));
    }

    fn fail(self: Box<Self>, kind: StoreErrorKind, why: &str) {
        let _ = self.reply.send(Err(StoreError::new(kind, format!("{}: {why}", self.doing))));
    }
}
