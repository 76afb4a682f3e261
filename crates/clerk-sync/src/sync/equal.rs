use super::ClerkSync;
use crate::equal::{
    BackfillOptions, BackfillReport, Certificate, EqualError, EqualState, Progress, SweepOptions, SweepReport,
};

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

    /// Compares every mapped field of every user with Clerk, repairs what differs, compares again, and says so.
    ///
    /// # Errors
    /// See [`EqualError`]. That something still differs is none: the certificate says it.
    pub async fn prove(&self, progress: impl Fn(Progress) + Send + Sync) -> Result<Certificate, EqualError> {
        self.inner.equality.prove(&progress).await
    }

    /// Whether webhooks are silent, deletions are held back, and when everything was compared last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn equality(&self) -> Result<EqualState, EqualError> {
        self.inner.equality.state().await
    }
}
