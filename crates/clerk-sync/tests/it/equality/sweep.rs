use clerk_sync::{ClerkSync, EqualError, SweepOptions, SweepReport};
use clerk_sync_core::{Change, Commit, Entry, Profile};
use clerk_sync_testkit::Answer;

use super::{finish, later, populated, repair, user};
use crate::harness::World;
use crate::harness::stage::now;

fn sweep_with(
    sync: &ClerkSync,
    options: SweepOptions,
) -> impl Future<Output = Result<SweepReport, EqualError>> + Send + use<> {
    let sync = sync.clone();
    async move { sync.sweep(options, |_| {}).await }
}

fn sweep(world: &World) -> Result<SweepReport, EqualError> {
    finish(world, sweep_with(&world.sync, SweepOptions::default()))
}

/// Clerk's users `0..count` are in the database, settled, and old enough to be missed.
fn settled(count: usize) -> World {
    let world = populated(count);
    sweep(&world).unwrap();
    repair(&world);
    world.clock.advance(60_000);
    world
}

/// Changes a row behind everybody's back.
fn plant(world: &World, number: usize, change: impl FnOnce(&mut Profile)) {
    let Some(Entry::Live(record)) = world.entries().remove(&user(number).id) else { panic!("no record") };
    let mut planted = record.clone();
    change(&mut planted.profile);
    let store = world.store.clone();
    let commit = async move {
        store.commit(vec![Change::Update { expected: record.rev, record: planted }]).await.unwrap()
    };
    assert_eq!(now(world, commit), Commit::Done);
}

#[test]
fn everything_that_was_missed_is_found() {
    let world = settled(600);
    world.clerk.put(user(7_000));
    world.clerk.put(later(&user(2), world.now()));
    world.clerk.remove(&user(3).id);
    plant(&world, 4, |profile| profile.last_name = Some("Other".into()));
    let report = sweep(&world).unwrap();
    assert_eq!((report.created, report.updated, report.differing, report.missing), (1, 1, 1, 1));
    assert_eq!(report.fields.get("last_name"), Some(&1));
    repair(&world);
    world.expect_equal();
    assert!(world.is_gone(&user(3).id));
    assert_eq!(sweep(&world).unwrap().fields, [].into());
}

#[test]
fn a_check_changes_nothing() {
    let world = settled(20);
    world.clerk.put(user(7_000));
    world.clerk.remove(&user(3).id);
    plant(&world, 4, |profile| profile.banned = true);
    let before = world.entries();
    let report = finish(&world, sweep_with(&world.sync, SweepOptions { check: true, ..Default::default() }));
    let report = report.unwrap();
    assert_eq!((report.created, report.differing, report.missing), (1, 1, 1));
    assert_eq!(world.entries(), before);
}

/// A list without a user is no deletion: Clerk is asked by id, and asked again.
#[test]
fn who_was_not_listed_is_asked_about_twice() {
    let world = settled(20);
    let (ada, bob) = (user(3), user(4));
    world.clerk.remove(&ada.id);
    world.clerk.remove(&bob.id);
    assert_eq!(sweep(&world).unwrap().missing, 2);
    // Bob was only missing in that list.
    world.clerk.put(bob.clone());
    let asked = world.clerk.calls(&ada.id);
    repair(&world);
    assert_eq!(world.clerk.calls(&ada.id), asked + 2);
    assert!(world.is_gone(&ada.id));
    assert!(!world.is_gone(&bob.id));
    world.expect_equal();
}

/// One 404 among good answers deletes nobody.
#[test]
fn a_single_404_deletes_nobody() {
    let world = settled(20);
    plant(&world, 4, |profile| profile.banned = true);
    world.clerk.plan(&user(4).id, Answer::NotFound);
    sweep(&world).unwrap();
    repair(&world);
    world.expect_equal();
}

/// Whoever got a record while the list was made cannot be missed in it.
#[test]
fn who_comes_during_the_sweep_is_not_missed() {
    let world = settled(20);
    let person = crate::harness::Person::new("zoe", world.now());
    let event = person.event("user.created", world.now());
    let mut receipt = Box::pin(world.deliver("1", &event));
    world.calls.before_next_answer("directory.page", move || {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(receipt.as_mut().poll(&mut context).is_ready());
    });
    assert_eq!(sweep(&world).unwrap().missing, 0);
}

