//! Requests held until a commit: woken by it, without asking the database meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use clerk_sync_core::UserId;
use tokio::sync::Notify;

/// One bell per user somebody waits for.
#[derive(Default)]
pub(super) struct Waiters {
    bells: Mutex<HashMap<UserId, Arc<Notify>>>,
}

/// A place at a bell; leaving it takes the bell down when nobody else is there.
pub(super) struct Waiter<'a> {
    waiters: &'a Waiters,
    id: UserId,
    bell: Arc<Notify>,
}

impl Waiters {
    /// A place at the bell of `id`. Look at the database after taking it, or a commit in between is missed.
    pub(super) fn join(&self, id: &UserId) -> Waiter<'_> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = Arc::clone(bells.entry(id.clone()).or_default());
        Waiter { waiters: self, id: id.clone(), bell }
    }

    /// Wakes everybody who waits for `id`.
    pub(super) fn wake(&self, id: &UserId) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(id) {
            bell.notify_waiters();
        }
    }
}

impl Waiter<'_> {
    /// Resolves at the next commit about the user after this call.
    pub(super) fn notified(&self) -> tokio::sync::futures::Notified<'_> {
        self.bell.notified()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut bells = self.waiters.bells.lock().unwrap_or_else(PoisonError::into_inner);
        // Ours and the map's: nobody else is left.
        if Arc::strong_count(&self.bell) <= 2 {
            bells.remove(&self.id);
        }
    }
}
