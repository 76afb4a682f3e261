//! Ports that are watched: what was called in which order, with faults and stops on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use clerk_sync_core::port::{Backlog, Directory, Inspect, Lane, PageOf, Store};
use clerk_sync_core::{
    Change, Commit, Delivery, DeliveryCursor, DeliveryFilter, DeliveryId, DeliveryStatus, DirectoryError,
    Entry, Health, Record, Snapshot, StoreError, StoreErrorKind, Subject, Timestamp, UserFilter, UserId,
    View,
};
use clerk_sync_testkit::{FakeDirectory, Fault, StoreAndInspect};

/// Where a call stops for good, as if the process had been killed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Before it did anything.
    Before,
    /// After it did its work, before the caller heard of it.
    After,
}

/// The calls over all ports in their order, and what is to go wrong with them.
#[derive(Default)]
pub(crate) struct Calls {
    script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
    made: Vec<&'static str>,
    under_way: usize,
    reads: VecDeque<Fault>,
    writes: VecDeque<Fault>,
    down: bool,
    corrupt: bool,
    stop: Option<(usize, Stop)>,
    meanwhile: Option<(&'static str, Meanwhile)>,
}

/// Something that happens between a call's work and its caller hearing of it.
type Meanwhile = Box<dyn FnOnce() + Send>;

impl Calls {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls made since this was asked last.
    pub(crate) fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.script().made)
    }

    /// How many calls to the store are being worked on.
    pub(crate) fn under_way(&self) -> usize {
        self.script().under_way
    }

    pub(crate) fn plan_reads(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script().reads.extend(faults);
    }

    pub(crate) fn plan_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script().writes.extend(faults);
    }

    /// While on, every call to the store fails.
    pub(crate) fn set_down(&self, down: bool) {
        self.script().down = down;
    }

    /// While on, every `view` finds a row that breaks its own rules.
    pub(crate) fn set_corrupt(&self, corrupt: bool) {
        self.script().corrupt = corrupt;
    }

    /// The call number `number` from now on, counted from 1 over all ports, never returns.
    pub(crate) fn stop_at(&self, number: usize, stop: Stop) {
        self.script().stop = Some((number, stop));
    }

    /// Runs `meanwhile` after the next call of this name has done its work, before its caller hears of it.
    pub(crate) fn before_next_answer(&self, name: &'static str, meanwhile: impl FnOnce() + Send + 'static) {
        self.script().meanwhile = Some((name, Box::new(meanwhile)));
    }

    fn meanwhile(&self, name: &'static str) {
        let meanwhile = {
            let mut script = self.script();
            if script.meanwhile.as_ref().is_none_or(|(awaited, _)| *awaited != name) {
                return;
            }
            script.meanwhile.take()
        };
        if let Some((_, meanwhile)) = meanwhile {
            meanwhile();
        }
    }

    /// Lets all later calls through; whether the planned stop was never reached.
    pub(crate) fn clear_stop(&self) -> bool {
        self.script().stop.take().is_some()
    }

    /// Notes a call; answers where it is to stop.
    fn enter(&self, name: &'static str) -> Option<Stop> {
        let mut script = self.script();
        script.made.push(name);
        let (left, stop) = script.stop.take()?;
        if left > 1 {
            script.stop = Some((left - 1, stop));
            return None;
        }
        Some(stop)
    }

    fn fault(&self, write: bool) -> Fault {
        let mut script = self.script();
        if script.down {
            return Fault::Before;
        }
        let plan = if write { &mut script.writes } else { &mut script.reads };
        plan.pop_front().unwrap_or(Fault::Pass)
    }
}

/// Counts a call for as long as its future lives.
struct UnderWay<'a>(&'a Calls);

impl<'a> UnderWay<'a> {
    fn new(calls: &'a Calls) -> Self {
        calls.script().under_way += 1;
        Self(calls)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.script().under_way -= 1;
    }
}

/// A store that is watched.
pub(crate) struct Probe {
    pub(crate) inner: Arc<dyn StoreAndInspect>,
    pub(crate) calls: Arc<Calls>,
}

fn planned() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "a planned fault")
}

