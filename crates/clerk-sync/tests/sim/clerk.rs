//! Clerk: the truth about users over time, and a Backend API with bad days.

use std::cmp::Reverse;
use std::sync::Arc;

use async_trait::async_trait;
use clerk_sync_core::port::{Directory, Lane, Order, PageOf, Start};
use clerk_sync_core::{DirectoryError, Snapshot, UserId};

use crate::cover::Goal;
use crate::person::{self, INSTANCE};
use crate::plan::{Item, MAX_USERS, Plan, What};
use crate::world::{BEGIN_MS, World};

/// How long a call to Clerk takes at most before the caller's HTTP client gives up, in milliseconds.
const GIVE_UP_MS: u64 = 5_000;

/// What a user was from some moment on.
struct Phase {
    from_ms: u64,
    /// Clerk's answer by id; `None` once deleted.
    snapshot: Option<Snapshot>,
    json: Option<String>,
    banned: bool,
}

/// All that was ever true about each user, in order.
pub(crate) struct History {
    users: [Vec<Phase>; MAX_USERS],
}

impl History {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut users: [Vec<Phase>; MAX_USERS] = Default::default();
        for Item { at_ms, what } in &plan.items {
            if let What::Change { user, person, .. } = what {
                let millis = BEGIN_MS + i64::try_from(*at_ms).unwrap_or(0);
                let version = millis - millis % plan.grain_ms;
                let created_ms = users[*user].first().map_or(*at_ms, |first| first.from_ms);
                let created_at = BEGIN_MS + i64::try_from(created_ms).unwrap_or(0);
                let json = person.as_ref().map(|person| person.json(*user, created_at, version));
                users[*user].push(Phase {
                    from_ms: *at_ms,
                    snapshot: json.as_deref().map(person::snapshot),
                    json,
                    banned: person.as_ref().is_some_and(|person| person.banned),
                });
            }
        }
        Self { users }
    }

    /// The User object of a phase, counted from 0; `None` for the one that is a deletion.
    pub(crate) fn json(&self, user: usize, phase: usize) -> Option<&str> {
        self.users[user].get(phase)?.json.as_deref()
    }

    fn at(&self, user: usize, now_ms: u64) -> Option<&Phase> {
        self.users[user].iter().rev().find(|phase| phase.from_ms <= now_ms)
    }

    pub(crate) fn lives_at(&self, user: usize, now_ms: u64) -> bool {
        self.at(user, now_ms).is_some_and(|phase| phase.snapshot.is_some())
    }

    /// What Clerk had of a user all the time between two moments; `None` within where that is a deletion.
    pub(crate) fn unchanged(&self, user: usize, from_ms: u64, to_ms: u64) -> Option<Option<&Snapshot>> {
        let phase = self.at(user, from_ms)?;
        let is_last = self.at(user, to_ms).is_some_and(|last| std::ptr::eq(last, phase));
        is_last.then_some(phase.snapshot.as_ref())
    }

    /// Since when a user is as at this moment.
    pub(crate) fn since_ms(&self, user: usize, now_ms: u64) -> Option<u64> {
        self.at(user, now_ms).map(|phase| phase.from_ms)
    }

    pub(crate) fn is_known_at(&self, user: usize, now_ms: u64) -> bool {
        self.at(user, now_ms).is_some()
    }

    pub(crate) fn was_banned_before(&self, user: usize, now_ms: u64) -> bool {
        self.users[user].iter().any(|phase| phase.from_ms <= now_ms && phase.banned)
    }

    /// Where every user has ended, for those Clerk ever had.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (usize, Option<&Snapshot>)> {
        let ends = self.users.iter().enumerate();
        ends.filter_map(|(user, phases)| Some((user, phases.last()?.snapshot.as_ref())))
    }
}

/// Clerk as one replica reaches it.
pub(crate) struct SimDirectory {
    pub(crate) world: Arc<World>,
    pub(crate) replica: usize,
}

/// Counts a repair's question for as long as it is asked.
struct Asking<'a>(&'a SimDirectory);

impl<'a> Asking<'a> {
    fn new(directory: &'a SimDirectory) -> Self {
        directory.world.state().replicas[directory.replica].asking += 1;
        Self(directory)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.world.state().replicas[self.0.replica].asking -= 1;
    }
}

enum Weather {
    Fine { latency_ms: u64 },
    Silent,
    Bad(DirectoryError),
}

impl SimDirectory {
    fn weather(&self) -> Weather {
        let faults = &self.world.plan.faults;
        let mut state = self.world.state();
        let unusable = |reason: &str| {
            Weather::Bad(DirectoryError::Unavailable { retry_after_ms: 1_000, reason: reason.into() })
        };
        if !state.healed && state.now_ms < state.clerk_outage_until_ms {
            return unusable("away");
        }
        if state.fault(faults.throttled) {
            state.cover.hit(Goal::Throttled);
            let retry_after_ms = 1 + state.tape.below(3_000);
            return Weather::Bad(DirectoryError::Throttled { retry_after_ms });
        }
        if state.fault(faults.unusable) {
            state.cover.hit(Goal::Unusable);
            return unusable("reset");
        }
        if state.fault(faults.slow_clerk) {
            if state.tape.below(4) == 0 {
                state.cover.hit(Goal::Silent);
                return Weather::Silent;
            }
            return Weather::Fine { latency_ms: state.tape.below(4_000) };
        }
        Weather::Fine { latency_ms: state.tape.below(40) }
    }

