//! Two processes on one file.

use std::sync::Arc;

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, Commit, Entry};
use clerk_sync_sqlite::{Options, SqliteStore};
use clerk_sync_testkit::sample::{NOW, at, dirty, holding_email, record};

use super::open;

fn two() -> ([Arc<SqliteStore>; 2], tempfile::TempDir) {
    let (first, directory) = open(Options::default());
    let second = SqliteStore::open(first.path(), Options::default()).unwrap();
    ([Arc::new(first), Arc::new(second)], directory)
}

async fn one_done(stores: &[Arc<SqliteStore>; 2], changes: [Vec<Change>; 2]) {
    let [first, second] = changes;
    let first = tokio::spawn({
        let store = stores[0].clone();
        async move { store.commit(first).await.unwrap() }
    });
    let second = tokio::spawn({
        let store = stores[1].clone();
        async move { store.commit(second).await.unwrap() }
    });
    let mut answers = [first.await.unwrap(), second.await.unwrap()];
    answers.sort_by_key(|answer| *answer == Commit::Stale);
    assert_eq!(answers, [Commit::Done, Commit::Stale]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_goes_to_one_of_two() {
    let (stores, _directory) = two();
    for round in 0..20 {
        let address = format!("{round}@x.test");
        let user = |name| holding_email(record(&format!("{name}{round}")), &address);
        one_done(&stores, ["a", "b"].map(|name| vec![Change::Insert(user(name))])).await;
    }
    assert_eq!(stores[1].backlog(NOW).await.unwrap().users, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_admin_is_one_of_two() {
    let (stores, _directory) = two();
    let first = |name| vec![Change::Insert(record(name)), Change::ClaimFirstAdmin(record(name).id)];
    one_done(&stores, [first("ada"), first("bob")]).await;
    assert_eq!(stores[0].backlog(NOW).await.unwrap().users, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_goes_to_one_of_two() {
    let (stores, _directory) = two();
    let all = (0..100).map(|i| Change::Insert(dirty(record(&format!("u{i}")), NOW))).collect();
    stores[0].commit(all).await.unwrap();
    let takers: Vec<_> = (0..20)
        .map(|i| {
            let store = stores[i % 2].clone();
            tokio::spawn(async move { store.take_repairs(NOW, at(1_000), 5).await.unwrap() })
        })
        .collect();
    let mut taken = Vec::new();
    for taker in takers {
        taken.extend(taker.await.unwrap().into_iter().map(|record| record.id));
    }
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 100);
}

/// What one has committed the other sees at once.
#[tokio::test]
async fn commits_are_seen() {
    let (stores, _directory) = two();
    for (i, store) in stores.iter().cycle().take(10).enumerate() {
        let user = record(&format!("u{i}"));
        store.commit(vec![Change::Insert(user.clone())]).await.unwrap();
        for store in &stores {
            assert_eq!(store.record(&user.id).await.unwrap(), Some(Entry::Live(user.clone())));
        }
    }
}
