//! Goes on with deliveries whose effect could not be applied when they came.

use std::sync::Arc;

use clerk_sync_core::{Change, Content, Delivery, Fact, Outcome, retry_after_ms};
use futures_util::StreamExt;

use super::{Engine, Looked, Wanted, jittered};
use crate::chain::Chain;

/// How many deliveries are worked on at once.
const CONCURRENCY: usize = 8;
/// How long one fetch for a delivery may take, in milliseconds.
const LOOKUP_MS: i64 = 10_000;

impl Engine {
    pub(super) async fn deliver_forever(self: &Arc<Self>) {
        loop {
            if self.delivery_round().await == 0 {
                self.idle(&self.deliveries).await;
            }
        }
    }

    /// Takes what is due and goes on with it; answers how many deliveries that were.
    pub(crate) async fn delivery_round(self: &Arc<Self>) -> usize {
        let now = self.clock.now();
        let lease = now.plus_millis(i64::try_from(self.settings.lease_ms).unwrap_or(i64::MAX));
        let taken = match self.store.take_deliveries(now, lease, self.settings.batch).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "no deliveries can be taken");
                return 0;
            }
        };
        let count = taken.len();
        futures_util::stream::iter(taken)
            .for_each_concurrent(CONCURRENCY, |delivery| async move { self.retry(delivery).await })
            .await;
        count
    }

    async fn retry(self: &Arc<Self>, delivery: Delivery) {
        let Some(fact) = (self.interpret)(&delivery) else {
            let dead = delivery.clone().dead(Outcome::Unreadable, "its body is not there or cannot be read");
            return self.close(&delivery, dead).await;
        };
        if matches!(fact, Fact::SignedIn { .. }) {
            return self.fetch_first(delivery, fact).await;
        }
        self.apply(&delivery, fact).await;
    }

    async fn apply(&self, delivery: &Delivery, fact: Fact) {
        match self.join(&Content::Fact(fact), Some(delivery)).await {
            Ok(absorbed) => {
                tracing::info!(delivery.id = %delivery.id, outcome = %absorbed.outcome, "a delivery was applied later");
            }
            Err(error) => {
                let now = self.clock.now();
                let delay = retry_after_ms(delivery.attempts);
                let delay = jittered(delay, delivery.id.as_str(), delivery.attempts);
                let failed = delivery.clone().failed(&Chain(&error).to_string(), now, delay);
                self.close(delivery, failed).await;
            }
        }
    }

    /// A sign-in needs a record: the user is fetched if nobody told us of them, then the delivery applies.
    async fn fetch_first(self: &Arc<Self>, delivery: Delivery, fact: Fact) {
        let now = self.clock.now();
        let wanted = Wanted {
            id: fact.user_id().clone(),
            claims: None,
            impersonated: false,
            deadline: now.plus_millis(LOOKUP_MS),
            hold_until: now,
        };
        match self.user(&wanted).await {
            Looked::Found(_) => self.apply(&delivery, fact).await,
            Looked::NotSynced => {
                let done = delivery.clone().processed(Outcome::Unknown, self.clock.now());
                self.close(&delivery, done).await;
            }
            // Clerk's trouble is not the delivery's: it waits without an attempt being counted.
            Looked::Undecided { retry_after_ms, cause, .. } => {
                let due = self.clock.now().plus_millis(i64::try_from(retry_after_ms).unwrap_or(i64::MAX));
                let waiting = delivery.clone().pending(cause, due);
                self.close(&delivery, waiting).await;
            }
        }
    }

    async fn close(&self, taken: &Delivery, delivery: Delivery) {
        let change = Change::Log { delivery, expected: Some(taken.attempts) };
        if let Err(error) = self.insist(vec![change]).await {
            // The lease brings it back.
            tracing::warn!(delivery.id = %taken.id, error = %Chain(&error), "a delivery could not be put back");
        }
    }
}
