use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Waker};

use clerk_sync_core::port::Store;
use clerk_sync_core::{Change, Commit, StoreError, StoreErrorKind};
use clerk_sync_testkit::sample::{holding_email, record};

use crate::tests::store;
use crate::write::Effect;
use crate::{Options, SqliteStore, Written};

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Polls once: what is to be written is in the queue afterwards.
fn start<'a, T>(future: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> Answer<'a, T> {
    let mut future: Answer<'a, T> = Box::pin(future);
    assert!(matches!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    future
}

/// Keeps the writing thread busy until the sender is dropped; it is busy when this answers.
fn occupy(store: &SqliteStore) -> (Sender<()>, Answer<'_, ()>) {
    let (begun, has_begun) = channel();
    let (release, released) = channel::<()>();
    let occupied = start(store.writer.run("occupy", move |_| {
        begun.send(()).unwrap();
        // Ends in an error once the sender is dropped.
        let _ = released.recv();
        Ok(Effect::Keep(()))
    }));
    has_begun.recv().unwrap();
    (release, occupied)
}

#[tokio::test]
async fn whoever_waits_shares_one_transaction() {
    let store = store(Options::default());
    assert_eq!(store.written(), Written { jobs: 0, transactions: 0 });
    let (release, occupied) = occupy(&store);
    let user = |i: usize| holding_email(record(&format!("u{i}")), &format!("{}@x.test", i / 2));
    let waiting: Vec<_> = (0..100).map(|i| start(store.commit(vec![Change::Insert(user(i))]))).collect();
    drop(release);
    occupied.await.unwrap();
    // Every second one wants what the one before it has: it alone is stale.
    for (i, commit) in waiting.into_iter().enumerate() {
        let expected = if i.is_multiple_of(2) { Commit::Done } else { Commit::Stale };
        assert_eq!(commit.await.unwrap(), expected, "commit {i}");
    }
    assert_eq!(store.written(), Written { jobs: 101, transactions: 2 });
    store.commit(vec![Change::Insert(record("alone"))]).await.unwrap();
    assert_eq!(store.written(), Written { jobs: 102, transactions: 3 });
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let store = store(Options::default().queue(2));
    let (release, occupied) = occupy(&store);
    let waiting = ["ada", "bob"].map(|name| start(store.commit(vec![Change::Insert(record(name))])));
    let refused = store.commit(vec![Change::Insert(record("cid"))]).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    drop(release);
    occupied.await.unwrap();
    for commit in waiting {
        assert_eq!(commit.await.unwrap(), Commit::Done);
    }
    assert!(store.record(&record("cid").id).await.unwrap().is_none());
    assert_eq!(store.commit(vec![Change::Insert(record("cid"))]).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn who_goes_away_takes_its_work_along() {
    let store = store(Options::default());
    let (release, occupied) = occupy(&store);
    let gone = start(store.commit(vec![Change::Insert(record("ada"))]));
    let stays = start(store.commit(vec![Change::Insert(record("bob"))]));
    drop(gone);
    drop(release);
    occupied.await.unwrap();
    assert_eq!(stays.await.unwrap(), Commit::Done);
    assert!(store.record(&record("ada").id).await.unwrap().is_none());
}
