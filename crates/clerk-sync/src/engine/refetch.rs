//! A user as Clerk has it now, at an operator's word.

use clerk_sync_core::{Entry, Fact, StoreError, UserId};
use thiserror::Error;

use super::{AbsorbError, Engine, Looked};

/// How long an unknown user is looked for, in milliseconds.
const LOOK_MS: u64 = 20_000;

/// Why a user could not be fetched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RefetchError {
    /// Deleted is final, whatever Clerk says.
    #[error("the user was deleted; nothing lifts that")]
    Deleted,
    /// Neither Clerk nor the database has such a user.
    #[error("Clerk has no such user, and neither has the database")]
    Unknown,
    /// The database or Clerk cannot say now; the word says what is in the way.
    #[error("it cannot be decided now: {0}")]
    Undecided(&'static str),
    /// The record is marked and will be compared by a worker; Clerk could not be asked at once.
    #[error("Clerk could not be asked now; the record is marked to be compared")]
    PutOff,
    /// The store failed, or every look was overtaken.
    #[error(transparent)]
    Absorb(#[from] AbsorbError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Fetches `id` from Clerk: an unknown user is looked up, a known record made dirty and repaired at once,
    /// behind the same fence as any repair. Answers what is stored then.
    pub(crate) async fn refetch(&self, id: &UserId) -> Result<Entry, RefetchError> {
        match self.store.record(id).await? {
            None => return self.look_up(id).await,
            Some(Entry::Gone(_)) => return Err(RefetchError::Deleted),
            Some(Entry::Live(_)) => {}
        }
        let doubted = self.absorb(&Fact::Doubted { id: id.clone() }).await?;
        let Some(Entry::Live(record)) = doubted.entry else { return Err(RefetchError::Deleted) };
        // As before any repair: an answer may be this old.
        self.clock.sleep(self.settings.staleness_bound_ms).await;
        self.repair(&record).await;
        match self.store.record(id).await? {
            Some(Entry::Live(record)) if record.is_dirty() => Err(RefetchError::PutOff),
            Some(entry) => Ok(entry),
            None => Err(RefetchError::Unknown),
        }
    }

    /// A fetch of its own. Shared, its 404 could be of a moment before the user of a valid token signed up, who
    /// would share it; and nobody has signed in here, so it makes nobody an administrator.
    async fn look_up(&self, id: &UserId) -> Result<Entry, RefetchError> {
        let looked = self.within(LOOK_MS, self.fetch(id, true)).await;
        match looked.unwrap_or_else(|| Looked::slow("deadline")) {
            Looked::Found(entry) => Ok(entry),
            Looked::NotSynced => Err(RefetchError::Unknown),
            Looked::Undecided { cause, .. } => Err(RefetchError::Undecided(cause)),
        }
    }
}
