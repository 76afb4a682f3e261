//! A delivery again, at an operator's word, and what would become of it.

use clerk_sync_core::{
    Change, Commit, Content, Delivery, DeliveryStatus, Outcome, StoreError, Subject, decide,
};

use super::{AbsorbError, Absorbed, Engine};

impl Engine {
    /// What would become of `content` now; nothing is changed.
    pub(crate) async fn foresee(&self, content: &Content) -> Result<Outcome, StoreError> {
        let fact = match content {
            Content::Fact(fact) => fact,
            Content::Nothing => return Ok(Outcome::Acknowledged),
            Content::Foreign => return Ok(Outcome::ForeignInstance),
            Content::Unreadable { .. } => return Ok(Outcome::Unreadable),
        };
        let view = self.store.view(&Subject::of(Some(fact), None)).await?;
        Ok(decide(&view, fact, self.clock.now(), &self.policy).outcome)
    }

    /// Absorbs a stored delivery once more. One that was processed is joined again and stays as it is in the
    /// event log; any other is applied as if it had just been retried, a dead one after it was opened again.
    pub(crate) async fn absorb_again(
        &self,
        delivery: &Delivery,
        content: &Content,
    ) -> Result<Absorbed, AbsorbError> {
        match delivery.status {
            DeliveryStatus::Processed => self.join(content, None).await,
            DeliveryStatus::Pending | DeliveryStatus::Failed => self.join(content, Some(delivery)).await,
            DeliveryStatus::Dead => {
                // Should this process end here, a worker goes on with it.
                let opened = delivery.clone().pending("replayed", self.clock.now());
                let change = Change::Log { delivery: opened.clone(), expected: Some(delivery.attempts) };
                match self.store.commit(vec![change]).await? {
                    Commit::Done => self.join(content, Some(&opened)).await,
                    // Somebody else replays it.
                    Commit::Stale => Err(AbsorbError::Contended),
                }
            }
        }
    }
}
