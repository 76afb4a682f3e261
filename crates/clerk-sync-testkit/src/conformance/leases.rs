//! Work that waits in the database, taken by lease.

use std::collections::BTreeSet;

use clerk_sync_core::{Change, Delivery, DeliveryStatus, Repair, Timestamp};

use super::{Tested, bury, done, insert_all, is_live};
use crate::sample::{NOW, at, delivery, dirty, record, tombstone};

async fn repairs(store: &Tested, now: Timestamp, until: Timestamp, limit: u32) -> Vec<String> {
    let taken = store.take_repairs(now, until, limit).await.expect("repairs");
    taken.iter().map(|record| record.id.suffix().to_owned()).collect()
}

async fn deliveries(store: &Tested, now: Timestamp, until: Timestamp, limit: u32) -> Vec<String> {
    let taken = store.take_deliveries(now, until, limit).await.expect("deliveries");
    taken.iter().map(|delivery| delivery.id.as_str().to_owned()).collect()
}

async fn log(store: &Tested, delivery: Delivery) {
    done(store, [Change::Log { delivery, expected: None }]).await;
}

/// Who has waited longest comes first.
pub async fn repairs_oldest_due_first(store: Tested) {
    let due = [("a", 3), ("b", 1), ("c", 2), ("d", 0), ("e", 4)];
    insert_all(&store, &due.map(|(name, ms)| dirty(record(name), at(ms)))).await;
    assert_eq!(repairs(&store, at(10), at(100), 2).await, ["d", "b"]);
    assert_eq!(repairs(&store, at(10), at(100), 9).await, ["c", "a", "e"]);
}

/// A lease ends, and what was not finished can be taken again, also at that very moment.
pub async fn repairs_are_leased_and_come_back(store: Tested) {
    insert_all(&store, &[dirty(record("ada"), NOW)]).await;
    assert_eq!(repairs(&store, NOW, at(100), 9).await, ["ada"]);
    assert!(repairs(&store, at(99), at(200), 9).await.is_empty());
    assert_eq!(repairs(&store, at(100), at(200), 9).await, ["ada"]);
    assert!(repairs(&store, at(199), at(300), 9).await.is_empty());
}

/// Taking moves the due time and nothing else; the record is given as it then is.
pub async fn repairs_keep_the_revision(store: Tested) {
    let mut ada = record("ada");
    ada.repair = Some(Repair { due_at: NOW, attempts: 4 });
    insert_all(&store, std::slice::from_ref(&ada)).await;
    let taken = store.take_repairs(NOW, at(100), 9).await.expect("repairs");
    ada.repair = Some(Repair { due_at: at(100), attempts: 4 });
    assert_eq!(taken, std::slice::from_ref(&ada));
    is_live(&store, &ada).await;
}

/// Due means due at this moment or before.
pub async fn repairs_take_only_what_is_due(store: Tested) {
    insert_all(&store, &[dirty(record("now"), NOW), dirty(record("later"), at(1))]).await;
    assert!(repairs(&store, at(-1), at(100), 9).await.is_empty());
    assert!(repairs(&store, NOW, at(100), 0).await.is_empty());
    assert_eq!(repairs(&store, NOW, at(100), 9).await, ["now"]);
    assert_eq!(repairs(&store, at(1), at(100), 9).await, ["later"]);
}

/// A record that is settled, or whose user is gone, waits no longer.
pub async fn repairs_of_clean_and_gone_are_not_taken(store: Tested) {
    let (ada, bob) = (dirty(record("ada"), NOW), dirty(record("bob"), NOW));
    insert_all(&store, &[ada.clone(), bob.clone(), record("cid")]).await;
    let mut settled = ada.clone();
    settled.rev = ada.rev.next();
    settled.repair = None;
    done(
        &store,
        [Change::Update { record: settled, expected: ada.rev }, bury(tombstone("bob"), Some(bob.rev))],
    )
    .await;
    assert!(repairs(&store, at(1_000), at(2_000), 9).await.is_empty());
}

/// Who has waited longest comes first.
pub async fn deliveries_oldest_due_first(store: Tested) {
    for (name, ms) in [("a", 3), ("b", 1), ("c", 2), ("d", 0), ("e", 4)] {
        log(&store, Delivery { due_at: Some(at(ms)), ..delivery(name) }).await;
    }
    assert_eq!(deliveries(&store, at(10), at(100), 2).await, ["msg_d", "msg_b"]);
    assert_eq!(deliveries(&store, at(10), at(100), 9).await, ["msg_c", "msg_a", "msg_e"]);
}

/// A lease ends, and what was not finished can be taken again, also at that very moment.
pub async fn deliveries_are_leased_and_come_back(store: Tested) {
    log(&store, delivery("1")).await;
    let taken = store.take_deliveries(NOW, at(100), 9).await.expect("deliveries");
    assert_eq!(taken, [Delivery { due_at: Some(at(100)), ..delivery("1") }]);
    assert_eq!(store.delivery(&taken[0].id).await.expect("a delivery").as_ref(), Some(&taken[0]));
    assert!(deliveries(&store, at(99), at(200), 9).await.is_empty());
    assert_eq!(deliveries(&store, at(100), at(200), 9).await, ["msg_1"]);
}

/// Pending and failed wait; processed and dead do not, whatever their due time.
pub async fn deliveries_of_every_waiting_status_only(store: Tested) {
    for status in DeliveryStatus::ALL {
        log(&store, Delivery { status, ..delivery(status.as_str()) }).await;
    }
    log(&store, Delivery { due_at: None, ..delivery("never") }).await;
    log(&store, Delivery { due_at: Some(at(1)), ..delivery("later") }).await;
    let mut taken = deliveries(&store, NOW, at(100), 9).await;
    taken.sort();
    assert_eq!(taken, ["msg_failed", "msg_pending"]);
}

const TAKERS: usize = 16;
const WAITING: usize = 100;

/// However many take at once, each repair goes to one of them, and all are given.
pub async fn concurrent_takers_never_get_the_same_repair(store: Tested) {
    let all: Vec<_> = (0..WAITING).map(|i| dirty(record(&format!("u{i}")), NOW)).collect();
    insert_all(&store, &all).await;
    let takers: Vec<_> = (0..TAKERS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { repairs(&store, NOW, at(100), 10).await })
        })
        .collect();
    all_different(takers).await;
}

/// However many take at once, each delivery goes to one of them, and all are given.
pub async fn concurrent_takers_never_get_the_same_delivery(store: Tested) {
    let all: Vec<_> =
        (0..WAITING).map(|i| Change::Log { delivery: delivery(&format!("{i}")), expected: None }).collect();
    done(&store, all).await;
    let takers: Vec<_> = (0..TAKERS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { deliveries(&store, NOW, at(100), 10).await })
        })
        .collect();
    all_different(takers).await;
}

async fn all_different(takers: Vec<tokio::task::JoinHandle<Vec<String>>>) {
    let mut given = Vec::new();
    for taker in takers {
        given.extend(taker.await.expect("a taker"));
    }
    let different: BTreeSet<&String> = given.iter().collect();
    assert_eq!((given.len(), different.len()), (WAITING, WAITING));
}
