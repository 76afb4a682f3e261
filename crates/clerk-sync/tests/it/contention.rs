//! A store that has everybody lose races, as a deadlock victim does: a lost race proves nothing.

use clerk_sync::WebhookRefusal;
use clerk_sync_core::{DeliveryId, DeliveryStatus, Outcome};
use clerk_sync_testkit::Fault;

use crate::harness::stage::now;
use crate::harness::{Person, World};

fn stored(world: &World) -> Option<DeliveryStatus> {
    let (store, id) = (world.store.clone(), DeliveryId::parse("msg_1").unwrap());
    now(world, async move { store.delivery(&id).await.unwrap().map(|delivery| delivery.status) })
}

#[test]
fn what_loses_every_race_is_not_acknowledged() {
    let world = World::in_memory();
    let created = Person::new("ada", world.now()).event("user.created", world.now());
    world.calls.plan_writes([Fault::Stale; 10]);
    let refused = now(&world, world.deliver("1", &created));
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
    let taken = now(&world, world.deliver("1", &created)).unwrap();
    assert_eq!((taken.outcome, stored(&world)), (Outcome::Unknown, Some(DeliveryStatus::Pending)));
}
