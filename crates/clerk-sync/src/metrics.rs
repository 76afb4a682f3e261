//! What is counted, in the words of Prometheus.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use clerk_sync_core::port::{Backlog, Lane};
use clerk_sync_core::{DeliveryStatus, DirectoryError, Fact, Field, Outcome, Snapshot, Source, Timestamp};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::equal::EqualState;

/// Seconds, from the clock's resolution to the longest request there is.
const BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 25.0];

/// A label value from a fixed set of words, so that nobody's input can make new time series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Word(pub(crate) &'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FactLabels {
    source: Word,
    outcome: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    result: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    code: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    lane: Word,
    result: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FieldLabels {
    field: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: Word,
}

/// The counters of one `ClerkSync`; no global state.
pub(crate) struct Metrics {
    registry: Registry,
    facts: Family<FactLabels, Counter>,
    created: Family<SourceLabels, Counter>,
    webhooks: Family<WebhookLabels, Counter>,
    answers: Family<AnswerLabels, Counter>,
    pub(crate) stale_commits: Counter,
    calls: Family<CallLabels, Counter>,
    call_seconds: Histogram,
    refused_sessions: Family<ReasonLabels, Counter>,
    refused_webhooks: Family<ReasonLabels, Counter>,
    webhook_seconds: Histogram,
    me_seconds: Histogram,
    webhook_lag_seconds: Histogram,
    deliveries: Family<StatusLabels, Gauge>,
    oldest_unprocessed_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    last_webhook: Gauge<f64, std::sync::atomic::AtomicU64>,
    dirty: Gauge,
    unconfirmed: Gauge,
    users: Gauge,
    caught_up: Family<KindLabels, Counter>,
    drift: Family<FieldLabels, Counter>,
    silent: Gauge,
    brake: Gauge,
    wrong_instance: Gauge,
    last_sweep: Gauge<f64, std::sync::atomic::AtomicU64>,
    last_proof: Gauge<f64, std::sync::atomic::AtomicU64>,
    unequal: Gauge,
    /// Webhooks refused since one was accepted.
    refused_since: std::sync::atomic::AtomicU64,
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("clerk_sync");
        let histogram = || Histogram::new(BUCKETS);
        let metrics = Self {
            facts: Family::default(),
            created: Family::default(),
            webhooks: Family::default(),
            answers: Family::default(),
            stale_commits: Counter::default(),
            calls: Family::default(),
            call_seconds: histogram(),
            refused_sessions: Family::default(),
            refused_webhooks: Family::default(),
            webhook_seconds: histogram(),
            me_seconds: histogram(),
            webhook_lag_seconds: Histogram::new([
                0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 36000.0,
            ]),
            deliveries: Family::default(),
            oldest_unprocessed_seconds: Gauge::default(),
            last_webhook: Gauge::default(),
            dirty: Gauge::default(),
            unconfirmed: Gauge::default(),
            users: Gauge::default(),
            caught_up: Family::default(),
            drift: Family::default(),
            silent: Gauge::default(),
            brake: Gauge::default(),
            wrong_instance: Gauge::default(),
            last_sweep: Gauge::default(),
            last_proof: Gauge::default(),
            unequal: Gauge::default(),
            refused_since: std::sync::atomic::AtomicU64::new(0),
            registry: Registry::default(),
        };
        registry.register(
            "facts",
            "Facts absorbed, by what brought them and what became of them",
            metrics.facts.clone(),
        );
        registry.register("users_created", "Records created, by what created them", metrics.created.clone());
        registry.register("webhooks", "Webhook requests, by what became of them", metrics.webhooks.clone());
        registry.register(
            "me_answers",
            "Answers of GET /me and of the guard, by code",
            metrics.answers.clone(),
        );
        registry.register(
            "clerk_calls",
            "Users asked for in Clerk's Backend API, by lane and result",
            metrics.calls.clone(),
        );
        registry.register(
            "clerk_call_duration_seconds",
            "Time until Clerk's Backend API had answered, retries included",
            metrics.call_seconds.clone(),
        );
        registry.register(
            "sessions_refused",
            "Session tokens refused, by reason",
            metrics.refused_sessions.clone(),
        );
        registry.register(
            "webhooks_refused",
            "Webhooks refused, by reason",
            metrics.refused_webhooks.clone(),
        );
        registry.register(
            "stale_commits",
            "Commits that lost a race and were decided again",
            metrics.stale_commits.clone(),
        );
        registry.register(
            "webhook_duration_seconds",
            "Time to answer a webhook",
            metrics.webhook_seconds.clone(),
        );
        registry.register("me_duration_seconds", "Time to answer GET /me", metrics.me_seconds.clone());
        registry.register(
            "webhook_lag_seconds",
            "Time from an event in Clerk to its arrival here",
            metrics.webhook_lag_seconds.clone(),
        );
        registry.register(
            "deliveries_waiting",
            "Deliveries in the event log that are not processed, by status",
            metrics.deliveries.clone(),
        );
        registry.register(
            "oldest_unprocessed_seconds",
            "Age of the oldest pending or failed delivery",
            metrics.oldest_unprocessed_seconds.clone(),
        );
        registry.register(
            "last_webhook_timestamp_seconds",
            "When the last verified webhook came; 0 before the first",
            metrics.last_webhook.clone(),
        );
        registry.register("dirty_users", "Records that must be compared with Clerk", metrics.dirty.clone());
        registry.register(
            "unconfirmed_users",
            "Records created just in time that no webhook has told of for too long",
            metrics.unconfirmed.clone(),
        );
        registry.register("users", "Users in the database", metrics.users.clone());
        metrics.register_equality(&mut registry);
        let metrics = Self { registry, ..metrics };
        metrics.start_at_zero();
        Arc::new(metrics)
    }

    fn register_equality(&self, registry: &mut Registry) {
        registry.register(
            "caught_up",
            "Users found by polling before a webhook told of them, by what was new",
            self.caught_up.clone(),
        );
        registry.register("drift", "Differences found by sweeps and proofs, by column", self.drift.clone());
        registry.register("silent", "1 while users sign up and no webhook comes", self.silent.clone());
        registry.register("deletions_held_back", "Deletions held back by the brake", self.brake.clone());
        registry.register(
            "wrong_instance",
            "1 while the secret key belongs to another instance than the database mirrors",
            self.wrong_instance.clone(),
        );
        registry.register(
            "last_sweep_timestamp_seconds",
            "When everything was last compared with Clerk; 0 before the first time",
            self.last_sweep.clone(),
        );
        registry.register(
            "last_proof_timestamp_seconds",
            "When equality was last proved; 0 before the first time",
            self.last_proof.clone(),
        );
        registry.register(
            "unequal_users",
            "Users who still differed after the last proof",
            self.unequal.clone(),
        );
    }

    /// Changes found by polling.
    pub(crate) fn caught_up(&self, created: u64, updated: u64) {
        for (kind, count) in [("created", created), ("updated", updated)] {
            self.caught_up.get_or_create(&KindLabels { kind: Word(kind) }).inc_by(count);
        }
    }

    /// Differences found by comparing everything.
    pub(crate) fn drifted(&self, fields: &BTreeMap<Field, u64>) {
        for (field, count) in fields {
            self.drift.get_or_create(&FieldLabels { field: Word(field.as_str()) }).inc_by(*count);
        }
    }

    pub(crate) fn is_instance_right(&self, right: bool) {
        self.wrong_instance.set(i64::from(!right));
    }

    pub(crate) fn is_instance_wrong(&self) -> bool {
        self.wrong_instance.get() != 0
    }

    /// Whether webhooks come and all of them are refused.
    pub(crate) fn refuses_webhooks(&self) -> bool {
        self.refused_since.load(std::sync::atomic::Ordering::Relaxed) > 0
    }

    /// What the notes say.
    pub(crate) fn equality(&self, state: &EqualState) {
        self.silent.set(i64::from(state.silent.is_some()));
        self.brake.set(state.brake.map_or(0, |brake| signed(brake.missing)));
        self.last_sweep.set(seconds(state.last_sweep_ms.unwrap_or(0)));
        let proof = state.proof.as_ref();
        self.last_proof.set(seconds(proof.map_or(0, |proof| proof.finished_at_ms)));
        self.unequal.set(proof.map_or(0, |proof| signed(proof.unrepaired)));
    }

    /// A rate over a series that does not exist yet misses its first step, so known series start at zero.
    fn start_at_zero(&self) {
        for source in Source::ALL {
            drop(self.created.get_or_create(&SourceLabels { source: Word(source.as_str()) }));
        }
        for result in ["accepted", "refused", "failed"] {
            drop(self.webhooks.get_or_create(&WebhookLabels { result: Word(result) }));
        }
        for code in ["ok", "user_not_synced", "unavailable", "unauthenticated"] {
            drop(self.answers.get_or_create(&AnswerLabels { code: Word(code) }));
        }
        self.caught_up(0, 0);
        for field in Field::ALL {
            drop(self.drift.get_or_create(&FieldLabels { field: Word(field.as_str()) }));
        }
        for status in [DeliveryStatus::Pending, DeliveryStatus::Failed, DeliveryStatus::Dead] {
            drop(self.deliveries.get_or_create(&StatusLabels { status: Word(status.as_str()) }));
        }
    }

    pub(crate) fn absorbed(&self, fact: Option<&Fact>, outcome: Outcome) {
        let source = fact.map_or("webhook", source_word);
        self.facts.get_or_create(&FactLabels { source: Word(source), outcome: Word(outcome.as_str()) }).inc();
        if outcome == Outcome::Created {
            self.created.get_or_create(&SourceLabels { source: Word(source) }).inc();
        }
    }

    /// A webhook request ended: `accepted`, `refused`, `failed`, or what it was turned away for.
    pub(crate) fn webhook(&self, result: &'static str) {
        self.webhooks.get_or_create(&WebhookLabels { result: Word(result) }).inc();
    }

    pub(crate) fn refused_webhook(&self, reason: &'static str) {
        self.refused_webhooks.get_or_create(&ReasonLabels { reason: Word(reason) }).inc();
        self.refused_since.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn webhook_took(&self, millis: i64) {
        self.webhook_seconds.observe(seconds(millis));
    }

    /// A webhook arrived this long after its event happened in Clerk.
    pub(crate) fn lagged(&self, millis: i64) {
        self.webhook_lag_seconds.observe(seconds(millis.max(0)));
    }

    pub(crate) fn refused_session(&self, reason: &'static str) {
        self.refused_sessions.get_or_create(&ReasonLabels { reason: Word(reason) }).inc();
    }

    /// A request for a user ended: `ok`, or the code of its error.
    pub(crate) fn answered(&self, code: &'static str, millis: i64) {
        self.answers.get_or_create(&AnswerLabels { code: Word(code) }).inc();
        self.me_seconds.observe(seconds(millis));
    }

    /// Clerk was asked for a user.
    pub(crate) fn asked(&self, lane: Lane, answer: &Result<Option<Snapshot>, DirectoryError>, millis: i64) {
        let lane = lane_word(lane);
        let result = match answer {
            Ok(Some(_)) => "found",
            Ok(None) => "not_found",
            Err(error) => error.kind(),
        };
        self.calls.get_or_create(&CallLabels { lane: Word(lane), result: Word(result) }).inc();
        self.call_seconds.observe(seconds(millis));
    }

    /// Clerk was asked for a page of users.
    pub(crate) fn listed(&self, lane: Lane, answer: &Result<Vec<Snapshot>, DirectoryError>) {
        let result = answer.as_ref().map_or_else(DirectoryError::kind, |_| "listed");
        self.calls.get_or_create(&CallLabels { lane: Word(lane_word(lane)), result: Word(result) }).inc();
    }

    pub(crate) fn webhook_came(&self, now: Timestamp) {
        self.last_webhook.set(seconds(now.as_millis()));
        self.refused_since.store(0, std::sync::atomic::Ordering::Relaxed);
    }

    /// Every counter as text, in the format Prometheus scrapes (0.0.4).
    pub(crate) fn text(&self, backlog: Option<&Backlog>, now: Timestamp) -> String {
        if let Some(backlog) = backlog {
            let gauge = |status: DeliveryStatus, count: u64| {
                self.deliveries
                    .get_or_create(&StatusLabels { status: Word(status.as_str()) })
                    .set(signed(count));
            };
            gauge(DeliveryStatus::Pending, backlog.pending);
            gauge(DeliveryStatus::Failed, backlog.failed);
            gauge(DeliveryStatus::Dead, backlog.dead);
            let age = backlog.oldest_unprocessed.map_or(0, |oldest| now.millis_since(oldest).max(0));
            self.oldest_unprocessed_seconds.set(seconds(age));
            self.dirty.set(signed(backlog.dirty));
            self.unconfirmed.set(signed(backlog.unconfirmed));
            self.users.set(signed(backlog.users));
        }
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            // Writing to a string does not fail; an empty page would hide it if it did.
            let _ = text.write_str("# the metrics could not be written\n");
        }
        classic(&text)
    }
}

