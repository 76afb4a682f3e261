use clerk_sync::{BackfillOptions, BackfillReport, ClerkSync, EqualError};
use clerk_sync_core::Role;
use clerk_sync_core::port::Start;

use super::{finish, later, populated, repair, user};
use crate::harness::World;
use crate::harness::stage::{Stage, now};
use crate::harness::wire::deleted_event;

type Answer = Result<BackfillReport, EqualError>;

fn backfill(sync: &ClerkSync) -> impl Future<Output = Answer> + Send + use<> {
    let sync = sync.clone();
    async move { sync.backfill(BackfillOptions::default(), |_| {}).await }
}

/// A backfill whose pages are let go one by one.
fn held(world: &World) -> Stage<Answer> {
    world.clerk.hold();
    let mut stage = Stage::new(world);
    stage.enter(backfill(&world.sync));
    assert!(stage.settle().is_empty());
    stage
}

fn page(world: &World, stage: &mut Stage<Answer>) -> Vec<(usize, Answer)> {
    world.clerk.release(1);
    stage.settle()
}

#[test]
fn everybody_is_taken_over_in_pages_of_500() {
    let world = populated(1_200);
    let report = finish(&world, backfill(&world.sync)).unwrap();
    assert_eq!((report.users, report.created, report.resumed_at), (1_200, 1_200, 0));
    assert_eq!(world.clerk.pages().len(), 3);
    world.expect_equal();
    repair(&world);
    world.expect_equal();
    let admins = world.store_records().iter().filter(|record| record.role == Some(Role::admin())).count();
    assert_eq!(admins, 1);
    // Of those who claim one address the newest holds it, as if they had come one by one.
    let holders = world.store_records().into_iter().filter(|r| r.email_key() == Some("mail7@example.com"));
    assert_eq!(holders.map(|record| record.id).collect::<Vec<_>>(), [user(1_107).id]);
}

#[test]
fn a_page_is_few_commits() {
    let world = populated(500);
    let _ = finish(&world, backfill(&world.sync)).unwrap();
    let commits = world.calls.take().into_iter().filter(|call| *call == "commit").count();
    // The first administrator, the first of each name and of the shared address are apart from the rest.
    assert!(commits < 20, "{commits} commits");
}

#[test]
fn who_comes_and_goes_meanwhile_is_neither_skipped_nor_revived() {
    let world = populated(1_300);
    let mut stage = held(&world);
    page(&world, &mut stage);
    // One of the first page, one still to come; both are heard of by webhook. And two who sign up.
    for number in [3, 800] {
        world.clerk.remove(&user(number).id);
        let event = deleted_event(&format!("{number:05}"), world.now());
        now(&world, world.deliver(&format!("{number}"), &event)).unwrap();
    }
    world.clerk.put(user(5_000));
    world.clerk.put(user(5_001));
    page(&world, &mut stage);
    assert!(page(&world, &mut stage).pop().unwrap().1.is_ok());
    world.clerk.open();
    repair(&world);
    world.expect_equal();
    assert!(world.is_gone(&user(3).id) && world.is_gone(&user(800).id));
}

/// The page was read before the deletion and is joined after it.
#[test]
fn a_page_that_is_older_than_a_deletion_revives_nobody() {
    let world = populated(10);
    let removed = user(4).id;
    let (clerk, id) = (world.clerk.clone(), removed.clone());
    let mut receipt = Box::pin(world.deliver("1", &deleted_event("00004", world.now())));
    world.calls.before_next_answer("directory.page", move || {
        clerk.remove(&id);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(receipt.as_mut().poll(&mut context).is_ready());
    });
    finish(&world, backfill(&world.sync)).unwrap();
    assert!(world.is_gone(&removed));
    world.expect_equal();
}

#[test]
fn a_cursor_that_was_deleted_is_passed_over() {
    let world = populated(1_200);
    let mut stage = held(&world);
    // The last eight of the first page go after it was read; the second page was asked for after one of them.
    (492..500).for_each(|number| world.clerk.remove(&user(number).id));
    world.clerk.release(20);
    (492..500).for_each(|number| world.clerk.put(user(number)));
    world.clerk.remove(&user(499).id);
    let _ = stage.settle();
    world.clerk.open();
    assert!(stage.settle().pop().is_none_or(|(_, answer)| answer.is_ok()));
    let cursors = world.clerk.pages().iter().filter(|page| matches!(page.start, Start::After(_))).count();
    assert!(cursors >= 2, "by cursor all along");
    world.expect_equal();
}

