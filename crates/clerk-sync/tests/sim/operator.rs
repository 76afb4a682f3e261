//! Operators: who compares by hand, confirms deletions, and takes deliveries again.

use std::sync::Arc;

use clerk_sync::{BackfillOptions, ClerkSync, EqualError, SweepOptions};
use clerk_sync_core::DeliveryId;

use crate::cover::Goal;
use crate::person;
use crate::plan::REPLICAS;
use crate::replica;
use crate::world::{Owner, World};

/// Compares everything again and again, in one way or another, and confirms what is held back.
pub(crate) async fn attend(world: Arc<World>, replica: usize, sync: ClerkSync) {
    loop {
        let (pause_ms, choice) = {
            let mut state = world.state();
            // In peace there is no hurry, and there may be days of it.
            let every_ms = match (state.healed, world.plan.real_steps) {
                (false, _) => world.plan.sweep_ms.max(700),
                (true, false) if world.plan.is_skewed() => 120_000,
                (true, false) => 5_000,
                (true, true) => 3_600_000,
            };
            (every_ms + state.tape.below(200), state.tape.below(8))
        };
        world.sleep(pause_ms).await;
        match choice {
            0 => backfill(&world, replica, &sync).await,
            1 if !world.plan.braked => prove(&world, &sync).await,
            choice => sweep(&world, &sync, choice == 2).await,
        }
    }
}

async fn sweep(world: &World, sync: &ClerkSync, settle: bool) {
    let began_ms = world.state().now_ms;
    let brake = sync.equality().await.ok().and_then(|equality| equality.brake);
    let confirm_deletions = brake.map(|brake| brake.missing);
    let swept = sync.sweep(SweepOptions { confirm_deletions, settle, check: false }, |_| ()).await;
    world.state().say(|| format!("a sweep ended: {swept:?}"));
    if let Ok(report) = &swept {
        let allowed = replica::brake(&world.plan).users.max(confirm_deletions.unwrap_or(0));
        if world.plan.braked && report.missing > allowed {
            let rule = "what the brake holds back waits to be confirmed";
            world.state().break_rule(rule, || format!("{allowed} allowed or confirmed, {report:?}"));
        }
    }
    if swept.is_ok() && confirm_deletions.is_some() {
        world.hit(Goal::Confirmed);
    }
    compared(world, began_ms, swept.map(|_| Goal::Swept));
}

async fn backfill(world: &World, replica: usize, sync: &ClerkSync) {
    let began_ms = world.state().now_ms;
    let restart = world.state().tape.below(2) == 0;
    let filled = sync.backfill(BackfillOptions { dry_run: false, restart }, |_| ()).await;
    let mut state = world.state();
    state.say(|| format!("a backfill ended: {filled:?}"));
    if let Ok(report) = filled {
        if state.notes.filled_ms[replica] < Some(began_ms) {
            let rule = "a backfill that ends is written down as done";
            state.break_rule(rule, || format!("by replica {replica}, begun at {began_ms} ms: {report:?}"));
        }
        state.cover.hit(if report.resumed_at > 0 { Goal::Resumed } else { Goal::Backfilled });
    }
}

async fn prove(world: &World, sync: &ClerkSync) {
    let began_ms = world.state().now_ms;
    let proved = sync.prove(|_| ()).await;
    world.state().say(|| format!("a proof ended: {proved:?}"));
    compared(world, began_ms, proved.map(|_| Goal::Proved));
}

/// Notes what became of a comparison of everything.
fn compared(world: &World, began_ms: u64, done: Result<Goal, EqualError>) {
    let mut state = world.state();
    match done {
        Ok(goal) => {
            state.cover.hit(goal);
            state.swept_from_ms = state.swept_from_ms.max(began_ms);
        }
        Err(EqualError::Busy { .. }) => state.cover.hit(Goal::SweepBusy),
        Err(EqualError::Superseded) => state.cover.hit(Goal::SweepSuperseded),
        Err(_) => {}
    }
}

/// Takes a stored delivery again.
pub(crate) fn take_again(world: &Arc<World>, number: u32, replica: usize) {
    at(world, replica, async move |world, sync| {
        let Ok(id) = DeliveryId::parse(&format!("msg_{number}")) else { return };
        let taken = sync.replay(&id).await;
        world.state().say(|| format!("{} taken again: {taken:?}", id.as_str()));
        if taken.is_ok() {
            world.hit(Goal::TakenAgain);
        }
    });
}

/// Has a user fetched.
pub(crate) fn refetch(world: &Arc<World>, user: usize, replica: usize) {
    at(world, replica, async move |world, sync| {
        let fetched = sync.refetch(&person::user_id(user)).await;
        world.state().say(|| format!("user_{user} fetched: {fetched:?}"));
        if fetched.is_ok() {
            world.hit(Goal::Refetched);
        }
    });
}

fn at<F>(world: &Arc<World>, replica: usize, work: impl FnOnce(Arc<World>, ClerkSync) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    debug_assert!(replica < REPLICAS);
    let Some(sync) = world.state().replicas[replica].sync.clone() else { return };
    let caller = world.caller();
    let working = work(Arc::clone(world), sync);
    world.spawn(Owner::Replica(replica), async move {
        let _caller = caller;
        working.await;
    });
}
