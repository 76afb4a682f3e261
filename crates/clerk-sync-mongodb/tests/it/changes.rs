//! Commits of one replica, heard of by another.

use std::time::Duration;

use clerk_sync_core::port::Store;
use clerk_sync_core::{Change, UserId};
use clerk_sync_mongodb::{Changes, Wake};
use clerk_sync_testkit::sample::{at, next, record, tombstone};
use futures_util::StreamExt;

use super::{open, patient};

/// Reads until all of `ids` have come, in any order.
async fn hears(changes: &mut Changes, ids: &[&str]) {
    let mut missing: Vec<UserId> = ids.iter().map(|name| record(name).id).collect();
    let listen = async {
        while !missing.is_empty() {
            let id = changes.next().await.unwrap().unwrap();
            missing.retain(|waiting| *waiting != id);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), listen).await.unwrap();
}

async fn every_kind_of_commit_is_heard(wake: Wake) {
    let options = patient().wake(wake);
    let (writer, listener) = (open(options.clone()).await, open(options).await);
    writer.commit(vec![Change::Insert(record("before"))]).await.unwrap();
    let mut changes = listener.changes().await.unwrap();
    writer.commit(vec![Change::Insert(record("ada"))]).await.unwrap();
    hears(&mut changes, &["ada"]).await;
    let update = Change::Update { record: next(record("ada")), expected: record("ada").rev };
    writer.commit(vec![update, Change::Insert(record("bob"))]).await.unwrap();
    hears(&mut changes, &["ada", "bob"]).await;
    let bury = Change::Bury { tombstone: tombstone("ada"), expected: Some(next(record("ada")).rev) };
    let unknown = Change::Bury { tombstone: tombstone("cid"), expected: None };
    writer.commit(vec![bury, unknown]).await.unwrap();
    hears(&mut changes, &["ada", "cid"]).await;
    let mut late = record("dan");
    late.changed_at = at(3_000);
    writer.commit(vec![Change::Insert(late)]).await.unwrap();
    hears(&mut changes, &["dan"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_change_stream() {
    every_kind_of_commit_is_heard(Wake::Auto).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_polling() {
    every_kind_of_commit_is_heard(Wake::Poll).await;
}
