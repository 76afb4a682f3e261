use super::ClerkSync;
use crate::equal::{BackfillOptions, BackfillReport, Brake, EqualError, Progress, SweepOptions, SweepReport};

impl ClerkSync {
    /// Asks Clerk whose secret key it is, and refuses any instance but the one this database mirrors: against
    /// another every user would look deleted. The first instance seen is recorded with the database.
    ///
    /// # Errors
    /// [`EqualError::WrongInstance`], or what kept it from asking.
    pub async fn verify_instance(&self) -> Result<String, EqualError> {
        self.inner.equality.verify_instance().await
    }

    /// Takes every user of the instance over, page by page within the sweep's part of the request budget. Each page
    /// is checkpointed: after a kill, the next call goes on there.
    ///
    /// # Errors
    /// See [`EqualError`]. What was taken over stays.
    pub async fn backfill(
        &self,
        options: BackfillOptions,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<BackfillReport, EqualError> {
        self.inner.equality.backfill(options, &progress).await
    }

    /// Compares every user, field by field, and asks Clerk by id about everybody it did not list. One process at a
    /// time does it.
    ///
    /// # Errors
    /// See [`EqualError`]; [`EqualError::Braked`] when too many users are missing in Clerk.
    pub async fn sweep(
        &self,
        options: SweepOptions,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<SweepReport, EqualError> {
        self.inner.equality.sweep(options, &progress).await
    }

    /// The deletions that are held back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn brake(&self) -> Result<Option<Brake>, EqualError> {
        self.inner.equality.brake().await
    }
}
