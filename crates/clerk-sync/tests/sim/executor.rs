//! One thread, virtual time, and a tape that says who goes next.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use crate::cover::Goal;
use crate::plan::REPLICAS;
use crate::replica;
use crate::world::{Job, Owner, World};

/// Who is ready, by task number, in the order in which they were woken.
type Ready = Arc<Mutex<Vec<usize>>>;

struct Bell {
    task: usize,
    rung: AtomicBool,
    ready: Ready,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.task);
        }
    }
}

struct Task {
    owner: Owner,
    job: Job,
    bell: Arc<Bell>,
    waker: Waker,
}

pub(crate) struct Executor {
    world: Arc<World>,
    tasks: Vec<Option<Task>>,
    ready: Ready,
    /// Ready tasks of replicas that stand still.
    frozen: Vec<usize>,
    /// Steps made.
    pub(crate) steps: u64,
    pub(crate) kills: u64,
    /// The schedule as a number: equal for equal runs.
    pub(crate) trace: u64,
}

impl Executor {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self {
            world: Arc::clone(world),
            tasks: Vec::new(),
            ready: Ready::default(),
            frozen: Vec::new(),
            steps: 0,
            kills: 0,
            trace: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Goes on until `until_ms`, until nothing is left to do, or until a rule is broken.
    pub(crate) fn run(&mut self, until_ms: u64) {
        loop {
            self.admit();
            if !self.ring_timers(until_ms) {
                return;
            }
            let Some(number) = self.choose() else { continue };
            self.poll(number);
            if self.world.state().monitor.broken.is_some() {
                return;
            }
        }
    }

    /// Takes in what was spawned.
    fn admit(&mut self) {
        let spawned = std::mem::take(&mut self.world.state().spawned);
        for (owner, job) in spawned {
            let bell = Arc::new(Bell {
                task: self.tasks.len(),
                rung: AtomicBool::new(false),
                ready: Arc::clone(&self.ready),
            });
            let waker = Waker::from(Arc::clone(&bell));
            waker.wake_by_ref();
            self.tasks.push(Some(Task { owner, job, bell, waker }));
        }
    }

    /// Rings what is due, after a jump to the next timer if nobody is ready. Answers whether to go on.
    fn ring_timers(&mut self, until_ms: u64) -> bool {
        let idle = self.is_idle();
        let mut state = self.world.state();
        if idle {
            match state.timers.first_key_value() {
                Some(((at_ms, _), _)) if *at_ms <= until_ms => state.now_ms = state.now_ms.max(*at_ms),
                _ => {
                    state.now_ms = state.now_ms.max(until_ms);
                    return false;
                }
            }
        }
        let now_ms = state.now_ms;
        while let Some(first) = state.timers.first_entry() {
            if first.key().0 > now_ms {
                break;
            }
            first.remove().wake();
        }
        if !self.frozen.is_empty() {
            let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            self.frozen.retain(|number| {
                let owner = self.tasks.get(*number).and_then(|task| task.as_ref()).map(|task| task.owner);
                let thaws =
                    !matches!(owner, Some(Owner::Replica(r)) if state.replicas[r].paused_until_ms > now_ms);
                if thaws {
                    ready.push(*number);
                }
                !thaws
            });
        }
        true
    }

    fn is_idle(&self) -> bool {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The tape says which ready task is polled next, and whether a replica dies first.
    fn choose(&mut self) -> Option<usize> {
        let number = {
            let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            if ready.is_empty() {
                return None;
            }
            let mut state = self.world.state();
            let index = if ready.len() == 1 { 0 } else { state.tape.index(ready.len()) };
            let number = ready.swap_remove(index);
            self.steps += 1;
            self.trace = (self.trace ^ number as u64 ^ (state.now_ms << 16)).wrapping_mul(0x100_0000_01b3);
            number
        };
        let kill = self.world.plan.faults.kill;
        let victim = {
            let mut state = self.world.state();
            state.fault(kill).then(|| state.tape.index(REPLICAS))
        };
        if let Some(replica) = victim {
            self.kill(replica);
        }
        let task = self.tasks.get(number)?.as_ref()?;
        if let Owner::Replica(replica) = task.owner {
            let state = self.world.state();
            if state.replicas[replica].paused_until_ms > state.now_ms {
                drop(state);
                self.frozen.push(number);
                return None;
            }
        }
        Some(number)
    }

    fn poll(&mut self, number: usize) {
        let Some(mut task) = self.tasks.get_mut(number).and_then(Option::take) else { return };
        task.bell.rung.store(false, Ordering::Relaxed);
        let polled = task.job.as_mut().poll(&mut Context::from_waker(&task.waker));
        if polled.is_pending() {
            self.tasks[number] = Some(task);
        }
    }

    /// `kill -9`: everything the process was doing ends where it stands.
    fn kill(&mut self, replica: usize) {
        if !replica::take_down(&self.world, replica) {
            return;
        }
        self.kills += 1;
        for task in &mut self.tasks {
            if task.as_ref().is_some_and(|task| task.owner == Owner::Replica(replica)) {
                *task = None;
            }
        }
        self.world.hit(Goal::Kill);
        let down_ms = self.world.state().tape.below(3_000);
        replica::start_late(&self.world, replica, down_ms);
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.tasks.clear();
        self.world.close();
    }
}
