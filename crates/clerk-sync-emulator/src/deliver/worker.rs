//! The loop that sends what is due, and what it makes of the answers.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::send::Answer;
use super::{Deliver, Due};
use crate::clock::{lock, now_ms};
use crate::timeline::{Event, Outcome};

impl Deliver {
    /// Sends until it is cancelled; attempts in flight are cancelled with it.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut attempts = JoinSet::new();
        loop {
            let next = self.start_due(&mut attempts);
            let alarm = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = alarm => {}
                Some(_) = attempts.join_next(), if !attempts.is_empty() => {}
            }
        }
    }

    /// Starts what is due as far as there is room, and tells when there is more to start.
    fn start_due(self: &Arc<Self>, attempts: &mut JoinSet<()>) -> Option<Instant> {
        while attempts.try_join_next().is_some() {}
        while attempts.len() < self.concurrency {
            // In its own statement, so that the lock is gone before anything else happens.
            let popped = lock(&self.queue).pop_due(Instant::now());
            match popped {
                Ok(due) => {
                    attempts.spawn(self.clone().attempt(due));
                }
                Err(next) => return next,
            }
        }
        // Full: the next to finish makes room.
        None
    }

    async fn attempt(self: Arc<Self>, due: Due) {
        let off = lock(&self.sky).weather.webhooks_off;
        let Some(target) = self.target().filter(|_| !off) else {
            self.finish(due, None, Outcome::Dropped);
            return;
        };
        let message = due.message.clone();
        let timestamp_s = now_ms() / 1_000;
        let signature = self.key.sign(&message.id, timestamp_s, &message.body);
        let answer =
            self.sender.send(&target, &message.id, timestamp_s, &signature, message.body.clone()).await;
        let outcome = match answer {
            Some(Answer { status: 200..=299, .. }) if lock(&self.sky).loses_answer() => Outcome::AnswerLost,
            Some(Answer { status: 200..=299, .. }) => Outcome::Delivered,
            Some(Answer { abort: true, .. }) => Outcome::Aborted,
            _ => Outcome::Retry,
        };
        self.finish(due, answer, outcome);
    }

    /// Counts the attempt, queues the next one if there is to be one, and tells the timeline.
    fn finish(&self, due: Due, answer: Option<Answer>, mut outcome: Outcome) {
        let Due { attempt, message, .. } = due;
        let mut queue = lock(&self.queue);
        queue.in_flight -= 1;
        if outcome != Outcome::Dropped {
            queue.counts.attempts += 1;
        }
        if matches!(outcome, Outcome::Retry | Outcome::AnswerLost) {
            let asked = answer.and_then(|answer| answer.retry_after);
            match queue.retry_wait(attempt, asked, self.speed) {
                Some(wait) => queue.push(message.clone(), attempt + 1, Instant::now() + wait),
                None => outcome = Outcome::Failed,
            }
        }
        match outcome {
            Outcome::Delivered => queue.counts.delivered += 1,
            Outcome::Failed | Outcome::Aborted => queue.counts.failed += 1,
            Outcome::Dropped => queue.counts.dropped += 1,
            Outcome::Retry | Outcome::AnswerLost => {}
        }
        let event = Event::WebhookAttempt {
            message_id: message.id.clone(),
            event_type: message.event_type,
            user_id: message.user_id.clone(),
            attempt,
            status: answer.map(|answer| answer.status),
            outcome,
        };
        // Before the count is told: whoever waited for quiet finds the last attempt in the timeline.
        lock(&self.timeline).record(now_ms(), event);
        self.announce(&queue);
    }
}
