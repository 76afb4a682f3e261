//! The newest changes, one call at a time: what no webhook told is here within a period.
//!
//! There is no filter by version, only an order. So the newest are listed, down to just below the newest version seen
//! before: an answer may be stale by a bound, and two changes may carry the same version. Who polls next is whoever
//! first writes down that he does; a poll that dies has moved no watermark.

use std::collections::HashSet;

use clerk_sync_core::port::{Lane, Order, PageOf, Start};
use clerk_sync_core::{Commit, MAX_AHEAD_MS, Snapshot, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::compared::{Compared, Rigour};
use super::note::Note;
use super::silence::{Silence, SilenceCause};
use super::{EqualError, Equality};

pub(super) const NOTE: &str = "catch_up";
/// Users asked for first, which is usually enough; then a whole page.
const FIRST: u32 = 50;
/// How much pages overlap, since users deleted meanwhile pull the rest forward; half of the first if that is less.
const OVERLAP: u64 = 25;
/// After so many pages a sweep is cheaper.
const MAX_PAGES: u32 = 20;

/// What is remembered between polls.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct State {
    /// When somebody is to poll next.
    due_ms: i64,
    /// The newest version seen.
    watermark_ms: Option<i64>,
    /// Polls in a row after which the number of users differed.
    differed: u32,
    pub(super) silence: Silence,
    pub(super) cause: Option<SilenceCause>,
}

/// What a poll has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Polled {
    /// When to look again, in milliseconds.
    pub(super) wait_ms: u64,
    /// Whether the numbers of users say that somebody was missed.
    pub(super) wants_sweep: bool,
}

/// The newest changes.
#[derive(Default)]
struct Newest {
    found: Compared,
    watermark: Option<Timestamp>,
    sign_ups: Vec<Timestamp>,
    /// Whether there were too many to list.
    cut_short: bool,
}