/// OpenMetrics names a counter without `_total`, the older text format of Prometheus with it. The older one
/// is read by everything, so that is what we speak.
fn classic(openmetrics: &str) -> String {
    let counters: HashSet<&str> = openmetrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut text = String::with_capacity(openmetrics.len() + 64 * counters.len());
    for line in openmetrics.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(kind @ ("HELP" | "TYPE")), Some(name), Some(rest))
                if counters.contains(name) =>
            {
                text.push_str(&format!("# {kind} {name}_total {rest}\n"));
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

fn lane_word(lane: Lane) -> &'static str {
    match lane {
        Lane::Lookup => "lookup",
        Lane::Repair => "repair",
        Lane::Sweep => "sweep",
    }
}

fn source_word(fact: &Fact) -> &'static str {
    match fact {
        Fact::Snapshot { via, .. } => via.source().as_str(),
        Fact::Repaired { .. } | Fact::Absent { .. } | Fact::Doubted { .. } => Source::Repair.as_str(),
        Fact::Claims { .. } => Source::Claims.as_str(),
        Fact::Deleted { source, .. } => source.as_str(),
        Fact::SignedIn { .. } => Source::Webhook.as_str(),
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn seconds(millis: i64) -> f64 {
    // Exact up to 2^53 ms, which is the year 287396.
    #[expect(clippy::cast_precision_loss, reason = "exact for every time there will be")]
    let millis = millis as f64;
    millis / 1000.0
}
