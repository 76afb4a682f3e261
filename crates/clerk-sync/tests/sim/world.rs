//! What all parts of a run share: virtual time, the tape, Clerk, the monitor, and who is to be spawned.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use clerk_sync::ClerkSync;
use clerk_sync_core::port::Clock;
use clerk_sync_core::{Timestamp, UserId};
use clerk_sync_testkit::StoreAndInspect;

use crate::clerk::History;
use crate::cover::{Cover, Goal};
use crate::message::{Message, messages};
use crate::monitor::Monitor;
use crate::notes::Notes;
use crate::plan::{Plan, REPLICAS};
use crate::tape::Tape;

/// When every run begins, in milliseconds since the Unix epoch.
pub(crate) const BEGIN_MS: i64 = 1_800_000_000_000;

/// Who a task belongs to: it dies with its replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Replica(usize),
    /// Browsers, the sender of webhooks, and the weather.
    Outside,
}

pub(crate) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A process of the app, as far as the outside sees it.
#[derive(Default)]
pub(crate) struct Replica {
    /// `None` while it is down.
    pub(crate) sync: Option<ClerkSync>,
    pub(crate) skew_ms: i64,
    pub(crate) paused_until_ms: u64,
    /// Repairs that are asking Clerk.
    pub(crate) asking: usize,
    /// Users other processes have committed, not yet heard of.
    pub(crate) news: Vec<UserId>,
    pub(crate) listener: Option<Waker>,
}

pub(crate) struct State {
    pub(crate) now_ms: u64,
    pub(crate) tape: Tape,
    /// No more faults: everything must settle.
    pub(crate) healed: bool,
    pub(crate) timers: BTreeMap<(u64, u64), Waker>,
    timers_set: u64,
    pub(crate) spawned: Vec<(Owner, Job)>,
    pub(crate) replicas: [Replica; REPLICAS],
    pub(crate) outage_until_ms: u64,
    pub(crate) read_only_until_ms: u64,
    pub(crate) clerk_outage_until_ms: u64,
    pub(crate) monitor: Monitor,
    pub(crate) notes: Notes,
    pub(crate) cover: Cover,
    /// When the last sweep began that has ended well.
    pub(crate) swept_from_ms: u64,
    /// Users Clerk has denied to have, once each.
    pub(crate) denied: BTreeSet<UserId>,
    /// Deletions are held back.
    pub(crate) is_braked: bool,
    /// Counters are being read, which is no part of the run: ports answer at once.
    pub(crate) counting: bool,
    /// Callers that still wait for something.
    pub(crate) callers: usize,
    /// When the last of them ended.
    pub(crate) last_caller_ms: u64,
    /// When the last record was made.
    pub(crate) last_created_ms: u64,
    pub(crate) in_flight: BTreeMap<String, usize>,
    pub(crate) log: Option<Vec<String>>,
}

impl State {
    /// Whether a fault of this rate happens now.
    pub(crate) fn fault(&mut self, rate: u64) -> bool {
        !self.healed && self.tape.chance(rate)
    }

    /// A line for whoever reads a replay.
    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        let now_ms = self.now_ms;
        if let Some(log) = &mut self.log {
            log.push(format!("{now_ms:>8} ms  {}", line()));
        }
    }

    pub(crate) fn break_rule(&mut self, rule: &'static str, detail: impl FnOnce() -> String) {
        self.monitor.break_rule(rule, detail);
    }
}

/// One run's world.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) history: History,
    pub(crate) messages: BTreeMap<u32, Arc<Message>>,
    pub(crate) store: Arc<dyn StoreAndInspect>,
    state: Mutex<State>,
}

