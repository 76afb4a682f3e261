//! Waiting for repairs, where a command is to end with everything settled.

use clerk_sync_core::{Entry, UserId};

use super::{EqualError, Equality};

/// Repairs taken at once: nobody else waits for this process.
const AT_ONCE: u32 = 500;

impl Equality {
    /// Repairs until none of these users is dirty, or until `within_ms` have passed; answers who still is.
    pub(super) async fn settle(
        &self,
        mut ids: Vec<UserId>,
        within_ms: u64,
    ) -> Result<Vec<UserId>, EqualError> {
        let clock = &self.engine.clock;
        let deadline = clock.now().plus_millis(i64::try_from(within_ms).unwrap_or(i64::MAX));
        loop {
            let mut dirty = vec![];
            for id in ids {
                if let Some(Entry::Live(record)) = self.engine.store.record(&id).await?
                    && record.is_dirty()
                {
                    dirty.push(id);
                }
            }
            if dirty.is_empty() || clock.now() >= deadline {
                return Ok(dirty);
            }
            ids = dirty;
            // Another process may have taken them, or Clerk may have asked to wait.
            if self.engine.repair_round(AT_ONCE).await == 0 {
                clock.sleep(self.engine.settings.poll_ms).await;
            }
        }
    }
}
