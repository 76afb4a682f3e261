//! Asking for the pages of a walk.

use clerk_sync_core::DirectoryError;
use clerk_sync_core::port::Lane;

use super::compared::Met;
use super::walk::{Step, Walk};
use super::{EqualError, Equality};

/// How often a page is asked for again after an error that may pass.
const TRIES: u32 = 8;

/// A page, and the walk after it.
pub(super) struct Listed {
    pub(super) met: Met,
    pub(super) walk: Walk,
    pub(super) is_last: bool,
}

impl Equality {
    /// The next page of a walk and what the database has of it, however long Clerk or the budget makes it wait.
    pub(super) async fn list(&self, mut walk: Walk) -> Result<Listed, EqualError> {
        let limit = self.settings.page_users;
        let mut failures = 0;
        loop {
            match self.engine.page(&walk.next(limit), Lane::Sweep).await {
                Ok(users) => match walk.take(&users, limit) {
                    Step::Again => {}
                    step => {
                        let met = self.meet(users).await?;
                        return Ok(Listed { met, walk, is_last: step == Step::End });
                    }
                },
                Err(error @ DirectoryError::Refused { status, .. }) => {
                    if !walk.refused(status == 404) {
                        return Err(error.into());
                    }
                }
                Err(error @ DirectoryError::Unavailable { .. }) => {
                    failures += 1;
                    if failures >= TRIES {
                        return Err(error.into());
                    }
                    self.engine.clock.sleep(error.retry_after_ms()).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The page after one, unless that was the last.
    pub(super) async fn list_on(&self, walk: Walk, is_last: bool) -> Result<Option<Listed>, EqualError> {
        match is_last {
            true => Ok(None),
            false => self.list(walk).await.map(Some),
        }
    }

    /// How many users Clerk has.
    pub(super) async fn count(&self, lane: Lane) -> Result<u64, EqualError> {
        loop {
            match self.engine.directory.count(lane).await {
                Err(DirectoryError::Throttled { retry_after_ms }) => {
                    self.engine.clock.sleep(retry_after_ms.max(1)).await;
                }
                answer => return Ok(answer?),
            }
        }
    }
}
