//! A store that has everybody lose races, as a deadlock victim does: a lost race proves nothing.

use clerk_sync::{Receipt, WebhookRefusal};
use clerk_sync_core::{DeliveryId, DeliveryStatus, Outcome};
use clerk_sync_testkit::sample::user_id;
use clerk_sync_testkit::{Answer, Fault};

use crate::harness::stage::{Stage, now};
use crate::harness::{Person, World};

fn stored(world: &World) -> Option<DeliveryStatus> {
    let (store, id) = (world.store.clone(), DeliveryId::parse("msg_1").unwrap());
    now(world, async move { store.delivery(&id).await.unwrap().map(|delivery| delivery.status) })
}

/// A delivery, and how long it stood back until its end, in milliseconds.
fn deliver(world: &World, body: &str) -> (Result<Receipt, WebhookRefusal>, i64) {
    let begun = world.now();
    let mut stage = Stage::new(world);
    stage.enter(world.deliver("1", body));
    loop {
        if let Some((_, answer)) = stage.settle().pop() {
            return (answer, world.now().millis_since(begun));
        }
        assert!(world.now().millis_since(begun) < 1_000, "it waits for something else");
        world.clock.advance(5);
    }
}

#[test]
fn what_loses_every_race_is_not_acknowledged() {
    let world = World::in_memory();
    let created = Person::new("ada", world.now()).event("user.created", world.now());
    world.calls.plan_writes([Fault::Stale; 10]);
    let (refused, _) = deliver(&world, &created);
    assert_eq!(refused, Err(WebhookRefusal::Unavailable { retry_after_ms: 1_000 }));
    assert_eq!(stored(&world), None);
    let taken = now(&world, world.deliver("1", &created)).unwrap();
    assert_eq!((taken.outcome, stored(&world)), (Outcome::Created, Some(DeliveryStatus::Processed)));
}

#[test]
fn what_loses_all_but_the_last_is_kept_for_later() {
    let world = World::in_memory();
    let created = Person::new("ada", world.now()).event("user.created", world.now());
    world.calls.plan_writes([Fault::Stale; 9]);
    let (taken, _) = deliver(&world, &created);
    assert_eq!((taken.unwrap().outcome, stored(&world)), (Outcome::Unknown, Some(DeliveryStatus::Pending)));
}

#[test]
fn whoever_loses_again_and_again_stands_back() {
    for (lost, stood_back_ms) in [(2, 0), (3, 10), (4, 60)] {
        let world = World::in_memory();
        let created = Person::new("ada", world.now()).event("user.created", world.now());
        world.calls.plan_writes(vec![Fault::Stale; lost]);
        let (taken, took_ms) = deliver(&world, &created);
        assert_eq!((taken.unwrap().outcome, took_ms), (Outcome::Created, stood_back_ms));
    }
}

#[test]
fn a_race_lost_while_a_repair_is_put_off_does_not_keep_it_until_its_lease_ends() {
    let world = World::in_memory();
    let mut ada = world.sign_up("ada");
    now(&world, world.deliver("1", &ada.event("user.created", world.now()))).unwrap();
    ada.first = Some("Ada".into());
    world.put(&ada);
    // Two versions at one moment: Clerk is to say which.
    now(&world, world.deliver("2", &ada.event("user.updated", world.now()))).unwrap();
    world.clerk.plan(&user_id("ada"), Answer::Unavailable(1));
    let mut stage = Stage::<()>::new(&world);
    stage.employ(&world);
    stage.settle();
    world.clock.advance(1_999);
    stage.settle();
    assert_eq!(world.clerk.calls(&user_id("ada")), 0);
    world.calls.plan_writes([Fault::Stale; 2]);
    world.clock.advance(1);
    stage.settle();
    for _ in 0..100 {
        world.clock.advance(100);
        stage.settle();
    }
    assert_eq!(world.clerk.calls(&user_id("ada")), 2, "the lease of a minute has to end first");
}
