//! Every user there is, page by page, with a checkpoint after each: a kill repeats at most one page.

use clerk_sync_core::port::Lane;
use serde::{Deserialize, Serialize};

use super::compared::Rigour;
use super::lease::Lease;
use super::listing::Listed;
use super::note::Note;
use super::walk::Walk;
use super::{EqualError, Equality, Progress, Told};

const LEASE: &str = "backfill_lease";
const CHECKPOINT: &str = "backfill";

/// How a backfill is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackfillOptions {
    /// Only look and count.
    pub dry_run: bool,
    /// From the beginning, also where an earlier one was cut short.
    pub restart: bool,
}

/// What a backfill did, the parts before a kill included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackfillReport {
    /// Users Clerk listed.
    pub users: u64,
    /// Records made.
    pub created: u64,
    /// Records brought up to date.
    pub updated: u64,
    /// How many of the users were done by an earlier run that was cut short.
    pub resumed_at: u64,
    /// How long this run took, in milliseconds.
    pub took_ms: i64,
    /// Whether it only looked.
    pub dry_run: bool,
}

/// How far it is; written together with the renewal of the lease.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    walk: Walk,
    created: u64,
    updated: u64,
    pub(super) is_done: bool,
}

impl Equality {
    /// Whether there was a backfill to the end.
    pub(super) async fn is_backfilled(&self) -> Result<bool, EqualError> {
        Ok(self.note::<Checkpoint>(CHECKPOINT).await?.value.is_some_and(|checkpoint| checkpoint.is_done))
    }

    /// Takes every user over; goes on where one was cut short.
    pub(crate) async fn backfill(
        &self,
        options: BackfillOptions,
        told: Told<'_>,
    ) -> Result<BackfillReport, EqualError> {
        self.verify_instance().await?;
        if options.dry_run {
            return self.look(told).await;
        }
        let lease = self.lease(LEASE).await?;
        let done = self.fill(&lease, options, told).await;
        if !matches!(done, Err(EqualError::Superseded)) {
            self.let_go(lease).await;
        }
        done
    }

    async fn look(&self, told: Told<'_>) -> Result<BackfillReport, EqualError> {
        let started = self.engine.clock.now();
        let total = self.count(Lane::Sweep).await?;
        let mut report = BackfillReport { dry_run: true, ..BackfillReport::default() };
        let mut walk = Walk::default();
        loop {
            let listed = self.list(walk).await?;
            let found = self.compare(listed.met, Rigour::Look).await?;
            walk = listed.walk;
            report.users = walk.users;
            report.created += found.created;
            report.updated += found.updated + found.differing;
            told(Progress { users: walk.users, total });
            if listed.is_last {
                report.took_ms = self.engine.clock.now().millis_since(started);
                return Ok(report);
            }
        }
    }

    async fn fill(
        &self,
        lease: &Lease,
        options: BackfillOptions,
        told: Told<'_>,
    ) -> Result<BackfillReport, EqualError> {
        let started = self.engine.clock.now();
        let mut note: Note<Checkpoint> = self.note(CHECKPOINT).await?;
        let unfinished = |one: &Checkpoint| !one.is_done && !options.restart;
        let mut checkpoint = note.value.clone().filter(unfinished).unwrap_or_default();
        let resumed_at = checkpoint.walk.users;
        let total = self.under(lease, self.count(Lane::Sweep)).await?;
        told(Progress { users: resumed_at, total });
        let mut next = Some(self.under(lease, self.list(checkpoint.walk.clone())).await?);
        while let Some(Listed { met, walk, is_last }) = next.take() {
            let after = walk.clone();
            let taking = async {
                let found = self.compare(met, Rigour::Join).await?;
                let done = Checkpoint {
                    created: checkpoint.created + found.created,
                    updated: checkpoint.updated + found.updated + found.differing,
                    walk: after,
                    is_done: is_last,
                };
                let (change, written) = note.replaced(done.clone());
                self.keep(lease, vec![change]).await?;
                told(Progress { users: done.walk.users, total });
                Ok::<_, EqualError>((done, written))
            };
            let both = futures_util::future::join(taking, self.list_on(walk, is_last));
            let (taken, listed) = self.under(lease, async { Ok(both.await) }).await?;
            (checkpoint, note) = taken?;
            next = listed?;
        }
        Ok(BackfillReport {
            users: checkpoint.walk.users,
            created: checkpoint.created,
            updated: checkpoint.updated,
            resumed_at,
            took_ms: self.engine.clock.now().millis_since(started),
            dry_run: false,
        })
    }
}
