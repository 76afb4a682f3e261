//! Many requests at once: one fetch for all, and nobody waits for what is there already.

use clerk_sync::{Refusal, User};
use clerk_sync_core::Outcome;
use clerk_sync_testkit::Answer;
use clerk_sync_testkit::sample::user_id;

use crate::harness::probe::Stop;
use crate::harness::stage::{Stage, now};
use crate::harness::wire::deleted_event;
use crate::harness::{Person, World};

type Answers = Vec<(usize, Result<User, Refusal>)>;

fn codes(answers: &Answers) -> Vec<&'static str> {
    answers.iter().map(|(_, answer)| answer.as_ref().map_or_else(Refusal::code, |_| "ok")).collect()
}

/// A world in which Clerk holds its answers back, and `count` requests for one of its users under way.
fn held(count: usize) -> (World, Person, Stage<Result<User, Refusal>>) {
    let world = World::in_memory();
    let ada = world.sign_up("ada");
    world.clerk.hold();
    let mut stage = Stage::new(&world);
    for _ in 0..count {
        stage.enter(world.me("ada", 0));
    }
    assert!(stage.settle().is_empty());
    (world, ada, stage)
}

#[test]
fn a_thousand_look_ups_are_one_call() {
    let (world, _, mut stage) = held(1_000);
    world.clerk.open();
    let answers = stage.settle();
    assert_eq!(codes(&answers), ["ok"; 1_000]);
    assert_eq!(world.clerk.calls(&user_id("ada")), 1);
    assert_eq!(world.calls.take().iter().filter(|call| **call == "commit").count(), 1);
}

#[test]
fn others_are_not_held_up() {
    let (world, _, mut stage) = held(1);
    world.sign_up("bob");
    world.clerk.open();
    world.clerk.hold();
    let bob = stage.enter(world.me("bob", 0));
    let answers = stage.settle();
    assert_eq!(
        (answers.len(), answers[0].0 == bob),
        (1, false),
        "ada's fetch holds up bob's or the other way"
    );
}

#[test]
fn a_leader_that_gives_up_leaves_the_fetch_to_the_others() {
    let (world, _, mut stage) = held(10);
    for leader in 1..=9 {
        stage.drop_task(leader);
        assert!(stage.settle().is_empty());
    }
    assert_eq!(stage.under_way(), 1);
    world.clerk.open();
    assert_eq!(codes(&stage.settle()), ["ok"]);
    assert_eq!(world.clerk.calls(&user_id("ada")), 1);
}

#[test]
fn when_all_have_given_up_the_next_look_up_starts_anew() {
    let (world, _, mut stage) = held(3);
    for number in 1..=3 {
        stage.drop_task(number);
    }
    stage.enter(world.me("ada", 0));
    assert!(stage.settle().is_empty());
    assert_eq!(world.clerk.calls(&user_id("ada")), 2);
    world.clerk.open();
    assert_eq!(codes(&stage.settle()), ["ok"]);
}

/// An operator may ask for somebody who signs up a moment later; whoever has a token has signed up before.
#[test]
fn an_operators_look_up_is_not_shared() {
    let world = World::in_memory();
    let mut stage = Stage::new(&world);
    let (sync, id) = (world.sync.clone(), user_id("ada"));
    stage.enter(async move {
        let _ = sync.refetch(&id).await;
        std::future::pending().await
    });
    assert!(stage.settle().is_empty());
    assert_eq!(world.clerk.calls(&user_id("ada")), 1);
    world.sign_up("ada");
    stage.enter(world.me("ada", 0));
    assert_eq!(
        codes(&stage.settle()),
        ["ok"],
        "a request waits for the second question of the look-up before it"
    );
}

/// The fetch hangs for good; the webhook alone must be enough for everybody.
#[test]
fn a_webhook_during_the_fetch_answers_all_at_once() {
    for count in [1, 2, 50] {
        let (world, ada, mut stage) = held(count);
        let receipt = now(&world, world.deliver("1", &ada.event("user.created", world.now())));
        assert_eq!(receipt.unwrap().outcome, Outcome::Created);
        assert_eq!(codes(&stage.settle()), vec!["ok"; count]);
        assert_eq!(world.clerk.calls(&user_id("ada")), 1);
    }
}

#[test]
fn a_deletion_during_the_fetch_answers_gone_and_leaves_no_row() {
    let (world, _, mut stage) = held(2);
    let deleted = deleted_event("ada", world.now());
    assert_eq!(now(&world, world.deliver("1", &deleted)).unwrap().outcome, Outcome::Deleted);
    assert_eq!(codes(&stage.settle()), ["user_deleted"; 2]);
    // An answer that was on its way all the time does not bring the user back.
    let (world, _, mut stage) = held(1);
    world.calls.plan_reads([clerk_sync_testkit::Fault::Pass; 9]);
    now(&world, world.deliver("1", &deleted)).unwrap();
    world.clerk.open();
    assert_eq!(codes(&stage.settle()), ["user_deleted"]);
    assert_eq!(now(&world, world.me("ada", 0)).unwrap_err(), Refusal::UserDeleted);
}

/// A commit that falls between a request's first read and its place at the bell must not be slept through.
#[test]
fn a_commit_just_before_the_wait_is_not_missed() {
    let (world, ada, mut stage) = held(1);
    // The second request has read that there is no row, and joins the fetch only after the webhook.
    let receipt = world.deliver("1", &ada.event("user.created", world.now()));
    let sync = world.sync.clone();
    let headers = crate::harness::wire::bearer(&world.token("ada"));
    world.calls.before_next_answer("record", move || {
        let mut receipt = Box::pin(receipt);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(receipt.as_mut().poll(&mut context).is_ready());
    });
    stage.enter(async move { sync.user(&headers, 0).await });
    assert_eq!(codes(&stage.settle()), ["ok"; 2]);
}

