//! Settles dirty records by Clerk's answer by id (R5, R10, R12).

use std::sync::Arc;

use clerk_sync_core::port::Lane;
use clerk_sync_core::{
    Change, DirectoryError, Entry, Fact, Outcome, Record, Repair, Snapshot, UserId, retry_after_ms,
};
use futures_util::StreamExt;

use super::{Engine, jittered};
use crate::chain::Chain;

/// How many records are settled at once.
const CONCURRENCY: usize = 8;

impl Engine {
    pub(crate) async fn repair_forever(self: &Arc<Self>) {
        loop {
            if self.repair_round(self.settings.batch).await == 0 {
                self.idle(&self.repairs).await;
            }
        }
    }

    /// Takes what is due, at most `limit`, and settles it; answers how many records that were.
    pub(crate) async fn repair_round(&self, limit: u32) -> usize {
        let now = self.clock.now();
        let lease = now.plus_millis(i64::try_from(self.settings.lease_ms).unwrap_or(i64::MAX));
        let taken = match self.store.take_repairs(now, lease, limit).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "no repairs can be taken");
                return 0;
            }
        };
        if taken.is_empty() {
            return 0;
        }
        // An answer may be this old. Asked now, it could be older than what was just read; asked after the
        // bound it cannot.
        self.clock.sleep(self.settings.staleness_bound_ms).await;
        let count = taken.len();
        futures_util::stream::iter(taken)
            .for_each_concurrent(CONCURRENCY, |record| async move { self.repair(&record).await })
            .await;
        count
    }

    pub(super) async fn repair(&self, record: &Record) {
        let fact = match self.ask_twice(&record.id).await {
            Ok(Some(snapshot)) => Fact::Repaired { snapshot, fence: record.rev },
            Ok(None) => Fact::Absent { id: record.id.clone(), at: self.clock.now(), fence: record.rev },
            Err(error) => {
                let wait = i64::try_from(error.retry_after_ms()).unwrap_or(i64::MAX);
                return self.postpone(record, wait, &error).await;
            }
        };
        match self.absorb(&fact).await {
            Ok(absorbed) => match (absorbed.outcome, absorbed.entry) {
                // Overtaken. What overtook it may have left the record dirty; then it is due at once, and
                // otherwise there is nothing to do (asking again without need would never end).
                (Outcome::Fenced, Some(Entry::Live(current))) if current.is_dirty() => {
                    self.rush(&current).await
                }
                (Outcome::StaleAnswer, _) => {
                    self.postpone(record, 0, &StaleAnswer).await;
                }
                _ => {}
            },
            Err(error) => self.postpone(record, 0, &error).await,
        }
    }

    /// A 404 is believed only when Clerk says it again after the staleness bound.
    async fn ask_twice(&self, id: &UserId) -> Result<Option<Snapshot>, DirectoryError> {
        let first = self.ask(id, Lane::Repair).await?;
        if first.is_some() {
            return Ok(first);
        }
        self.clock.sleep(self.settings.staleness_bound_ms).await;
        self.ask(id, Lane::Repair).await
    }

    async fn rush(&self, record: &Record) {
        let attempts = record.repair.map_or(0, |repair| repair.attempts);
        self.reschedule(record, Repair { due_at: self.clock.now(), attempts }).await;
        self.repairs.notify_one();
    }

    async fn postpone(
        &self,
        record: &Record,
        at_least_ms: i64,
        why: &(dyn std::error::Error + Send + Sync + 'static),
    ) {
        tracing::warn!(user.id = %record.id, error = %Chain(why), "a repair is put off");
        let attempts = record.repair.map_or(0, |repair| repair.attempts).saturating_add(1);
        let delay = jittered(retry_after_ms(attempts).max(at_least_ms), record.id.as_str(), attempts);
        self.reschedule(record, Repair { due_at: self.clock.now().plus_millis(delay), attempts }).await;
    }

    async fn reschedule(&self, record: &Record, repair: Repair) {
        let change = Change::PostponeRepair { id: record.id.clone(), expected: record.rev, repair };
        if let Err(error) = self.insist(vec![change]).await {
            // The lease brings it back.
            tracing::warn!(user.id = %record.id, error = %Chain(&error), "a repair could not be rescheduled");
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("Clerk's answer is older than the record")]
struct StaleAnswer;
