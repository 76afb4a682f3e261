//! Sign-ups and no webhooks: a state machine without a clock.

#[cfg(test)]
mod tests;

use clerk_sync_core::Timestamp;
use serde::{Deserialize, Serialize};

/// What a sign-up further ahead of our clock than this is not counted for, in milliseconds.
const MAX_AHEAD_MS: i64 = 300_000;

/// Whether webhooks come when there should be some. All times in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Silence {
    /// Nobody who signed up before this counts: we were not there to hear of them.
    watching_since_ms: i64,
    /// The first sign-up no webhook has followed.
    unheard_since_ms: Option<i64>,
    /// Since when it is too long.
    pub(super) silent_since_ms: Option<i64>,
}

impl Silence {
    /// Begins to watch.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { watching_since_ms: now.as_millis(), unheard_since_ms: None, silent_since_ms: None }
    }

    /// The state after having looked: `last_delivery` is when any webhook came last, `sign_ups` are the times of
    /// sign-ups seen by whatever means, `patience_ms` how long a webhook may take.
    #[must_use]
    pub(super) fn after(
        mut self,
        now: Timestamp,
        last_delivery: Option<Timestamp>,
        sign_ups: impl IntoIterator<Item = Timestamp>,
        patience_ms: i64,
    ) -> Self {
        let heard_ms = last_delivery.map_or(self.watching_since_ms, Timestamp::as_millis);
        // Any webhook after it breaks the silence, whatever it is about.
        self.unheard_since_ms = self.unheard_since_ms.filter(|since| *since > heard_ms);
        let from = heard_ms.max(self.watching_since_ms);
        let believable = now.as_millis().saturating_add(MAX_AHEAD_MS);
        let unheard = sign_ups.into_iter().map(Timestamp::as_millis);
        let first = unheard.filter(|at| *at > from && *at <= believable).min();
        self.unheard_since_ms = self.unheard_since_ms.into_iter().chain(first).min();
        let too_long = |since: i64| now.as_millis().saturating_sub(since) >= patience_ms;
        self.silent_since_ms = match self.unheard_since_ms {
            Some(since) if too_long(since) => self.silent_since_ms.or(Some(now.as_millis())),
            _ => None,
        };
        self
    }

    pub(super) const fn is_silent(&self) -> bool {
        self.silent_since_ms.is_some()
    }
}

/// Why no webhook comes, most likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceCause {
    /// There is no signing secret, so every webhook is answered 503.
    NoSecret,
    /// Webhooks come and are refused.
    Refused,
    /// None has ever come.
    NeverCame,
    /// They came, and have stopped.
    Stopped,
}

impl SilenceCause {
    /// The cause in a sentence, with what to do.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NoSecret => "no signing secret is configured: set CLERK_WEBHOOK_SIGNING_SECRET",
            Self::Refused => {
                "webhooks come and are refused: compare the signing secret with the endpoint's in Clerk, and the clock"
            }
            Self::NeverCame => {
                "no webhook has ever come: create an endpoint in Clerk that points here, subscribed to user events"
            }
            Self::Stopped => {
                "webhooks have stopped: in Clerk, check that the endpoint is enabled and reaches this address without a redirect"
            }
        }
    }
}
