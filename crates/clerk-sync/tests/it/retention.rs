//! Old bodies go, a bounded number at a time and to the last one.

use clerk_sync_core::{DeliveryId, DeliveryStatus};
use serde_json::json;

use crate::harness::stage::{Stage, now};
use crate::harness::{World, wire};

const DAY_MS: i64 = 86_400_000;

#[test]
fn bodies_go_in_batches_until_none_is_left() {
    let world = World::in_memory();
    let event = wire::event("role.created", &json!({"id": "role_1"}), world.now());
    for number in 0..1_500 {
        now(&world, world.deliver(&number.to_string(), &event)).unwrap();
    }
    let mut stage = Stage::<()>::new(&world);
    stage.employ(&world);
    stage.settle();
    world.calls.take();
    world.clock.advance(31 * DAY_MS);
    stage.settle();
    let drops = world.calls.take().into_iter().filter(|call| *call == "drop_bodies").count();
    assert_eq!(drops, 2, "1 500 bodies, 1 000 at a time");
    for number in [0, 999, 1_000, 1_499] {
        let (store, id) = (world.store.clone(), DeliveryId::parse(&format!("msg_{number}")).unwrap());
        let delivery = now(&world, async move { store.delivery(&id).await }).unwrap().unwrap();
        assert_eq!((delivery.status, delivery.body), (DeliveryStatus::Processed, None), "{number}");
    }
}
