use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use clerk_sync_core::port::Store;
use clerk_sync_core::{
    Change, Commit, Delivery, Entry, Record, StoreError, StoreErrorKind, Subject, Timestamp, UserId, View,
};

/// What goes wrong with one call to a [`FaultyStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// The call fails and does nothing.
    Before,
    /// The call does its work and then fails, so that its outcome is unknown to the caller.
    After,
    /// A commit answers [`Commit::Stale`] and does nothing; any other call passes.
    Stale,
}

/// A store that fails by plan.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    reads: VecDeque<Fault>,
    writes: VecDeque<Fault>,
    outage: bool,
}

impl<S> FaultyStore<S> {
    /// A store that passes everything on until faults are planned.
    pub fn new(inner: S) -> Self {
        Self { inner, plan: Mutex::default() }
    }

    /// The store behind.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Plans what happens to the next calls of `record`, `view`, `views` and `note`, one each.
    pub fn plan_reads(&self, faults: impl IntoIterator<Item = Fault>) {
        self.with_plan(|plan| plan.reads.extend(faults));
    }

    /// Plans what happens to the next calls that write (`commit` and both `take`s), one each.
    pub fn plan_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.with_plan(|plan| plan.writes.extend(faults));
    }

    /// While on, every call fails and does nothing; the plan waits.
    pub fn set_outage(&self, on: bool) {
        self.with_plan(|plan| plan.outage = on);
    }

    fn with_plan<T>(&self, f: impl FnOnce(&mut Plan) -> T) -> T {
        f(&mut self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn next_read(&self) -> Fault {
        self.with_plan(|plan| match plan.outage {
            true => Fault::Before,
            false => plan.reads.pop_front().unwrap_or(Fault::Pass),
        })
    }

    fn next_write(&self) -> Fault {
        self.with_plan(|plan| match plan.outage {
            true => Fault::Before,
            false => plan.writes.pop_front().unwrap_or(Fault::Pass),
        })
    }
}

fn planned() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "a planned fault")
}

async fn under<T>(fault: Fault, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match fault {
        Fault::Pass | Fault::Stale => call.await,
        Fault::Before => Err(planned()),
        Fault::After => call.await.and(Err(planned())),
    }
}

#[async_trait]
impl<S: Store> Store for FaultyStore<S> {
    async fn record(&self, id: &UserId) -> Result<Option<Entry>, StoreError> {
        under(self.next_read(), self.inner.record(id)).await
    }

    async fn view(&self, subject: &Subject) -> Result<View, StoreError> {
        under(self.next_read(), self.inner.view(subject)).await
    }

    async fn views(&self, subjects: &[Subject]) -> Result<Vec<View>, StoreError> {
        under(self.next_read(), self.inner.views(subjects)).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Commit, StoreError> {
        match self.next_write() {
            Fault::Stale => Ok(Commit::Stale),
            fault => under(fault, self.inner.commit(changes)).await,
        }
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        under(self.next_read(), self.inner.note(name)).await
    }

    async fn take_repairs(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        under(self.next_write(), self.inner.take_repairs(now, lease_until, limit)).await
    }

    async fn take_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        under(self.next_write(), self.inner.take_deliveries(now, lease_until, limit)).await
    }
}
