//! The server goes away, and comes back.

use std::pin::pin;
use std::time::{Duration, Instant};

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, Commit, StoreErrorKind};
use clerk_sync_postgres::{Options, PostgresStore};
use clerk_sync_testkit::sample::{NOW, at, record, user_id};
use futures_util::{Stream, StreamExt};

use super::cluster::Cluster;
use super::open;

async fn insert(store: &PostgresStore, name: &str) {
    assert_eq!(store.commit(vec![Change::Insert(record(name))]).await.unwrap(), Commit::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_and_starts() {
    let cluster = Cluster::start("");
    let store = PostgresStore::connect(&cluster.url("postgres"), Options::default()).await.unwrap();
    let mut changes = pin!(store.changes().await);
    insert(&store, "ada").await;
    assert_eq!(changes.next().await, Some(user_id("ada")));
    cluster.down();
    let start = Instant::now();
    let bob = || vec![Change::Insert(record("bob"))];
    let kinds = [
        store.record(&user_id("ada")).await.unwrap_err().kind(),
        store.commit(bob()).await.unwrap_err().kind(),
        store.take_repairs(NOW, at(1), 1).await.unwrap_err().kind(),
        store.ping().await.unwrap_err().kind(),
        PostgresStore::connect(&cluster.url("postgres"), Options::default()).await.unwrap_err().kind(),
    ];
    assert_eq!(kinds, [StoreErrorKind::Unavailable; 5]);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    cluster.up();
    assert!(store.record(&user_id("ada")).await.unwrap().is_some());
    assert_eq!(store.commit(bob()).await.unwrap(), Commit::Done);
    store.ping().await.unwrap();
    // The stream finds the server again by itself; what happened meanwhile it does not tell.
    for i in 0.. {
        insert(&store, &format!("u{i}")).await;
        if tokio::time::timeout(Duration::from_millis(50), changes.next()).await.is_ok() {
            break;
        }
        assert!(i < 400, "the stream has not come back");
    }
}

/// The next of a stream, or a panic when there is none for long.
async fn next<T>(stream: &mut (impl Stream<Item = T> + Unpin)) -> T {
    tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap().unwrap()
}

/// What one replica commits, another hears, and none hears of another schema.
#[tokio::test]
async fn replicas_hear_of_each_other() {
    let (store, url) = open(Options::default()).await;
    let other = PostgresStore::connect(&url, Options::default()).await.unwrap();
    let apart = PostgresStore::connect(&url, Options::default().schema("apart")).await.unwrap();
    let mut of_other = other.changes().await;
    let mut of_apart = apart.changes().await;
    store.commit(["ada", "bob"].map(|name| Change::Insert(record(name))).to_vec()).await.unwrap();
    assert_eq!([next(&mut of_other).await, next(&mut of_other).await], [user_id("ada"), user_id("bob")]);
    // A lost race is not told.
    assert_eq!(store.commit(vec![Change::Insert(record("bob"))]).await.unwrap(), Commit::Stale);
    insert(&other, "cid").await;
    assert_eq!(next(&mut of_other).await, user_id("cid"));
    insert(&apart, "dan").await;
    assert_eq!(next(&mut of_apart).await, user_id("dan"));
    // Who is told finds what was committed.
    let told = next(&mut of_other);
    insert(&store, "eve").await;
    assert!(other.record(&told.await).await.unwrap().is_some());
}
