//! What operators may do: nothing that a webhook or a worker could not.

use clerk_sync_core::{Delivery, DeliveryId, Entry, Outcome, StoreError, UserId};
use thiserror::Error;

use super::ClerkSync;
use super::receive::content;
use crate::clerk::receive::{Reading, read};
use crate::engine::{AbsorbError, RefetchError};

/// Why a delivery cannot be replayed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The event log has no such delivery.
    #[error("the event log has no such delivery")]
    Unknown,
    /// Its body was never kept, dropped by age, or erased.
    #[error("its body is not there: never kept, dropped by age, or erased")]
    NoBody,
    /// The store failed, or every look was overtaken.
    #[error(transparent)]
    Absorb(#[from] AbsorbError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A delivery of the event log, as far as it can be replayed.
#[expect(clippy::large_enum_variant, reason = "one at a time, and nearly always the larger one")]
enum Stored {
    Readable(Delivery, Reading),
    /// Nothing can come of it.
    Settled(Outcome),
}

impl ClerkSync {
    /// What [`replay`](Self::replay) would do with a delivery now; nothing is changed.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn rehearse(&self, id: &DeliveryId) -> Result<Outcome, ReplayError> {
        let reading = match self.stored(id).await? {
            Stored::Readable(_, reading) => reading,
            Stored::Settled(outcome) => return Ok(outcome),
        };
        Ok(self.inner.engine.foresee(&content(&reading, None)).await?)
    }

    /// Takes a stored delivery again, through the same door as a webhook: what was known stays as it is, what
    /// was lost is caught up, and doing it twice is doing it once. A dead letter is opened again.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn replay(&self, id: &DeliveryId) -> Result<Outcome, ReplayError> {
        let (delivery, reading) = match self.stored(id).await? {
            Stored::Readable(delivery, reading) => (delivery, reading),
            Stored::Settled(outcome) => return Ok(outcome),
        };
        let content = content(&reading, None);
        Ok(self.inner.engine.absorb_again(&delivery, &content).await?.outcome)
    }

    /// The user as Clerk has it now, fetched and joined like any repair; answers what is stored then. It takes
    /// as long as the staleness bound.
    ///
    /// # Errors
    /// See [`RefetchError`].
    pub async fn refetch(&self, id: &UserId) -> Result<Entry, RefetchError> {
        self.inner.engine.refetch(id).await
    }

    async fn stored(&self, id: &DeliveryId) -> Result<Stored, ReplayError> {
        let delivery = self.inner.inspect.delivery(id).await?.ok_or(ReplayError::Unknown)?;
        let Some(body) = delivery.body.as_deref() else {
            // It said nothing that is kept, such as one with one-time codes: there is nothing to do again.
            let acknowledged = delivery.outcome.as_deref() == Some(Outcome::Acknowledged.as_str());
            let settled = acknowledged.then_some(Stored::Settled(Outcome::Acknowledged));
            return settled.ok_or(ReplayError::NoBody);
        };
        let reading = read(body.as_bytes(), delivery.received_at);
        if self.is_foreign(&delivery, &reading).await {
            return Ok(Stored::Settled(Outcome::ForeignInstance));
        }
        Ok(Stored::Readable(delivery, reading))
    }

    /// Whether it is of another instance, by Clerk's word now or by what was decided when it came.
    async fn is_foreign(&self, delivery: &Delivery, reading: &Reading) -> bool {
        let inner = &self.inner;
        if inner.instance_id.get().is_none()
            && let Ok(id) = inner.engine.directory.instance_id().await
        {
            let _ = inner.instance_id.set(id);
        }
        match (inner.instance_id.get(), &reading.instance_id) {
            (Some(ours), Some(theirs)) => ours != theirs,
            _ => delivery.outcome.as_deref() == Some(Outcome::ForeignInstance.as_str()),
        }
    }
}
