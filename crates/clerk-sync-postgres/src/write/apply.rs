//! One commit: one transaction.

use std::collections::BTreeSet;

use clerk_sync_core::{Change, Commit, StoreError, UserId};

use super::Writes;
use super::plan::Plan;
use super::transaction::Transaction;
use crate::error::Failure;
use crate::pool::Pool;

/// Makes all changes, or finds that they are stale.
pub(crate) async fn commit(pool: &Pool, writes: &Writes, changes: &[Change]) -> Result<Commit, StoreError> {
    if changes.is_empty() {
        return Ok(Commit::Done);
    }
    let plan = Plan::of(writes, changes)?;
    let connection = pool.get("commit").await?;
    let transaction = Transaction::new(connection);
    let refused = |failure: Failure| failure.into_store_error("commit");
    match transaction.run(&plan.steps).await {
        Ok(true) => match transaction.commit(&notify(&writes.channel, &plan.touched)).await {
            Ok(()) => Ok(Commit::Done),
            Err(failure) if failure.is_lost_race() => Ok(Commit::Stale),
            Err(failure) => Err(refused(failure)),
        },
        Ok(false) => transaction.roll_back().await.map(|()| Commit::Stale).map_err(refused),
        Err(failure) if failure.is_lost_race() => {
            transaction.roll_back().await.map(|()| Commit::Stale).map_err(refused)
        }
        Err(failure) => Err(refused(failure)),
    }
}

/// Tells the other replicas who has changed.
///
/// It is a transaction of its own behind the commit: a notification inside it would make all commits of the
/// database wait for each other's sync, since the server keeps notifications in the order of commits by one
/// lock. It need not be durable: who waits also looks by himself from time to time.
fn notify(channel: &str, touched: &BTreeSet<&UserId>) -> String {
    if touched.is_empty() {
        return String::new();
    }
    // Ids have only letters, digits and _, so there is nothing to escape.
    let ids: Vec<String> = touched.iter().map(|id| format!("('{id}')")).collect();
    format!(
        "BEGIN; SET LOCAL synchronous_commit = off; \
         SELECT pg_notify('{channel}', id) FROM (VALUES {}) AS changed (id); COMMIT",
        ids.join(", ")
    )
}
