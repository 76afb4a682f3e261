//! Webhook deliveries as Svix makes them: signed, at least once, tried again on schedule, in no certain order.

mod schedule;
mod send;
mod sign;
mod worker;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

pub use send::NotLoopback;
pub(crate) use send::Target;
pub use sign::InvalidSecret;
pub(crate) use sign::WebhookKey;

use crate::clock::{lock, now_ms};
use crate::id::{Id, IdMaker};
use crate::timeline::{Event, Timeline};
use crate::weather::Sky;

/// How many deliveries may wait at most; further ones are dropped.
const MAX_WAITING: usize = 200_000;
/// How many messages are kept for resending; the oldest go first.
const MAX_MESSAGES: usize = 50_000;

/// What became of the deliveries so far. A duplicated message counts twice, a retried one once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deliveries {
    /// Waiting for an attempt or in the middle of one.
    pub pending: usize,
    /// Taken by the receiver.
    pub delivered: u64,
    /// Never sent: the weather dropped them, webhooks were off, or too many were waiting.
    pub dropped: u64,
    /// Given up after the last attempt, or because the receiver asked for it.
    pub failed: u64,
    /// Messages that are kept and can be sent again.
    pub messages: usize,
    /// Attempts of all deliveries.
    pub attempts: u64,
}

/// A webhook: its id and its bytes never change.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: Id,
    pub(crate) event_type: &'static str,
    pub(crate) user_id: Option<Id>,
    pub(crate) body: Bytes,
}

/// A delivery that waits for its time.
#[derive(Debug)]
struct Due {
    at: Instant,
    /// Makes the order total: what was queued first goes first.
    order: u64,
    attempt: usize,
    message: Arc<Message>,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[derive(Debug)]
struct Queue {
    waiting: BinaryHeap<Reverse<Due>>,
    in_flight: usize,
    next_order: u64,
    counts: Deliveries,
    messages: HashMap<Id, Arc<Message>>,
    message_order: VecDeque<Id>,
    ids: IdMaker,
    jitter: StdRng,
}

/// How deliveries are made.
#[derive(Debug)]
pub(crate) struct DeliverySettings {
    pub(crate) key: WebhookKey,
    pub(crate) target: Option<Target>,
    pub(crate) speed: f64,
    pub(crate) concurrency: usize,
    pub(crate) timeout: Duration,
    pub(crate) seed: u64,
}

/// The endpoint: takes messages, and with [`Deliver::run`] sends them.
#[derive(Debug)]
pub(crate) struct Deliver {
    queue: Mutex<Queue>,
    target: Mutex<Option<Target>>,
    wake: Notify,
    outstanding: watch::Sender<usize>,
    key: WebhookKey,
    speed: f64,
    concurrency: usize,
    sender: send::Sender,
    sky: Arc<Mutex<Sky>>,
    timeline: Arc<Mutex<Timeline>>,
}

impl Deliver {
    pub(crate) fn new(
        settings: DeliverySettings,
        sky: Arc<Mutex<Sky>>,
        timeline: Arc<Mutex<Timeline>>,
    ) -> Self {
        Self {
            queue: Mutex::new(Queue {
                waiting: BinaryHeap::new(),
                in_flight: 0,
                next_order: 0,
                counts: Deliveries::default(),
                messages: HashMap::new(),
                message_order: VecDeque::new(),
                ids: IdMaker::new(settings.seed),
                jitter: StdRng::seed_from_u64(settings.seed),
            }),
            target: Mutex::new(settings.target),
            wake: Notify::new(),
            outstanding: watch::Sender::new(0),
            key: settings.key,
            speed: settings.speed,
            concurrency: settings.concurrency.max(1),
            sender: send::Sender::new(settings.concurrency, settings.timeout),
            sky,
            timeline,
        }
    }