#[test]
fn an_answer_comes_by_the_deadline_whatever_happens() {
    let (world, _, mut stage) = held(3);
    world.clock.advance(4_999);
    assert!(stage.settle().is_empty());
    world.clock.advance(1);
    let late = Refusal::Unavailable { retry_after_ms: 1_000, cause: "deadline" };
    for (_, answer) in stage.settle() {
        assert_eq!(answer.unwrap_err(), late);
    }
    assert_eq!(stage.under_way(), 0);
}

#[test]
fn not_synced_needs_two_answers_a_bound_apart() {
    let world = World::in_memory();
    let mut stage = Stage::new(&world);
    stage.enter(world.me("ada", 0));
    stage.settle();
    assert_eq!(world.clerk.calls(&user_id("ada")), 1);
    world.clock.advance(1_999);
    assert!(stage.settle().is_empty(), "one 404 is no answer");
    world.clock.advance(1);
    let answers = stage.settle();
    assert_eq!(answers[0].1.as_ref().unwrap_err(), &Refusal::NotSynced { retry_after_ms: 2_000 });
    assert_eq!(world.clerk.calls(&user_id("ada")), 2);
}

#[test]
fn a_404_that_was_only_stale_is_never_seen() {
    let world = World::in_memory();
    world.sign_up("ada");
    world.clerk.plan(&user_id("ada"), Answer::NotFound);
    let mut stage = Stage::new(&world);
    stage.enter(world.me("ada", 0));
    stage.settle();
    world.clock.advance(2_000);
    assert_eq!(codes(&stage.settle()), ["ok"]);
}

#[test]
fn a_held_request_is_answered_by_the_commit_that_brings_the_row() {
    let world = World::in_memory();
    let mut stage = Stage::new(&world);
    stage.enter(world.me("ada", 20_000));
    stage.settle();
    world.clock.advance(2_000);
    assert!(stage.settle().is_empty(), "two 404s end a request that does not wait, not this one");
    let ada = Person::new("ada", world.now());
    now(&world, world.deliver("1", &ada.event("user.created", world.now()))).unwrap();
    assert_eq!(codes(&stage.settle()), ["ok"]);
}

/// Clerk has said so, twice, and again: that the wait is over does not make it undecided.
#[test]
fn a_held_request_for_nobody_ends_as_not_synced_when_its_wait_is_over() {
    for seconds in 1..=25 {
        let world = World::in_memory();
        let mut stage = Stage::new(&world);
        stage.enter(world.me("ada", seconds * 1_000));
        let mut answers = stage.settle();
        let mut waited_ms = 0;
        while answers.is_empty() {
            world.clock.advance(100);
            waited_ms += 100;
            answers = stage.settle();
        }
        assert_eq!(codes(&answers), ["user_not_synced"], "after a wait of {seconds} s");
        assert!(waited_ms >= seconds * 1_000, "{waited_ms} ms for a wait of {seconds} s");
        assert!(waited_ms <= seconds * 1_000 + 5_000, "{waited_ms} ms for a wait of {seconds} s");
    }
}

#[test]
fn a_held_request_outlasts_an_outage_of_clerk() {
    let world = World::in_memory();
    world.sign_up("ada");
    // Two answers for the first two requests, one for the first time the patient one asks again.
    for _ in 0..3 {
        world.clerk.plan(&user_id("ada"), Answer::Unavailable(1_000));
    }
    let mut stage = Stage::new(&world);
    let hasty = stage.enter(world.me("ada", 0));
    let patient = stage.enter(world.me("ada", 5_000));
    let first = stage.settle();
    assert_eq!((first.len(), first[0].0), (1, hasty));
    let cause = Refusal::Unavailable { retry_after_ms: 1_000, cause: "unavailable" };
    assert_eq!(first[0].1.as_ref().unwrap_err(), &cause);
    world.clock.advance(1_000);
    assert!(stage.settle().is_empty());
    world.clock.advance(1_000);
    let answers = stage.settle();
    assert_eq!((answers[0].0, codes(&answers)), (patient, vec!["ok"]));
}

#[test]
fn a_store_that_fails_is_told_at_once_even_to_those_who_wait() {
    let world = World::in_memory();
    world.sign_up("ada");
    world.calls.set_down(true);
    let answer = now(&world, world.me("ada", 20_000));
    assert_eq!(answer.unwrap_err(), Refusal::Unavailable { retry_after_ms: 1_000, cause: "store" });
    assert_eq!(world.clerk.total_calls(), 0);
}

/// A known user's one read is held to the deadline too.
#[test]
fn a_store_that_hangs_is_given_up_at_the_deadline() {
    let world = World::in_memory();
    world.sign_up("ada");
    let walk = ["record", "record", "directory.user", "view", "commit"];
    for call in 1..=walk.len() {
        world.calls.stop_at(call, Stop::Before);
        let mut stage = Stage::new(&world);
        stage.enter(world.me("ada", 0));
        assert!(stage.settle().is_empty(), "{}", walk[call - 1]);
        world.clock.advance(5_000);
        assert_eq!(codes(&stage.settle()), ["unavailable"], "hangs at call {call}, {}", walk[call - 1]);
    }
}
