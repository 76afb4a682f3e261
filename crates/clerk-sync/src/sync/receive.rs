use clerk_sync_core::{Content, Delivery, DeliveryStatus, Fact, Outcome, UserId};
use http::HeaderMap;
use thiserror::Error;

use super::ClerkSync;
use crate::chain::Chain;
use crate::clerk::receive::{EventKind, Reading, ReceiveError, body_digest, read, verify};

/// How long the database may take to store a webhook, in milliseconds; the sender gives up after fifteen
/// seconds, and a 503 in time is better than its time-out.
const STORE_MS: u64 = 5_000;

/// What became of a webhook that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// What was decided.
    pub outcome: Outcome,
}

/// Why a webhook was not taken. None of these stops the sender from trying again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WebhookRefusal {
    /// Headers are missing, doubled or malformed.
    #[error("the webhook headers are malformed: {reason}")]
    Malformed {
        /// Why, as a stable word.
        reason: &'static str,
    },
    /// The signature or its time does not hold.
    #[error("the webhook is not authentic: {reason}")]
    Unauthenticated {
        /// Why, as a stable word.
        reason: &'static str,
    },
    /// There is no signing secret to judge it by.
    #[error("no webhook signing secret is configured")]
    NotConfigured,
    /// It cannot be stored now.
    #[error("the webhook cannot be stored now")]
    Unavailable {
        /// When sending again makes sense, in milliseconds.
        retry_after_ms: u64,
    },
}

impl ClerkSync {
    /// Takes a webhook: verifies the raw bytes, stores the delivery and its effect in one commit.
    ///
    /// `Ok` means durable: answer 2xx. `body` must be the bytes as received.
    ///
    /// # Errors
    /// See [`WebhookRefusal`].
    pub async fn receive(&self, headers: &HeaderMap, body: &[u8]) -> Result<Receipt, WebhookRefusal> {
        let started = self.inner.clock.now();
        let taken = self.take(headers, body).await;
        let metrics = self.metrics();
        metrics.webhook(match &taken {
            Ok(_) => "accepted",
            Err(WebhookRefusal::Malformed { .. } | WebhookRefusal::Unauthenticated { .. }) => "refused",
            Err(_) => "failed",
        });
        metrics.webhook_took(self.inner.clock.now().millis_since(started));
        taken
    }

    async fn take(&self, headers: &HeaderMap, body: &[u8]) -> Result<Receipt, WebhookRefusal> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let Some(secrets) = &inner.secrets else {
            return Err(WebhookRefusal::NotConfigured);
        };
        let verified = verify(headers, body, secrets, now).map_err(|error| {
            if let Some(held_back) = inner.engine.lulls.webhook_refused.line(now) {
                tracing::warn!(reason = error.reason(), log.held_back = held_back, "a webhook was refused");
            }
            inner.metrics.refused_webhook(error.reason());
            if matches!(error, ReceiveError::Unauthenticated { .. }) {
                inner.metrics.webhook_unproved(now);
            }
            WebhookRefusal::from(error)
        })?;
        inner.metrics.webhook_came(now);
        let reading = read(body, now);
        let user_id = user_id(&reading);
        let content = content(&reading, inner.instance_id.get().map(String::as_str));
        let delivery = Delivery {
            id: verified.id,
            event_type: reading.event_type.clone(),
            user_id,
            received_at: now,
            digest: body_digest(body),
            body: reading.keep_body.then(|| String::from_utf8_lossy(body).into_owned()),
            status: DeliveryStatus::Pending,
            attempts: 0,
            outcome: None,
            error: None,
            processed_at: None,
            due_at: None,
        };
        let storing = inner.engine.absorb_delivery(&delivery, &content);
        let unavailable = WebhookRefusal::Unavailable { retry_after_ms: 1_000 };
        match inner.engine.within(STORE_MS, storing).await {
            Some(Ok(outcome)) => {
                self.note(&delivery, &reading, outcome);
                Ok(Receipt { outcome })
            }
            Some(Err(error)) => {
                if let Some(held_back) = inner.engine.lulls.webhook_not_stored.line(inner.clock.now()) {
                    tracing::error!(delivery.id = %delivery.id, error = %Chain(&error), log.held_back = held_back, "a webhook could not be stored");
                }
                Err(unavailable)
            }
            None => {
                if let Some(held_back) = inner.engine.lulls.webhook_late.line(inner.clock.now()) {
                    tracing::error!(delivery.id = %delivery.id, log.held_back = held_back, "a webhook could not be stored in time");
                }
                Err(unavailable)
            }
        }
    }

    fn note(&self, delivery: &Delivery, reading: &Reading, outcome: Outcome) {
        match outcome {
            Outcome::Unreadable | Outcome::Conflicting | Outcome::ForeignInstance => tracing::error!(
                delivery.id = %delivery.id,
                event = delivery.event_type,
                outcome = %outcome,
                "{}", outcome.reason()
            ),
            _ => {
                tracing::debug!(delivery.id = %delivery.id, event = delivery.event_type, outcome = %outcome, "a webhook was taken")
            }
        }
        if let Some(sent) = reading.timestamp
            && outcome != Outcome::Duplicate
        {
            self.inner.metrics.lagged(delivery.received_at.millis_since(sent));
        }
    }
}

impl From<ReceiveError> for WebhookRefusal {
    fn from(error: ReceiveError) -> Self {
        let reason = error.reason();
        match error {
            ReceiveError::Malformed { .. } => Self::Malformed { reason },
            ReceiveError::Unauthenticated { .. } => Self::Unauthenticated { reason },
        }
    }
}

/// The user a delivery is about, or seems to be.
pub(super) fn user_id(reading: &Reading) -> Option<UserId> {
    match (&reading.fact, &reading.kind) {
        (Some(fact), _) => Some(fact.user_id().clone()),
        (None, EventKind::Unreadable { user_id, .. }) => user_id.clone(),
        (None, _) => None,
    }
}

/// What a delivery says to this instance of Clerk's; to any, where it is not known yet.
pub(super) fn content(reading: &Reading, instance_id: Option<&str>) -> Content {
    let foreign = matches!((instance_id, &reading.instance_id), (Some(ours), Some(theirs)) if ours != theirs);
    if foreign {
        return Content::Foreign;
    }
    if let EventKind::Unreadable { reason, user_id } = &reading.kind {
        let about = user_id.clone().map(|id| Fact::Doubted { id });
        return Content::Unreadable { about, reason };
    }
    reading.fact.clone().map_or(Content::Nothing, Content::Fact)
}