impl World {
    pub(crate) fn new(plan: Plan, store: Arc<dyn StoreAndInspect>, log: bool) -> Arc<Self> {
        let mut replicas: [Replica; REPLICAS] = Default::default();
        for (replica, skew_ms) in replicas.iter_mut().zip(plan.skews_ms) {
            replica.skew_ms = skew_ms;
        }
        let state = State {
            now_ms: 0,
            tape: Tape::new(plan.schedule),
            healed: false,
            timers: BTreeMap::new(),
            timers_set: 0,
            spawned: Vec::new(),
            replicas,
            outage_until_ms: 0,
            read_only_until_ms: 0,
            clerk_outage_until_ms: 0,
            monitor: Monitor::default(),
            notes: Notes::default(),
            cover: Cover::default(),
            swept_from_ms: 0,
            denied: BTreeSet::new(),
            is_braked: false,
            counting: false,
            callers: 0,
            last_caller_ms: 0,
            last_created_ms: 0,
            in_flight: BTreeMap::new(),
            log: log.then(Vec::new),
        };
        let history = History::new(&plan);
        let messages = messages(&plan, &history);
        Arc::new(Self { plan, history, messages, store, state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The true time.
    pub(crate) fn now(&self) -> Timestamp {
        moment(self.state().now_ms)
    }

    pub(crate) fn spawn(&self, owner: Owner, job: impl Future<Output = ()> + Send + 'static) {
        self.state().spawned.push((owner, Box::pin(job)));
    }

    pub(crate) fn sleep(self: &Arc<Self>, for_ms: u64) -> Sleep {
        Sleep { world: Arc::clone(self), for_ms, set: None }
    }

    /// The way to a port or back: the schedule may put anything in between.
    pub(crate) fn step(self: &Arc<Self>) -> Sleep {
        let for_ms = self.state().tape.below(self.plan.faults.step_ms + 1);
        self.sleep(for_ms)
    }

    /// A caller that waits for something until the guard goes.
    pub(crate) fn caller(self: &Arc<Self>) -> Caller {
        self.state().callers += 1;
        Caller(Arc::clone(self))
    }

    /// Breaks the circle of replicas and their ports.
    pub(crate) fn close(&self) {
        let (replicas, spawned, timers) = {
            let mut state = self.state();
            (
                std::mem::take(&mut state.replicas),
                std::mem::take(&mut state.spawned),
                std::mem::take(&mut state.timers),
            )
        };
        drop((replicas, spawned, timers));
    }
}

pub(crate) fn moment(now_ms: u64) -> Timestamp {
    Timestamp::from_millis(BEGIN_MS).plus_millis(i64::try_from(now_ms).unwrap_or(i64::MAX))
}

pub(crate) struct Caller(Arc<World>);

impl Drop for Caller {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.callers -= 1;
        state.last_caller_ms = state.now_ms;
    }
}

/// Resolves once virtual time has gone on, at the earliest when polled again.
pub(crate) struct Sleep {
    world: Arc<World>,
    for_ms: u64,
    set: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let key = {
            let mut state = self.world.state();
            match self.set {
                Some(key) => {
                    let Some(waker) = state.timers.get_mut(&key) else { return Poll::Ready(()) };
                    waker.clone_from(context.waker());
                    return Poll::Pending;
                }
                None => {
                    state.timers_set += 1;
                    let key = (state.now_ms.saturating_add(self.for_ms), state.timers_set);
                    state.timers.insert(key, context.waker().clone());
                    key
                }
            }
        };
        self.set = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.set {
            let waker = self.world.state().timers.remove(&key);
            drop(waker);
        }
    }
}

/// A replica's clock.
pub(crate) struct SimClock {
    pub(crate) world: Arc<World>,
    pub(crate) replica: usize,
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let state = self.world.state();
        moment(state.now_ms).plus_millis(state.replicas[self.replica].skew_ms)
    }

    async fn sleep(&self, millis: u64) {
        self.world.sleep(millis).await;
    }
}

/// The answer of a port that is not part of the simulation, waited for on this thread.
///
/// A store with a thread of its own is worked with like this, so that the schedule stays the tape's alone.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = std::pin::pin!(future);
    if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return answer;
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return answer;
        }
        std::thread::park();
    }
}

impl World {
    /// Notes that a goal was met.
    pub(crate) fn hit(&self, goal: Goal) {
        self.state().cover.hit(goal);
    }
}
