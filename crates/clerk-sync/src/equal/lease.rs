//! One process at a time: a note that says who, since when, and until when.
//!
//! The text of the note is the fence. Whoever took over has written another, so a holder that slept writes
//! nothing more: each checkpoint is committed together with the renewal, and that is stale for it. Clocks decide
//! only how soon somebody takes over.

use clerk_sync_core::{Change, Commit};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};

use super::note::Note;
use super::{EqualError, Equality};

/// How often a renewal is tried whose outcome is unknown.
const TRIES: u32 = 5;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Held {
    holder: String,
    fence: u64,
    until_ms: i64,
}

/// The right to go on.
#[derive(Debug)]
pub(super) struct Lease {
    note: Mutex<Note<Held>>,
    /// Counts the holders there were.
    fence: u64,
}

impl Equality {
    /// Takes the lease if nobody has it.
    pub(super) async fn lease(&self, name: &'static str) -> Result<Lease, EqualError> {
        loop {
            let note = self.note::<Held>(name).await?;
            let now = self.engine.clock.now().as_millis();
            if let Some(held) = note.value.as_ref().filter(|held| held.until_ms > now) {
                let wait_ms = u64::try_from(held.until_ms.saturating_sub(now)).unwrap_or(0);
                return Err(EqualError::Busy { holder: held.holder.clone(), wait_ms });
            }
            let fence = note.value.as_ref().map_or(0, |held| held.fence).saturating_add(1);
            let (change, note) = note.replaced(self.held(fence, self.settings.lease_ms));
            if self.engine.store.commit(vec![change]).await? == Commit::Done {
                return Ok(Lease { note: Mutex::new(note), fence });
            }
        }
    }

    /// Renews the lease, and commits `with` only if it still stands.
    pub(super) async fn keep(&self, lease: &Lease, with: Vec<Change>) -> Result<(), EqualError> {
        let note = lease.note.lock().await;
        self.rewrite(note, lease.fence, with, self.settings.lease_ms).await
    }

    /// Works on something that may wait long, and keeps the lease meanwhile.
    pub(super) async fn under<T>(
        &self,
        lease: &Lease,
        work: impl Future<Output = Result<T, EqualError>>,
    ) -> Result<T, EqualError> {
        let mut work = std::pin::pin!(work);
        loop {
            if let Some(answer) = self.engine.within(self.settings.lease_ms / 3, work.as_mut()).await {
                return answer;
            }
            // Where it is locked the work itself is renewing it.
            if let Ok(note) = lease.note.try_lock() {
                self.rewrite(note, lease.fence, vec![], self.settings.lease_ms).await?;
            }
        }
    }

    /// Lets it go, so that nobody has to wait for its end.
    pub(super) async fn let_go(&self, lease: Lease) {
        let note = lease.note.lock().await;
        // Where that fails it ends by itself.
        let _ = self.rewrite(note, lease.fence, vec![], 0).await;
    }

    async fn rewrite(
        &self,
        mut note: MutexGuard<'_, Note<Held>>,
        fence: u64,
        with: Vec<Change>,
        lease_ms: u64,
    ) -> Result<(), EqualError> {
        let (change, next) = note.replaced(self.held(fence, lease_ms));
        let changes = [vec![change], with].concat();
        let mut attempt = 1;
        loop {
            match self.engine.store.commit(changes.clone()).await {
                Ok(Commit::Done) => break,
                // An attempt before may have been committed without our hearing of it.
                Ok(Commit::Stale) if attempt > 1 && self.note(note.name()).await?.is_as(&next) => break,
                Ok(Commit::Stale) => return Err(EqualError::Superseded),
                Err(error) if attempt == TRIES => return Err(error.into()),
                Err(_) => self.engine.clock.sleep(self.engine.settings.poll_ms).await,
            }
            attempt += 1;
        }
        *note = next;
        Ok(())
    }

    fn held(&self, fence: u64, lease_ms: u64) -> Held {
        let lease_ms = i64::try_from(lease_ms).unwrap_or(i64::MAX);
        let until = self.engine.clock.now().plus_millis(lease_ms);
        Held { holder: format!("process {}", std::process::id()), fence, until_ms: until.as_millis() }
    }
}
