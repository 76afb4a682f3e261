//! What the sender of webhooks saw.

use std::collections::{BTreeMap, HashMap, HashSet};

use clerk_sync_emulator::{Emulator, Event, Outcome};

/// What is known of the deliveries so far, as the sender saw them.
#[derive(Default)]
pub(crate) struct Acks {
    /// Messages answered 2xx, and the user each is about.
    pub(crate) acknowledged: HashMap<String, String>,
    /// When each was acknowledged for the first time, in Unix milliseconds.
    pub(crate) acknowledged_at_ms: HashMap<String, i64>,
    /// Attempts, by the status they got.
    pub(crate) by_status: BTreeMap<String, usize>,
    /// Messages the sender gave up on.
    pub(crate) given_up: HashSet<String>,
    /// Acknowledged messages nobody has looked for yet.
    pub(crate) fresh: Vec<String>,
    seen: u64,
}

impl Acks {
    /// Takes over what was noted since; often enough, or the timeline forgets.
    pub(crate) fn take(&mut self, clerk: &Emulator) {
        for entry in clerk.timeline(self.seen) {
            self.seen = entry.seq;
            let Event::WebhookAttempt { message_id, outcome, user_id, status, .. } = entry.event else {
                continue;
            };
            let status = status.map_or("no answer".to_owned(), |status| status.to_string());
            *self.by_status.entry(status).or_default() += 1;
            match outcome {
                Outcome::Delivered | Outcome::AnswerLost => {
                    let user = user_id.map(|id| id.to_string()).unwrap_or_default();
                    self.given_up.remove(&*message_id);
                    self.acknowledged_at_ms.entry(message_id.to_string()).or_insert(entry.at_ms);
                    if self.acknowledged.insert(message_id.to_string(), user).is_none() {
                        self.fresh.push(message_id.to_string());
                    }
                }
                Outcome::Failed => drop(self.given_up.insert(message_id.to_string())),
                Outcome::Retry | Outcome::Aborted | Outcome::Dropped => {}
            }
        }
    }
}
