use std::collections::HashMap;

use clerk_sync_emulator::{Emulator, Event, Outcome};

/// What is known of the deliveries so far, as the sender saw them.
#[derive(Default)]
pub(super) struct Acks {
    /// Messages answered 2xx, and the user each is about.
    pub(super) acknowledged: HashMap<String, String>,
    seen: u64,
}

impl Acks {
    /// Takes over what was noted since; often enough, or the timeline forgets.
    pub(super) fn take(&mut self, clerk: &Emulator) {
        for entry in clerk.timeline(self.seen) {
            self.seen = entry.seq;
            if let Event::WebhookAttempt {
                message_id,
                outcome: Outcome::Delivered | Outcome::AnswerLost,
                user_id,
                ..
            } = entry.event
            {
                let user = user_id.map(|id| id.to_string()).unwrap_or_default();
                self.acknowledged.insert(message_id.to_string(), user);
            }
        }
    }
}
