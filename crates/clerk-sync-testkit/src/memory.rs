//! A store in memory: the ports over [`State`].

mod inspect;
mod state;
mod uniqueness;

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use clerk_sync_core::port::{Backlog, Inspect, Store};
use clerk_sync_core::{
    Change, Commit, Delivery, DeliveryId, DeliveryStatus, Entry, Record, StoreError, Subject, Timestamp,
    UserId, View,
};
pub use state::State;

/// A store in memory, for tests: it never fails and forgets everything.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state itself, for tests that look at or prepare it; the store waits as long as it is held.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn record(&self, id: &UserId) -> Result<Option<Entry>, StoreError> {
        Ok(self.state().record(id).cloned())
    }

    async fn view(&self, subject: &Subject) -> Result<View, StoreError> {
        Ok(self.state().view(subject))
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Commit, StoreError> {
        Ok(self.state().commit(&changes))
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.state().note(name).cloned())
    }

    async fn take_repairs(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        Ok(self.state().take_repairs(now, lease_until, limit))
    }

    async fn take_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.state().take_deliveries(now, lease_until, limit))
    }
}

#[async_trait]
impl Inspect for MemoryStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn backlog(&self, unconfirmed_before: Timestamp) -> Result<Backlog, StoreError> {
        Ok(self.state().backlog(unconfirmed_before))
    }

    async fn entries(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Entry>, StoreError> {
        Ok(self.state().entries(after, limit))
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        Ok(self.state().delivery(id).cloned())
    }

    async fn deliveries(
        &self,
        status: Option<DeliveryStatus>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.state().deliveries(status, limit))
    }

    async fn drop_bodies(
        &self,
        status: DeliveryStatus,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        Ok(self.state().drop_bodies(status, before, limit))
    }
}
