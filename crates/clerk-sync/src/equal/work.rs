//! What is done without being asked: backfill once, sweep now and then, catch up all the time.

use clerk_sync_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BackfillOptions, EqualError, Equality, SweepOptions};
use crate::chain::Chain;

pub(super) const NOTE: &str = "sweep";
/// A sweep asked for by counting comes no sooner than so many times as long as the last one took, so that at most a
/// twentieth of the time is spent on it; unless it is done within the period between two counts.
const REST: i64 = 20;
/// And none comes sooner than this many staleness bounds: repairs and deletions under way have to be confirmed first,
/// and each sweep moves the revision of what is dirty.
const BOUNDS: i64 = 4;

/// The last sweep. All times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Swept {
    pub(super) finished_ms: i64,
    took_ms: i64,
}

impl Equality {
    /// Runs for ever; nothing is done by halves: whatever is dropped goes on after the next start.
    pub(crate) async fn work(&self) {
        if self.settings.catch_up_ms == 0 && self.settings.sweep_every_ms == 0 {
            return;
        }
        futures_util::future::join(self.catch_up_forever(), self.sweep_forever()).await;
    }

    async fn catch_up_forever(&self) {
        if self.settings.catch_up_ms == 0 {
            return;
        }
        loop {
            let wait_ms = match self.poll().await {
                Ok(polled) => {
                    if polled.wants_sweep {
                        self.wanted.notify_one();
                    }
                    polled.wait_ms
                }
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "changes cannot be caught up with now");
                    self.settings.catch_up_ms
                }
            };
            self.engine.clock.sleep(wait_ms.max(1)).await;
        }
    }

    async fn sweep_forever(&self) {
        let wait_ms = match self.settings.catch_up_ms {
            0 => 60_000,
            period_ms => period_ms.min(60_000),
        };
        let mut wanted = false;
        loop {
            if let Err(error) = self.sweep_if_due(wanted).await {
                match error {
                    // Another replica is at it.
                    EqualError::Busy { .. } | EqualError::Superseded => {}
                    // It has been told of, and stays so until somebody confirms.
                    EqualError::Braked { .. } => {}
                    error => {
                        tracing::warn!(error = %Chain(&error), "the comparison with Clerk was cut short")
                    }
                }
            }
            wanted = self.engine.within(wait_ms, self.wanted.notified()).await.is_some();
        }
    }

    async fn sweep_if_due(&self, wanted: bool) -> Result<(), EqualError> {
        if !self.is_backfilled().await? {
            let report = self.backfill(BackfillOptions::default(), &|_| {}).await?;
            tracing::info!(
                users = report.users,
                created = report.created,
                "every user of Clerk was taken over"
            );
            return Ok(());
        }
        let now = self.engine.clock.now().as_millis();
        let last = self.note::<Swept>(NOTE).await?.value;
        let since = last.map_or(i64::MAX, |last| now.saturating_sub(last.finished_ms));
        let bound = i64::try_from(self.engine.settings.staleness_bound_ms).unwrap_or(i64::MAX);
        let period = i64::try_from(self.settings.catch_up_ms).unwrap_or(i64::MAX);
        let long = last.map(|last| last.took_ms).filter(|took| *took > period);
        let soonest = bound.saturating_mul(BOUNDS);
        let rest = long.map_or(0, |took| took.saturating_mul(REST));
        let every = i64::try_from(self.settings.sweep_every_ms).unwrap_or(i64::MAX);
        let scheduled = every > 0 && since >= every.max(soonest);
        let asked_for = wanted && since >= rest.max(soonest);
        if !scheduled && !asked_for {
            return Ok(());
        }
        let report = self.sweep(SweepOptions::default(), &|_| {}).await?;
        tracing::info!(
            users = report.users,
            created = report.created,
            updated = report.updated,
            differing = report.differing,
            missing = report.missing,
            "the database was compared with Clerk"
        );
        Ok(())
    }

    /// Notes that a sweep has ended, also one that was held back: it has listed everything.
    pub(super) async fn note_swept(&self, ended: Timestamp, took_ms: i64) -> Result<(), EqualError> {
        let swept = Swept { finished_ms: ended.as_millis(), took_ms };
        self.note_end(NOTE, swept, |swept| swept.finished_ms).await
    }
}