    /// Makes a message and, unless the weather or a missing receiver says otherwise, queues its delivery.
    pub(crate) fn publish(&self, event_type: &'static str, user_id: Option<Id>, body: Bytes) {
        let has_target = self.target().is_some();
        let copies = if has_target { lock(&self.sky).copies() } else { Vec::new() };
        let now_ms = now_ms();
        let mut queue = lock(&self.queue);
        let id = queue.ids.next("msg", now_ms);
        let message = Arc::new(Message { id: id.clone(), event_type, user_id: user_id.clone(), body });
        queue.keep(message.clone());
        if copies.is_empty() && has_target {
            queue.counts.dropped += 1;
        }
        for delay in &copies {
            queue.push(message.clone(), 1, Instant::now() + *delay);
        }
        self.announce(&queue);
        drop(queue);
        let event = Event::WebhookQueued { message_id: id, event_type, user_id, copies: copies.len() };
        lock(&self.timeline).record(now_ms, event);
        self.wake.notify_one();
    }

    /// Sends a kept message again under its old id. `false` if it is not kept.
    pub(crate) fn resend(&self, message_id: &str) -> bool {
        let mut queue = lock(&self.queue);
        let Some(message) = queue.messages.get(message_id).cloned() else { return false };
        queue.push(message, 1, Instant::now());
        self.announce(&queue);
        self.wake.notify_one();
        true
    }

    /// Sends every kept message again, oldest first, and tells how many there are.
    pub(crate) fn replay(&self) -> usize {
        let mut queue = lock(&self.queue);
        let kept: Vec<_> =
            queue.message_order.iter().filter_map(|id| queue.messages.get(id)).cloned().collect();
        let count = kept.len();
        for message in kept {
            queue.push(message, 1, Instant::now());
        }
        self.announce(&queue);
        self.wake.notify_one();
        count
    }

    pub(crate) fn target(&self) -> Option<Target> {
        lock(&self.target).clone()
    }

    pub(crate) fn set_target(&self, target: Option<Target>) {
        *lock(&self.target) = target;
    }

    pub(crate) fn deliveries(&self) -> Deliveries {
        let queue = lock(&self.queue);
        Deliveries { pending: queue.pending(), messages: queue.messages.len(), ..queue.counts }
    }

    /// Resolves once nothing waits and nothing is in flight, retries included.
    pub(crate) async fn quiet(&self) {
        let mut outstanding = self.outstanding.subscribe();
        // The sender lives as long as self, so waiting cannot fail.
        let _ = outstanding.wait_for(|count| *count == 0).await;
    }

    /// Tells [`Deliver::quiet`]; called with the queue locked, so that counts are told in order.
    fn announce(&self, queue: &Queue) {
        self.outstanding.send_replace(queue.pending());
    }
}

impl Queue {
    fn pending(&self) -> usize {
        self.waiting.len() + self.in_flight
    }

    fn keep(&mut self, message: Arc<Message>) {
        if self.message_order.len() == MAX_MESSAGES
            && let Some(oldest) = self.message_order.pop_front()
        {
            self.messages.remove(&oldest);
        }
        self.message_order.push_back(message.id.clone());
        self.messages.insert(message.id.clone(), message);
    }

    fn push(&mut self, message: Arc<Message>, attempt: usize, at: Instant) {
        if self.waiting.len() >= MAX_WAITING {
            self.counts.dropped += 1;
            return;
        }
        self.next_order += 1;
        self.waiting.push(Reverse(Due { at, order: self.next_order, attempt, message }));
    }

    /// Takes the next delivery if it is due; otherwise tells when the next one is.
    fn pop_due(&mut self, now: Instant) -> Result<Due, Option<Instant>> {
        match self.waiting.peek() {
            Some(Reverse(due)) if due.at <= now => {
                self.in_flight += 1;
                self.waiting.pop().map(|Reverse(due)| due).ok_or(None)
            }
            Some(Reverse(due)) => Err(Some(due.at)),
            None => Err(None),
        }
    }

    fn retry_wait(&mut self, attempt: usize, retry_after: Option<Duration>, speed: f64) -> Option<Duration> {
        let jitter = rand::RngExt::random::<f64>(&mut self.jitter);
        schedule::wait(attempt, jitter, retry_after, speed)
    }
}
