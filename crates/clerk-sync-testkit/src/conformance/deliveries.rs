//! The event log.

use clerk_sync_core::{Change, Delivery, DeliveryStatus, Outcome};

use super::{Tested, done, is_absent, is_live, stale};
use crate::sample::{NOW, at, delivery, delivery_id, record, user_id};

fn log(delivery: &Delivery, expected: Option<u32>) -> Change {
    Change::Log { delivery: delivery.clone(), expected }
}

async fn logged(store: &Tested, name: &str) -> Option<Delivery> {
    store.delivery(&delivery_id(name)).await.expect("a delivery")
}

/// A delivery that was logged is there.
pub async fn log_a_new_one(store: Tested) {
    assert_eq!(logged(&store, "1").await, None);
    done(&store, [log(&delivery("1"), None)]).await;
    assert_eq!(logged(&store, "1").await, Some(delivery("1")));
    assert_eq!(logged(&store, "2").await, None);
}

/// A delivery is logged as new once.
pub async fn log_a_known_one_is_stale(store: Tested) {
    done(&store, [log(&delivery("1"), None)]).await;
    stale(&store, [log(&delivery("1").processed(Outcome::Created, NOW), None)]).await;
}

/// The entry is replaced where the attempts are as expected.
pub async fn log_at_the_attempts(store: Tested) {
    let first = delivery("1").failed("no answer", NOW, 1_000);
    done(&store, [log(&delivery("1"), None)]).await;
    done(&store, [log(&first, Some(0))]).await;
    let second = first.clone().processed(Outcome::Updated, at(1_000));
    done(&store, [log(&second, Some(1))]).await;
    assert_eq!(logged(&store, "1").await, Some(second));
}

/// Of two workers on one delivery, the later one is stale.
pub async fn log_at_other_attempts_is_stale(store: Tested) {
    let first = delivery("1").failed("no answer", NOW, 1_000);
    done(&store, [log(&first, None)]).await;
    for expected in [0, 2] {
        stale(&store, [log(&first.clone().processed(Outcome::Updated, NOW), Some(expected))]).await;
    }
}

/// A delivery nobody has logged has no attempts, not zero.
pub async fn log_of_an_unknown_one_is_stale(store: Tested) {
    stale(&store, [log(&delivery("1"), Some(0))]).await;
}

/// The mark of a delivery and its effect are one: either both are there or neither.
pub async fn log_and_record_are_one(store: Tested) {
    let processed = delivery("1").processed(Outcome::Created, NOW);
    done(&store, [Change::Insert(record("ada")), log(&processed, None)]).await;
    stale(&store, [Change::Insert(record("bob")), log(&processed, None)]).await;
    stale(&store, [log(&delivery("2"), None), Change::Insert(record("ada"))]).await;
    is_live(&store, &record("ada")).await;
    is_absent(&store, &user_id("bob")).await;
    assert_eq!(logged(&store, "2").await, None);
}

/// Operators see the newest first, of one status or all.
pub async fn newest_first_by_status(store: Tested) {
    let mut expected = Vec::new();
    for (i, status) in (0..8).zip(DeliveryStatus::ALL.into_iter().cycle()) {
        let delivery = Delivery { status, received_at: at(i / 2), ..delivery(&format!("{i}")) };
        done(&store, [log(&delivery, None)]).await;
        expected.insert(0, delivery);
    }
    assert_eq!(store.deliveries(None, 1_000).await.expect("deliveries"), expected);
    assert_eq!(store.deliveries(None, 3).await.expect("deliveries"), expected[..3]);
    for status in DeliveryStatus::ALL {
        let of_status: Vec<Delivery> = expected.iter().filter(|d| d.status == status).cloned().collect();
        assert_eq!(store.deliveries(Some(status), 1_000).await.expect("deliveries"), of_status);
    }
}

/// A dropped body leaves everything else, so a replay is still known.
pub async fn drop_bodies_keeps_ids(store: Tested) {
    let processed = delivery("1").processed(Outcome::Created, NOW);
    done(&store, [log(&processed, None)]).await;
    let dropped = store.drop_bodies(DeliveryStatus::Processed, at(1), 10).await.expect("an answer");
    assert_eq!(dropped, 1);
    assert_eq!(logged(&store, "1").await, Some(Delivery { body: None, ..processed.clone() }));
    stale(&store, [log(&processed, None)]).await;
    assert_eq!(store.drop_bodies(DeliveryStatus::Processed, at(1), 10).await.expect("an answer"), 0);
}

/// Only bodies of the status, older than the moment, oldest first, no more than asked for.
pub async fn drop_bodies_by_status_age_and_limit(store: Tested) {
    for i in 0..5 {
        let mut processed = delivery(&format!("{i}")).processed(Outcome::Created, NOW);
        processed.received_at = at(-i);
        done(&store, [log(&processed, None)]).await;
    }
    done(&store, [log(&Delivery { received_at: at(-100), ..delivery("waits") }, None)]).await;
    let kept = async || {
        let all = store.deliveries(None, 10).await.expect("deliveries");
        all.iter().filter(|d| d.body.is_some()).map(|d| d.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(store.drop_bodies(DeliveryStatus::Processed, NOW, 3).await.expect("an answer"), 3);
    assert_eq!(kept().await, ["msg_0", "msg_1", "msg_waits"]);
    assert_eq!(store.drop_bodies(DeliveryStatus::Processed, NOW, 3).await.expect("an answer"), 1);
    assert_eq!(kept().await, ["msg_0", "msg_waits"]);
    assert_eq!(store.drop_bodies(DeliveryStatus::Processed, NOW, 3).await.expect("an answer"), 0);
}
