use std::future::poll_fn;
use std::pin::pin;

use futures_util::future::join_all;
use tokio_postgres::Error;

use super::plan::Step;
use crate::error::Failure;
use crate::pool::Connection;
use crate::statement::Ready;

/// How many statements are sent before the first answer is awaited.
const AT_ONCE: usize = 64;

/// A transaction that was begun, or is about to be.
///
/// Whoever lets it go before its end closes the connection: a future may be dropped between any two answers,
/// and nobody after it may find its transaction still open.
pub(crate) struct Transaction {
    connection: Option<Connection>,
}

impl Transaction {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection: Some(connection) }
    }

    fn connection(&self) -> Result<&Connection, Failure> {
        // It is there until the transaction has ended.
        self.connection.as_ref().ok_or_else(|| crate::error::unavailable("the transaction has ended").into())
    }

    /// Begins, and runs all steps in their order; answers whether each found what it expected.
    pub(crate) async fn run(&self, steps: &[Step<'_>]) -> Result<bool, Failure> {
        let connection = self.connection()?;
        let mut ready = Vec::with_capacity(steps.len());
        for step in steps {
            ready.push((connection.ready(step.sql).await?, step));
        }
        let mut begin = Some(connection.settings().begin());
        for steps in ready.chunks(AT_ONCE) {
            // Sent at once and run in order; after one that fails the server refuses the rest.
            let begun = begin.take().map(Sent::Batch);
            let sent = begun.into_iter().chain(steps.iter().map(|(ready, step)| Sent::Step(ready, step)));
            for found in join_all(sent.map(|one| one.run(connection))).await {
                if !found? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Makes everything durable, then runs `afterwards` without waiting for it.
    pub(crate) async fn commit(mut self, afterwards: &str) -> Result<(), Failure> {
        commit(self.connection()?, afterwards).await?;
        self.connection = None;
        Ok(())
    }

    /// Undoes everything, and keeps the connection.
    pub(crate) async fn roll_back(mut self) -> Result<(), Failure> {
        self.connection()?.batch("ROLLBACK").await?;
        self.connection = None;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.discard();
        }
    }
}

async fn commit(connection: &Connection, afterwards: &str) -> Result<(), Error> {
    if afterwards.is_empty() {
        return connection.batch("COMMIT").await;
    }
    if connection.settings().transaction_pooler() {
        // The pooler may give the connection away between the two, so they cannot be sent at once.
        connection.batch("COMMIT").await?;
        // What was committed is committed; who was not told looks by himself.
        let _ = connection.batch(afterwards).await;
        return Ok(());
    }
    let mut commit = pin!(connection.batch("COMMIT"));
    let mut after = pin!(connection.batch(afterwards));
    let mut sent = false;
    poll_fn(|context| {
        let done = commit.as_mut().poll(context);
        if !sent {
            sent = true;
            // The first poll sends it behind the commit. Nobody waits for the answer: it was only advice, and
            // whoever uses the connection next comes after it.
            let _ = after.as_mut().poll(context);
        }
        done
    })
    .await
}

/// What is sent to the server.
enum Sent<'a> {
    Batch(&'a str),
    Step(&'a Ready<'a>, &'a Step<'a>),
}

impl Sent<'_> {
    async fn run(self, connection: &Connection) -> Result<bool, Error> {
        match self {
            Self::Batch(text) => connection.batch(text).await.map(|()| true),
            Self::Step(ready, step) => {
                let rows = connection.execute(ready, &step.values).await?;
                Ok(step.rows.is_none_or(|expected| rows == expected))
            }
        }
    }
}
