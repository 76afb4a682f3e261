//! What happened, in order, for whoever watches: a test, a console, a person.

use std::collections::VecDeque;

use serde::Serialize;

use crate::id::Id;
use crate::weather::Weather;

/// How many entries are kept; the oldest go first.
const CAPACITY: usize = 10_000;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Grows by one with every entry and never repeats.
    pub seq: u64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// What it was.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A user was made.
    UserCreated {
        /// The user.
        user_id: Id,
        /// The user's version in Unix milliseconds.
        updated_at: i64,
    },
    /// A user got a new version.
    UserUpdated {
        /// The user.
        user_id: Id,
        /// The user's version in Unix milliseconds.
        updated_at: i64,
    },
    /// A user is gone.
    UserDeleted {
        /// The user.
        user_id: Id,
    },
    /// A session began or ended.
    Session {
        /// Whose it is.
        user_id: Id,
        /// The session.
        session_id: Id,
        /// What it is now: `active`, `revoked`, …
        status: crate::SessionStatus,
    },
    /// A call to the Backend API was answered.
    ApiCall {
        /// Method and path with the ids left out.
        route: &'static str,
        /// The status of the answer.
        status: u16,
        /// The user the path names.
        #[serde(skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
    },
    /// A browser's call to the Frontend API was answered.
    FrontendCall {
        /// Method and path with the ids left out.
        route: &'static str,
        /// The status of the answer.
        status: u16,
    },
    /// A call to the Backend API was hung up on.
    ApiHungUp,
    /// A webhook came into being.
    WebhookQueued {
        /// Its `svix-id`.
        message_id: Id,
        /// Its event type.
        event_type: &'static str,
        /// The user it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        user_id: Option<Id>,
        /// How many copies will be delivered; 0 if it is dropped.
        copies: usize,
    },
    /// A webhook was tried.
    WebhookAttempt {
        /// Its `svix-id`.
        message_id: Id,
        /// Its event type.
        event_type: &'static str,
        /// The user it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        user_id: Option<Id>,
        /// The first attempt is 1.
        attempt: usize,
        /// The status of the answer, if there was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// What comes of it.
        outcome: Outcome,
    },
    /// The weather changed.
    WeatherChanged {
        /// What it is now.
        weather: Weather,
    },
}

/// What comes of an attempt to deliver a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It will be tried again.
    Retry,
    /// The receiver took it but the sender missed the answer, so it will be tried again.
    AnswerLost,
    /// That was the last attempt.
    Failed,
    /// The receiver asked for no more attempts (`webhook-delivery: abort-message`).
    Aborted,
    /// Webhooks are off, or there is no receiver any more.
    Dropped,
}

/// The latest entries.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    entries: VecDeque<Entry>,
    last_seq: u64,
}

impl Timeline {
    pub(crate) fn record(&mut self, at_ms: i64, event: Event) {
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.last_seq += 1;
        self.entries.push_back(Entry { seq: self.last_seq, at_ms, event });
    }

    /// The kept entries after `seq`, oldest first.
    pub(crate) fn after(&self, seq: u64) -> Vec<Entry> {
        let start = self.entries.partition_point(|entry| entry.seq <= seq);
        self.entries.range(start..).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_latest_and_numbers_on() {
        let mut timeline = Timeline::default();
        for at_ms in 0..(CAPACITY as i64 + 5) {
            timeline.record(at_ms, Event::ApiHungUp);
        }
        assert_eq!(timeline.after(0).len(), CAPACITY);
        assert_eq!(timeline.after(0)[0].seq, 6);
        let last: Vec<_> = timeline.after(CAPACITY as u64 + 3).iter().map(|entry| entry.at_ms).collect();
        assert_eq!(last, [CAPACITY as i64 + 3, CAPACITY as i64 + 4]);
        assert!(timeline.after(u64::MAX).is_empty());
    }

    #[test]
    fn json_is_flat() {
        let event = Event::UserDeleted { user_id: "user_1".into() };
        let json = serde_json::to_value(Entry { seq: 1, at_ms: 2, event }).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"seq": 1, "at_ms": 2, "kind": "user_deleted", "user_id": "user_1"})
        );
    }
}