impl Equality {
    /// Polls if it is time and nobody else does.
    pub(super) async fn poll(&self) -> Result<Polled, EqualError> {
        let now = self.engine.clock.now();
        let note = self.note::<State>(NOTE).await?;
        let known = note.value.unwrap_or_else(|| State {
            due_ms: now.as_millis(),
            watermark_ms: None,
            differed: 0,
            silence: Silence::new(now),
            cause: None,
        });
        if known.due_ms > now.as_millis() {
            let wait_ms = u64::try_from(known.due_ms - now.as_millis()).unwrap_or(0);
            return Ok(Polled { wait_ms: wait_ms.min(self.settings.catch_up_ms), ..Polled::default() });
        }
        let last_delivery = self.inspect.deliveries(None, 1).await?.first().map(|one| one.received_at);
        let wait_ms = self.period_ms(&known, last_delivery, now);
        let due_ms = now.plus_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX)).as_millis();
        let (claim, note) = note.replaced(State { due_ms, ..known });
        if self.engine.store.commit(vec![claim]).await? == Commit::Stale {
            return Ok(Polled { wait_ms, ..Polled::default() });
        }
        let newest = self.newest(known.watermark_ms.map(Timestamp::from_millis)).await?;
        if newest.found.created + newest.found.updated > 0 {
            let (created, updated) = (newest.found.created, newest.found.updated);
            tracing::info!(created, updated, "changes were caught up with that no webhook had told of yet");
        }
        self.engine.metrics.caught_up(newest.found.created, newest.found.updated);
        let differs = newest.cut_short || self.differs().await?;
        let state = self.judged(State { due_ms, ..known }, &newest, last_delivery, differs);
        let flows = is_recent(last_delivery, now, self.settings.catch_up_ms);
        // Where webhooks flow one may be on its way; it gets a period.
        let wants_sweep = newest.cut_short || state.differed > u32::from(flows);
        self.finish(&note, state, &known).await?;
        Ok(Polled { wait_ms, wants_sweep })
    }

    /// Sooner while webhooks are silent, later while they flow.
    fn period_ms(&self, known: &State, last_delivery: Option<Timestamp>, now: Timestamp) -> u64 {
        let period_ms = self.settings.catch_up_ms;
        if known.silence.is_silent() {
            return (period_ms / 3).max(1);
        }
        match is_recent(last_delivery, now, period_ms) {
            true => period_ms.saturating_mul(2),
            false => period_ms,
        }
    }

    async fn newest(&self, watermark: Option<Timestamp>) -> Result<Newest, EqualError> {
        let bound = i64::try_from(self.engine.settings.staleness_bound_ms).unwrap_or(i64::MAX);
        // Equal versions are read again, and whatever a stale answer may have hidden.
        let floor = watermark.map(|mark| mark.plus_millis(-bound));
        let mut newest = Newest { watermark, ..Newest::default() };
        let page_users = self.settings.page_users;
        let first = FIRST.min(page_users);
        let overlap = OVERLAP.min(u64::from(first) / 2);
        let (mut offset, mut limit) = (0, first);
        let mut before: HashSet<UserId> = HashSet::new();
        for _ in 0..MAX_PAGES {
            let page = PageOf { order: Order::NewestVersion, start: Start::Offset(offset), limit };
            let users = self.engine.page(&page, Lane::Repair).await?;
            // Where nobody of the page before is on it, so many went that the rest was pulled past the overlap.
            if offset > 0 && !users.iter().any(|user| before.contains(&user.id)) {
                offset = offset.saturating_sub(u64::from(limit));
                continue;
            }
            before = users.iter().map(|user| user.id.clone()).collect();
            let is_last = users.len() < limit as usize;
            let below = |user: &Snapshot| floor.is_none_or(|floor| user.version.is_some_and(|at| at < floor));
            let reached = users.last().is_none_or(below);
            newest.add(&users, self.engine.clock.now());
            newest.found.add(self.compare(self.meet(users).await?, Rigour::Join).await?);
            if is_last || reached {
                // Where there was nobody, whoever comes is news.
                newest.watermark.get_or_insert(Timestamp::from_millis(0));
                return Ok(newest);
            }
            offset = (offset + u64::from(limit)).saturating_sub(overlap);
            limit = page_users;
        }
        newest.cut_short = true;
        Ok(newest)
    }

    /// Whether the database has another number of users than Clerk, beside those who are being asked about.
    async fn differs(&self) -> Result<bool, EqualError> {
        if !self.is_backfilled().await? {
            return Ok(false);
        }
        let theirs = self.count(Lane::Repair).await?;
        let backlog = self.inspect.backlog(self.engine.clock.now()).await?;
        Ok(theirs > backlog.users || backlog.users.saturating_sub(theirs) > backlog.dirty)
    }

    fn judged(
        &self,
        state: State,
        newest: &Newest,
        last_delivery: Option<Timestamp>,
        differs: bool,
    ) -> State {
        let now = self.engine.clock.now();
        let patience = i64::try_from(self.settings.silence_ms).unwrap_or(i64::MAX);
        let silence = state.silence.after(now, last_delivery, newest.sign_ups.iter().copied(), patience);
        let refused = self.engine.metrics.refuses_webhooks();
        let cause = match (self.has_secret, refused, last_delivery) {
            (false, ..) => SilenceCause::NoSecret,
            (_, true, _) => SilenceCause::Refused,
            (_, _, None) => SilenceCause::NeverCame,
            _ => SilenceCause::Stopped,
        };
        State {
            watermark_ms: newest.watermark.map(Timestamp::as_millis),
            differed: if differs { state.differed.saturating_add(1) } else { 0 },
            silence,
            cause: silence.is_silent().then_some(cause),
            ..state
        }
    }

    async fn finish(&self, note: &Note<State>, state: State, before: &State) -> Result<(), EqualError> {
        let (change, _) = note.replaced(state);
        if self.engine.store.commit(vec![change]).await? == Commit::Stale {
            // Somebody polled after us, since we took longer than a period: what he wrote stands.
            return Ok(());
        }
        match (before.silence.is_silent(), state.cause) {
            (false, Some(cause)) => {
                tracing::error!(
                    cause = cause.advice(),
                    "users sign up and no webhook comes; polling takes over"
                );
            }
            (true, None) => tracing::info!("webhooks come again"),
            _ => {}
        }
        Ok(())
    }
}

impl Newest {
    fn add(&mut self, users: &[Snapshot], now: Timestamp) {
        let believable = |at: &Timestamp| at.millis_since(now) <= MAX_AHEAD_MS;
        let versions = users.iter().filter_map(|user| user.version).filter(believable);
        self.watermark = self.watermark.max(versions.max());
        self.sign_ups.extend(users.iter().filter_map(|user| user.profile.created_at));
    }
}

fn is_recent(last_delivery: Option<Timestamp>, now: Timestamp, within_ms: u64) -> bool {
    last_delivery.is_some_and(|at| u64::try_from(now.millis_since(at)).unwrap_or(0) <= within_ms)
}