#[test]
fn where_cursors_are_refused_pages_overlap() {
    for deleted in [0, 1, 60, 300] {
        let world = populated(1_500);
        world.clerk.refuse_cursors();
        let mut stage = held(&world);
        // Refused, then by offset; and while the second page is awaited some of the first go, so that
        // everybody moves forward.
        page(&world, &mut stage);
        (0..deleted).for_each(|number| world.clerk.remove(&user(number).id));
        world.clerk.open();
        let (_, report) = stage.settle().pop().unwrap();
        report.unwrap();
        let records = world.store_records();
        for number in deleted..1_500 {
            assert!(records.iter().any(|record| record.id == user(number).id), "{number} was skipped");
        }
    }
}

#[test]
fn a_kill_repeats_at_most_one_page() {
    let pages = 5;
    for killed_after in 0..pages {
        let world = populated(pages * 500 - 100);
        let mut stage = held(&world);
        for _ in 0..killed_after {
            page(&world, &mut stage);
        }
        drop(stage);
        world.clerk.open();
        // The lease of the dead ends by itself.
        world.clock.advance(15_000);
        let other = world.another();
        let report = finish(&other, backfill(&other.sync)).unwrap();
        assert_eq!(report.users, 2_400);
        assert!(world.clerk.pages().len() <= pages + 2, "{} pages", world.clerk.pages().len());
        assert_eq!(report.resumed_at, 500 * killed_after as u64);
        world.expect_equal();
    }
}

#[test]
fn one_process_at_a_time() {
    let world = populated(1_200);
    let mut stage = held(&world);
    let other = world.another();
    let refused = now(&other, backfill(&other.sync)).unwrap_err();
    assert!(matches!(refused, EqualError::Busy { wait_ms: 15_000, .. }), "{refused}");
    world.clerk.open();
    assert!(stage.settle().pop().unwrap().1.is_ok());
    // It let go: nobody waits for the end of its lease.
    assert!(finish(&other, backfill(&other.sync)).is_ok());
}

/// A process that is there keeps its lease, however long Clerk takes.
#[test]
fn a_slow_page_does_not_lose_the_lease() {
    let world = populated(1_200);
    let mut stage = held(&world);
    for _ in 0..20 {
        world.clock.advance(5_000);
        assert!(stage.settle().is_empty());
    }
    let other = world.another();
    assert!(matches!(now(&other, backfill(&other.sync)), Err(EqualError::Busy { .. })));
    world.clerk.open();
    assert!(stage.settle().pop().unwrap().1.is_ok());
}

/// A process slept past its lease. Another took over and finished; what the first writes when it wakes is stale.
#[test]
fn a_holder_that_slept_is_superseded() {
    let world = populated(1_200);
    let mut sleeping = held(&world);
    page(&world, &mut sleeping);
    world.clock.advance(15_000);
    let other = world.another();
    let mut stage = Stage::new(&other);
    stage.enter(backfill(&other.sync));
    assert!(stage.settle().is_empty());
    let note = |world: &World| now(world, note_of(world));
    world.clerk.open();
    assert_eq!(stage.settle().pop().unwrap().1.unwrap().resumed_at, 500);
    let done = note(&world);
    assert!(done.as_deref().is_some_and(|text| text.contains("\"is_done\":true")), "{done:?}");
    let superseded = sleeping.settle().pop().unwrap().1.unwrap_err();
    assert!(matches!(superseded, EqualError::Superseded), "{superseded}");
    assert_eq!(note(&world), done);
}

fn note_of(world: &World) -> impl Future<Output = Option<String>> + Send + use<> {
    let store = world.store.clone();
    async move { store.note("backfill").await.unwrap() }
}

#[test]
fn a_dry_run_writes_nothing() {
    let world = populated(600);
    let sync = world.sync.clone();
    let report = finish(&world, async move {
        sync.backfill(BackfillOptions { dry_run: true, restart: false }, |_| {}).await
    });
    assert_eq!(report.unwrap().created, 600);
    assert!(world.entries().is_empty());
    assert_eq!(now(&world, note_of(&world)), None);
}

#[test]
fn what_is_known_already_costs_no_write() {
    let world = populated(600);
    finish(&world, backfill(&world.sync)).unwrap();
    repair(&world);
    let before = world.entries();
    world.clerk.put(later(&user(5), world.now()));
    let report = finish(&world, backfill(&world.sync)).unwrap();
    assert_eq!((report.created, report.updated), (0, 1));
    let after = world.entries();
    let changed = before.iter().filter(|(id, entry)| after.get(*id) != Some(*entry)).count();
    assert_eq!(changed, 1);
}