/// A sweep that has lost its lease by the time it is written down has ended before the one that took it.
#[test]
fn a_late_note_leaves_a_later_one() {
    let world = settled(20);
    let other = world.another();
    let (calls, clock) = (world.calls.clone(), world.clock.clone());
    let last_sweep_ms = |world: &World| {
        let sync = world.sync.clone();
        now(world, async move { sync.equality().await.unwrap().last_sweep_ms })
    };
    let other_sweeps = move || {
        clock.advance(60_000);
        sweep(&other).unwrap();
    };
    // The notes read after the list: of the brake, then of the last sweep.
    let (after_list, after_brake) = (calls.clone(), calls);
    world.calls.before_next_answer("directory.page", move || {
        after_list.before_next_answer("note", move || after_brake.before_next_answer("note", other_sweeps));
    });
    let began = world.now();
    sweep(&world).unwrap();
    assert!(world.now() >= began.plus_millis(60_000), "the other sweep did not come in between");
    assert_eq!(last_sweep_ms(&world), Some(world.now().as_millis()));
}

#[test]
fn too_many_deletions_are_held_back_until_confirmed() {
    let world = settled(200);
    // max(5, 1 %): five pass.
    (0..5).for_each(|number| world.clerk.remove(&user(number).id));
    assert_eq!(sweep(&world).unwrap().missing, 5);
    repair(&world);
    world.expect_equal();
    // Thirty percent do not.
    (5..65).for_each(|number| world.clerk.remove(&user(number).id));
    let braked = sweep(&world).unwrap_err();
    assert!(matches!(braked, EqualError::Braked { missing: 60, allowed: 5, users: 195 }), "{braked}");
    repair(&world);
    assert_eq!(world.store_records().len(), 195);
    let held = |world: &World| {
        let sync = world.sync.clone();
        now(world, async move { sync.equality().await.unwrap().brake })
    };
    assert_eq!(held(&world).unwrap().missing, 60);
    // Another number is about something else.
    for confirmed in [0, 59, 61] {
        let options = SweepOptions { confirm_deletions: Some(confirmed), ..Default::default() };
        let refused = finish(&world, sweep_with(&world.sync, options)).unwrap_err();
        assert!(matches!(refused, EqualError::NothingToConfirm { held_back: 60, .. }), "{refused}");
    }
    let options = SweepOptions { confirm_deletions: Some(60), ..Default::default() };
    assert_eq!(finish(&world, sweep_with(&world.sync, options)).unwrap().missing, 60);
    repair(&world);
    world.expect_equal();
    assert_eq!(held(&world), None);
}

/// What was confirmed passes, and not what has come since.
#[test]
fn a_confirmation_is_for_what_was_seen() {
    let world = settled(200);
    (0..60).for_each(|number| world.clerk.remove(&user(number).id));
    sweep(&world).unwrap_err();
    world.clerk.remove(&user(60).id);
    let options = SweepOptions { confirm_deletions: Some(60), ..Default::default() };
    let braked = finish(&world, sweep_with(&world.sync, options)).unwrap_err();
    assert!(matches!(braked, EqualError::Braked { missing: 61, .. }), "{braked}");
    repair(&world);
    assert_eq!(world.store_records().len(), 200);
}

/// The brake goes when the users are there again.
#[test]
fn a_brake_is_released_by_a_good_sweep() {
    let world = settled(200);
    (0..60).for_each(|number| world.clerk.remove(&user(number).id));
    sweep(&world).unwrap_err();
    (0..60).for_each(|number| world.clerk.put(user(number)));
    assert_eq!(sweep(&world).unwrap().missing, 0);
    let sync = world.sync.clone();
    assert_eq!(now(&world, async move { sync.equality().await.unwrap().brake }), None);
}

#[test]
fn another_instance_is_refused_before_anything_is_listed() {
    let world = settled(20).untold();
    // Recorded at first sight, under the name the process was told.
    world.clerk.become_instance(crate::harness::wire::INSTANCE);
    sweep(&world).unwrap();
    world.clerk.become_instance("ins_other");
    (0..20).for_each(|number| world.clerk.remove(&user(number).id));
    let listed = world.clerk.pages().len();
    let refused = sweep(&world).unwrap_err();
    assert!(matches!(refused, EqualError::WrongInstance { .. }), "{refused}");
    assert!(refused.to_string().contains("ins_other"), "{refused}");
    assert_eq!(world.clerk.pages().len(), listed);
    repair(&world);
    assert_eq!(world.store_records().len(), 20);
}