    /// The way to Clerk, with whatever happens on it.
    async fn get_through(&self) -> Result<(), DirectoryError> {
        self.world.step().await;
        let error = match self.weather() {
            Weather::Fine { latency_ms } => {
                self.world.sleep(latency_ms).await;
                return Ok(());
            }
            Weather::Silent => {
                self.world.sleep(GIVE_UP_MS).await;
                DirectoryError::Unavailable { retry_after_ms: 1_000, reason: "silent".into() }
            }
            Weather::Bad(error) => {
                self.world.step().await;
                error
            }
        };
        let replica = self.replica;
        self.world.state().say(|| format!("replica {replica} asks Clerk: {error}"));
        Err(error)
    }

    /// How long ago the answer given now was true.
    fn age_ms(&self) -> u64 {
        let mut state = self.world.state();
        if state.healed || self.world.plan.faults.stale_ms == 0 {
            return 0;
        }
        state.tape.below(self.world.plan.faults.stale_ms + 1)
    }

    fn answer(&self, id: &UserId) -> Option<Snapshot> {
        let user = (0..MAX_USERS).find(|user| person::user_id(*user) == *id)?;
        let age_ms = self.age_ms();
        let mut state = self.world.state();
        let now_ms = state.now_ms;
        let history = &self.world.history;
        let told = history.at(user, now_ms.saturating_sub(age_ms)).and_then(|phase| phase.snapshot.clone());
        if told.as_ref() != history.at(user, now_ms).and_then(|phase| phase.snapshot.as_ref()) {
            state.cover.hit(Goal::StaleAnswer);
        }
        told
    }
}

impl SimDirectory {
    /// Whether Clerk says now, this once, that it has no such user.
    fn denies(&self, id: &UserId) -> bool {
        let mut state = self.world.state();
        let denied = self.world.plan.faults.denied;
        if state.denied.contains(id) || !state.fault(denied) {
            return false;
        }
        state.denied.insert(id.clone());
        state.cover.hit(Goal::AbsentOnce);
        true
    }
}

#[async_trait]
impl Directory for SimDirectory {
    async fn user(&self, id: &UserId, lane: Lane) -> Result<Option<Snapshot>, DirectoryError> {
        let _asking = (lane == Lane::Repair).then(|| Asking::new(self));
        self.get_through().await?;
        let told = self.answer(id).filter(|_| !self.denies(id));
        let replica = self.replica;
        self.world.state().say(|| {
            let shown = told.as_ref().map(|snapshot| (snapshot.version, snapshot.profile.email.clone()));
            format!("replica {replica} asks Clerk for {id} ({lane:?}): {shown:?}")
        });
        // The answer travels.
        self.world.step().await;
        Ok(told)
    }

    async fn page(&self, page: &PageOf, lane: Lane) -> Result<Vec<Snapshot>, DirectoryError> {
        self.get_through().await?;
        let mut users: Vec<Snapshot> =
            (0..MAX_USERS).filter_map(|user| self.answer(&person::user_id(user))).collect();
        {
            let mut state = self.world.state();
            let shifted_page = self.world.plan.faults.shifted_page;
            if !users.is_empty() && state.fault(shifted_page) {
                let skipped = state.tape.index(users.len());
                users.remove(skipped);
                state.cover.hit(Goal::NotListed);
            }
            let replica = self.replica;
            state.say(|| {
                let shown = users.iter().map(|user| (user.id.to_string(), user.version)).collect::<Vec<_>>();
                format!("replica {replica} lists users ({lane:?}): {shown:?}")
            });
        }
        match page.order {
            Order::Created => users.sort_by_key(|user| (user.profile.created_at, user.id.clone())),
            Order::NewestVersion => users.sort_by_key(|user| Reverse((user.version, user.id.clone()))),
        }
        let goal = match (page.order, &page.start) {
            (_, Start::Offset(0)) => None,
            (Order::NewestVersion, _) => Some(Goal::PolledOn),
            (Order::Created, _) => Some(Goal::Paged),
        };
        goal.into_iter().for_each(|goal| self.world.hit(goal));
        let skip = match &page.start {
            Start::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            Start::After(id) => match users.iter().position(|user| user.id == *id) {
                Some(position) => position + 1,
                None => {
                    self.world.hit(Goal::CursorGone);
                    return Err(DirectoryError::Refused { status: 404, code: "resource_not_found".into() });
                }
            },
        };
        self.world.step().await;
        Ok(users.into_iter().skip(skip).take(page.limit as usize).collect())
    }

    async fn count(&self, _lane: Lane) -> Result<u64, DirectoryError> {
        self.get_through().await?;
        Ok((0..MAX_USERS).filter(|user| self.answer(&person::user_id(*user)).is_some()).count() as u64)
    }

    async fn instance_id(&self) -> Result<String, DirectoryError> {
        self.world.step().await;
        Ok(INSTANCE.into())
    }
}