impl Probe {
    async fn run<T>(
        &self,
        name: &'static str,
        write: bool,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let stop = self.calls.enter(name);
        if stop == Some(Stop::Before) {
            std::future::pending::<()>().await;
        }
        let fault = self.calls.fault(write);
        if fault == Fault::Before {
            return Err(planned());
        }
        let answer = {
            let _under_way = UnderWay::new(&self.calls);
            call.await
        };
        self.calls.meanwhile(name);
        if stop == Some(Stop::After) {
            std::future::pending::<()>().await;
        }
        if fault == Fault::After { answer.and(Err(planned())) } else { answer }
    }
}

#[async_trait]
impl Store for Probe {
    async fn record(&self, id: &UserId) -> Result<Option<Entry>, StoreError> {
        self.run("record", false, self.inner.record(id)).await
    }

    async fn view(&self, subject: &Subject) -> Result<View, StoreError> {
        let view = self.run("view", false, self.inner.view(subject)).await?;
        if self.calls.script().corrupt {
            return Err(StoreError::new(StoreErrorKind::Corrupt, "a planned fault"));
        }
        Ok(view)
    }

    async fn views(&self, subjects: &[Subject]) -> Result<Vec<View>, StoreError> {
        self.run("views", false, self.inner.views(subjects)).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Commit, StoreError> {
        let stale = {
            let mut script = self.calls.script();
            let stale = !script.down && script.writes.front() == Some(&Fault::Stale);
            if stale {
                script.writes.pop_front();
                script.made.push("commit");
            }
            stale
        };
        if stale {
            return Ok(Commit::Stale);
        }
        self.run("commit", true, self.inner.commit(changes)).await
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.run("note", false, self.inner.note(name)).await
    }

    async fn take_repairs(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        self.run("take_repairs", true, self.inner.take_repairs(now, lease_until, limit)).await
    }

    async fn take_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.run("take_deliveries", true, self.inner.take_deliveries(now, lease_until, limit)).await
    }
}

#[async_trait]
impl Inspect for Probe {
    async fn ping(&self) -> Result<(), StoreError> {
        self.run("ping", true, self.inner.ping()).await
    }

    async fn backlog(&self, unconfirmed_before: Timestamp) -> Result<Backlog, StoreError> {
        self.run("backlog", false, self.inner.backlog(unconfirmed_before)).await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.inner.health().await
    }

    async fn search_users(
        &self,
        filter: &UserFilter,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        self.inner.search_users(filter, after, limit).await
    }

    async fn search_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.inner.search_deliveries(filter, after, limit).await
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.inner.delivery(id).await
    }

    async fn drop_bodies(
        &self,
        status: DeliveryStatus,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.run("drop_bodies", true, self.inner.drop_bodies(status, before, limit)).await
    }

    async fn erase_bodies(&self, user: &UserId, mentions: &[String], limit: u32) -> Result<u64, StoreError> {
        self.run("erase_bodies", true, self.inner.erase_bodies(user, mentions, limit)).await
    }
}

/// A directory that is watched; a stop after its answer leaves the question counted.
pub(crate) struct ProbeDirectory {
    pub(crate) inner: Arc<FakeDirectory>,
    pub(crate) calls: Arc<Calls>,
}

#[async_trait]
impl Directory for ProbeDirectory {
    async fn user(&self, id: &UserId, lane: Lane) -> Result<Option<Snapshot>, DirectoryError> {
        let stop = self.calls.enter("directory.user");
        if stop == Some(Stop::Before) {
            std::future::pending::<()>().await;
        }
        let answer = self.inner.user(id, lane).await;
        if stop == Some(Stop::After) {
            std::future::pending::<()>().await;
        }
        answer
    }

    async fn page(&self, page: &PageOf, lane: Lane) -> Result<Vec<Snapshot>, DirectoryError> {
        let stop = self.calls.enter("directory.page");
        if stop == Some(Stop::Before) {
            std::future::pending::<()>().await;
        }
        let answer = self.inner.page(page, lane).await;
        self.calls.meanwhile("directory.page");
        if stop == Some(Stop::After) {
            std::future::pending::<()>().await;
        }
        answer
    }

    async fn count(&self, lane: Lane) -> Result<u64, DirectoryError> {
        self.calls.enter("directory.count");
        self.inner.count(lane).await
    }

    async fn instance_id(&self) -> Result<String, DirectoryError> {
        self.calls.enter("directory.instance_id");
        self.inner.instance_id().await
    }
}
