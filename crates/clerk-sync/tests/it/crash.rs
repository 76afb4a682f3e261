//! A process dies at each of its calls, before the call and after it; what comes next must not show it.
//!
//! Oxide's drill: for every step of every walk, stop there for good, drop everything, start again, and send
//! again what was not acknowledged.

use clerk_sync_core::Entry;
use clerk_sync_testkit::sample::user_id;

use crate::harness::probe::Stop;
use crate::harness::stage::{Stage, now};
use crate::harness::{Person, World, wire};

/// What is to be interrupted.
#[derive(Debug, Clone, Copy)]
enum Step {
    Create,
    Update,
    Delete,
    LookUp,
    SignInOfAStranger,
    Repair,
    Absent,
}

const STEPS: [Step; 7] = [
    Step::Create,
    Step::Update,
    Step::Delete,
    Step::LookUp,
    Step::SignInOfAStranger,
    Step::Repair,
    Step::Absent,
];

impl Step {
    /// The world before the step, and the body it delivers; `None` for a request of the user's.
    fn prepare(self, world: &World) -> Option<String> {
        let at = world.now();
        let mut ada = Person::new("ada", at);
        let created = ada.event("user.created", at);
        let first = |world: &World| now(world, world.deliver("first", &created)).unwrap();
        world.put(&ada);
        match self {
            Self::LookUp => None,
            Self::Create => Some(created),
            Self::SignInOfAStranger => {
                let data = serde_json::json!({"user_id": "user_ada", "created_at": at.as_millis()});
                Some(wire::event("session.created", &data, at))
            }
            Self::Update | Self::Repair | Self::Absent => {
                first(world);
                if matches!(self, Self::Update) {
                    world.clock.advance(10);
                }
                // Without a later version it is a tie, which a repair settles.
                ada.version = serde_json::json!(world.now().as_millis());
                ada.first = Some("Ada".into());
                world.put(&ada);
                if matches!(self, Self::Absent) {
                    world.clerk.remove(&user_id("ada"));
                }
                Some(ada.event("user.updated", world.now()))
            }
            Self::Delete => {
                first(world);
                world.clerk.remove(&user_id("ada"));
                Some(wire::deleted_event("ada", at))
            }
        }
    }
}

/// Starts what the step does beside the workers; whether it was acknowledged.
fn act(world: &World, stage: &mut Stage<bool>, body: Option<&str>) {
    match body {
        Some(body) => {
            let taking = world.deliver("second", body);
            stage.enter(async move { taking.await.is_ok() });
        }
        None => {
            let asking = world.me("ada", 0);
            stage.enter(async move { asking.await.is_ok() });
        }
    }
}

/// Lets a minute and more pass, so that what is leased comes back and is done.
fn rest(world: &World, stage: &mut Stage<bool>) {
    for _ in 0..15 {
        world.clock.advance(5_000);
        stage.settle();
    }
}

/// What is stored in the end, without what tells how long it took.
fn end(world: &World) -> String {
    let store = world.store.clone();
    let (entries, log) = now(world, async move {
        (store.entries(None, 9).await.unwrap(), store.deliveries(None, 9).await.unwrap())
    });
    let entries: Vec<_> = entries
        .into_iter()
        .map(|entry| match entry {
            Entry::Gone(tombstone) => format!("{} gone", tombstone.id),
            Entry::Live(record) => format!(
                "{} {:?} {:?} {:?} {:?} dirty={}",
                record.id,
                record.version,
                record.profile.first_name,
                record.role,
                record.last_sign_in_at,
                record.is_dirty()
            ),
        })
        .collect();
    let mut log: Vec<_> = log.iter().map(|one| format!("{} {}", one.id, one.status.as_str())).collect();
    log.sort();
    format!("{entries:?} {log:?}")
}

/// Runs the step with a stop at its call `number`; `None` when it makes no such call.
fn interrupted(world: World, step: Step, stop: Option<(usize, Stop)>) -> Option<String> {
    let body = step.prepare(&world);
    if let Some((number, stop)) = stop {
        world.calls.stop_at(number, stop);
    }
    let mut stage = Stage::new(&world);
    act(&world, &mut stage, body.as_deref());
    let acknowledged = stage.settle().into_iter().any(|(_, acknowledged)| acknowledged);
    stage.employ(&world);
    stage.settle();
    for _ in 0..6 {
        world.clock.advance(1_000);
        stage.settle();
    }
    let reached = !world.calls.clear_stop();
    if stop.is_some() && !reached {
        return None;
    }
    // The process is gone; another one starts.
    drop(stage);
    let world = world.rebuilt(|builder| builder);
    let mut stage = Stage::new(&world);
    stage.employ(&world);
    if !acknowledged {
        act(&world, &mut stage, body.as_deref());
    }
    rest(&world, &mut stage);
    Some(end(&world))
}

fn drill(open: fn() -> World) {
    let mut stops = 0;
    for step in STEPS {
        let undisturbed = interrupted(open(), step, None).unwrap();
        for (number, stop) in (1..).flat_map(|number| [(number, Stop::Before), (number, Stop::After)]) {
            let Some(found) = interrupted(open(), step, Some((number, stop))) else { break };
            assert_eq!(found, undisturbed, "{step:?} stopped {stop:?} call {number}");
            stops += 1;
        }
    }
    assert!(stops > 100, "only {stops} stops were reached");
}

#[test]
fn a_crash_at_any_call_is_not_seen_afterwards_in_memory() {
    drill(World::in_memory);
}

#[test]
fn a_crash_at_any_call_is_not_seen_afterwards_on_sqlite() {
    drill(World::on_sqlite);
}
