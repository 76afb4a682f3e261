//! Deliveries that come at the same time share a commit, and none pays for another.

use clerk_sync::{Receipt, WebhookRefusal};
use clerk_sync_core::{DeliveryId, DeliveryStatus, Outcome};
use clerk_sync_testkit::Fault;
use clerk_sync_testkit::sample::user_id;

use crate::harness::probe::Stop;
use crate::harness::stage::{Stage, now};
use crate::harness::{Person, World};

type Answer = Result<Receipt, WebhookRefusal>;

fn created(world: &World, name: &str) -> String {
    Person::new(name, world.now()).event("user.created", world.now())
}

/// A stage on which a first delivery never comes to the end of its commit; answers its number, too.
fn held(world: &World) -> (Stage<Answer>, usize) {
    // As long as there is no administrator, all who come claim that, and meet.
    now(world, world.deliver("admin", &created(world, "admin"))).unwrap();
    world.calls.take();
    world.calls.stop_at(2, Stop::Before);
    let mut stage = Stage::new(world);
    let first = stage.enter(world.deliver("first", &created(world, "first")));
    assert!(stage.settle().is_empty());
    assert_eq!(world.calls.take(), ["view", "commit"]);
    (stage, first)
}

/// The same with ada and bob behind it.
fn two_behind(world: &World) -> (Stage<Answer>, usize) {
    let (mut stage, first) = held(world);
    for name in ["ada", "bob"] {
        stage.enter(world.deliver(name, &created(world, name)));
    }
    (stage, first)
}

/// Has everybody who entered wait, then the first goes away; the answers of the rest.
fn after(mut stage: Stage<Answer>, first: usize) -> Vec<(usize, Answer)> {
    assert!(stage.settle().is_empty(), "somebody goes before the first");
    stage.drop_task(first);
    stage.settle()
}

fn outcomes(answers: Vec<(usize, Answer)>) -> Vec<Outcome> {
    let mut answers = answers;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer.unwrap().outcome).collect()
}

fn stored(world: &World, id: &str) -> Option<DeliveryStatus> {
    let (store, id) = (world.store.clone(), DeliveryId::parse(&format!("msg_{id}")).unwrap());
    now(world, async move { store.delivery(&id).await.unwrap().map(|delivery| delivery.status) })
}

#[test]
fn those_who_wait_share_a_commit() {
    let world = World::in_memory();
    let (mut stage, first) = held(&world);
    for number in 0..200 {
        stage.enter(world.deliver(&number.to_string(), &created(&world, &format!("user{number}"))));
    }
    assert_eq!(outcomes(after(stage, first)), [Outcome::Created; 200]);
    // 64, 64, 64 and 8.
    assert_eq!(world.calls.take(), ["views", "commit"].repeat(4));
    assert_eq!(stored(&world, "199"), Some(DeliveryStatus::Processed));
}

#[test]
fn those_about_one_user_go_one_after_the_other() {
    let world = World::in_memory();
    let (mut stage, first) = held(&world);
    let ada = Person::new("ada", world.now());
    let later = Person::new("ada", world.now().plus_millis(1));
    stage.enter(world.deliver("1", &ada.event("user.created", world.now())));
    stage.enter(world.deliver("1", &ada.event("user.created", world.now())));
    stage.enter(world.deliver("2", &later.event("user.updated", world.now())));
    stage.enter(world.deliver("3", &created(&world, "bob")));
    let (created, updated) = (Outcome::Created, Outcome::Updated);
    assert_eq!(outcomes(after(stage, first)), [created, Outcome::Duplicate, updated, created]);
    assert_eq!(world.calls.take(), ["views", "commit", "views", "commit"]);
}

#[test]
fn what_loses_its_races_together_is_taken_one_by_one() {
    let world = World::in_memory();
    let (stage, first) = two_behind(&world);
    world.calls.plan_writes([Fault::Stale; 2]);
    assert_eq!(outcomes(after(stage, first)), [Outcome::Created; 2]);
    let twice_together = ["views", "commit"].repeat(2);
    assert_eq!(world.calls.take(), [twice_together, ["view", "commit"].repeat(2)].concat());
}

#[test]
fn a_commit_nobody_knows_the_end_of_is_looked_at_again() {
    for (fault, expected) in [(Fault::Before, Outcome::Created), (Fault::After, Outcome::Duplicate)] {
        let world = World::in_memory();
        let (stage, first) = two_behind(&world);
        world.calls.plan_writes([fault]);
        assert_eq!(outcomes(after(stage, first)), [expected; 2]);
    }
}

#[test]
fn what_cannot_be_seen_together_is_looked_at_one_by_one() {
    let world = World::in_memory();
    let (stage, first) = two_behind(&world);
    world.calls.plan_reads([Fault::Before]);
    assert_eq!(outcomes(after(stage, first)), [Outcome::Created; 2]);
    assert_eq!(world.calls.take(), ["views", "view", "commit", "view", "commit"]);
}

#[test]
fn whoever_gives_up_takes_nobody_along() {
    let world = World::in_memory();
    let (mut stage, first) = held(&world);
    let ada = stage.enter(world.deliver("ada", &created(&world, "ada")));
    let bob = stage.enter(world.deliver("bob", &created(&world, "bob")));
    assert!(stage.settle().is_empty());
    stage.drop_task(ada);
    assert_eq!(outcomes(after(stage, first)), [Outcome::Created]);
    assert_eq!(stored(&world, "bob"), Some(DeliveryStatus::Processed), "task {bob}");
}

#[test]
fn a_group_everybody_has_left_holds_nobody_up() {
    let world = World::in_memory();
    let (mut stage, first) = held(&world);
    let waiting: Vec<usize> =
        ["ada", "bob"].iter().map(|name| stage.enter(world.deliver(name, &created(&world, name)))).collect();
    assert!(stage.settle().is_empty());
    waiting.into_iter().for_each(|number| stage.drop_task(number));
    let late = stage.enter(world.deliver("eve", &created(&world, "eve")));
    let answers = after(stage, first);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].0, late);
    assert_eq!(stored(&world, "ada"), None);
}

#[test]
fn a_clock_put_back_while_a_delivery_waits_changes_nothing() {
    let world = World::in_memory();
    let (version, body) = (world.now(), created(&world, "ada"));
    let clock = world.clock.clone();
    // Longer than a version may be ahead of the clock.
    world.calls.before_next_answer("view", move || clock.advance(-480_000));
    now(&world, world.deliver("1", &body)).unwrap();
    let store = world.store.clone();
    let entry = now(&world, async move { store.record(&user_id("ada")).await.unwrap() }).unwrap();
    let record = entry.live().unwrap();
    assert_eq!((record.version, record.is_dirty()), (Some(version), false));
}
