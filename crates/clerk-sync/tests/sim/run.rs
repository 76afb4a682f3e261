//! One run: trouble, then peace, then the reckoning.

use std::sync::Arc;

use clerk_sync_testkit::StoreAndInspect;

use crate::Mode;
use crate::cover::{Cover, Goal};
use crate::executor::Executor;
use crate::monitor::{self, Violation};
use crate::outside;
use crate::plan::{Plan, REPLICAS, What};
use crate::replica;
use crate::world::{Owner, World};

/// How long trouble goes on after the last planned item, in milliseconds.
const AFTERMATH_MS: u64 = 6_000;
/// Within which time everything must have settled once there is peace, in milliseconds.
const PEACE_MS: u64 = 40 * 60_000;
/// The same where the sender takes Svix's real steps.
const LONG_PEACE_MS: u64 = 10 * 24 * 3_600_000;

/// What a run has come to.
pub(crate) struct Ended {
    pub(crate) violation: Option<Violation>,
    pub(crate) cover: Cover,
    pub(crate) trace: u64,
    pub(crate) steps: u64,
    pub(crate) kills: u64,
    pub(crate) virtual_ms: u64,
    pub(crate) log: Vec<String>,
}

/// Runs a plan on an empty store.
pub(crate) fn run(plan: &Plan, store: Arc<dyn StoreAndInspect>, log: bool) -> Ended {
    let world = World::new(plan.clone(), store, log);
    let mut executor = Executor::new(&world);
    for replica in 0..REPLICAS {
        replica::start_late(&world, replica, plan.late_ms);
    }
    if plan.late_ms > 0 {
        world.hit(Goal::Late);
    }
    world.spawn(Owner::Outside, outside::play(Arc::clone(&world)));
    // Operators go on sending old messages in peace.
    let trouble = plan.items.iter().filter(|item| !matches!(item.what, What::Replay { .. }));
    let trouble_ms = trouble.map(|item| item.at_ms).max().unwrap_or(0) + AFTERMATH_MS;
    executor.run(trouble_ms);
    make_peace(&world);
    settle(&world, &mut executor, trouble_ms);
    let syncs: Vec<_> = world.state().replicas.iter().filter_map(|replica| replica.sync.clone()).collect();
    for sync in syncs {
        replica::count_outcomes(&world, &sync);
    }
    let mut state = world.state();
    let mut trace = executor.trace;
    trace = state.monitor.fold_into(trace);
    Ended {
        violation: state.monitor.broken.take(),
        cover: state.cover.clone(),
        trace,
        steps: executor.steps,
        kills: executor.kills,
        virtual_ms: state.now_ms,
        log: state.log.take().unwrap_or_default(),
    }
}

fn make_peace(world: &World) {
    let mut state = world.state();
    state.say(|| "peace".to_owned());
    state.healed = true;
    state.replicas.iter_mut().for_each(|replica| replica.skew_ms = 0);
}

/// For how long after the last fact, the last fault and the last new record a sweep may overlook something: a record made within the
/// staleness bound, or put into the future by a clock, counts as made after the list.
fn sweeps_in_vain_ms(world: &World) -> u64 {
    if world.plan.is_skewed() { 11 * 60_000 } else { 1_000 }
}

/// Goes on until nobody waits for anything, then looks whether all is as it must be.
fn settle(world: &Arc<World>, executor: &mut Executor, from_ms: u64) {
    let peace_ms = if world.plan.real_steps { LONG_PEACE_MS } else { PEACE_MS };
    let mut until_ms = from_ms;
    loop {
        until_ms += 1_000;
        executor.run(until_ms);
        let mut state = world.state();
        if state.monitor.broken.is_some() {
            return;
        }
        let told_ms = from_ms.max(state.last_caller_ms).max(state.last_created_ms);
        let is_swept =
            world.plan.mode == Mode::NoSweeps || state.swept_from_ms > told_ms + sweeps_in_vain_ms(world);
        let are_up = state.replicas.iter().all(|replica| replica.sync.is_some());
        // What is held back waits for the operator, who may come later than everything else is done.
        if is_swept && are_up && !state.is_braked && state.callers == 0 && state.monitor.is_quiet() {
            break;
        }
        if until_ms > from_ms + peace_ms {
            let waiting = state.monitor.waiting();
            let callers = state.callers;
            return state.break_rule("everything settles", || format!("{callers} callers, {waiting}"));
        }
    }
    monitor::in_the_end(world);
}
