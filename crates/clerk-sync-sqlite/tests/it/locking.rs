//! Somebody else writes, or nobody can.

use std::time::{Duration, Instant};

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, Commit, Entry, StoreErrorKind, Subject};
use clerk_sync_sqlite::{Options, SqliteStore};
use clerk_sync_testkit::sample::{NOW, at, dirty, record};

use super::{another, open};

const BUSY: Duration = Duration::from_millis(300);

#[tokio::test]
async fn reads_go_on_and_commits_end_while_another_process_writes() {
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        let (store, _directory) = open(Options::default().busy_timeout(BUSY));
        let ada = dirty(record("ada"), NOW);
        store.commit(vec![Change::Insert(ada.clone())]).await.unwrap();

        let other = another(&store);
        other.execute_batch(&format!("{lock}; DELETE FROM clerk_user")).unwrap();
        assert_eq!(store.record(&ada.id).await.unwrap(), Some(Entry::Live(ada.clone())));
        let subject = Subject {
            id: Some(ada.id.clone()),
            email_keys: Vec::new(),
            username_keys: Vec::new(),
            delivery: None,
        };
        assert_eq!(store.view(&subject).await.unwrap().entry, Some(Entry::Live(ada.clone())));
        assert_eq!(store.backlog(NOW).await.unwrap().users, 1);

        let start = Instant::now();
        let (first, second, third, fourth) = tokio::join!(
            store.commit(vec![Change::Insert(record("bob"))]),
            store.commit(vec![Change::Insert(record("cid"))]),
            store.take_repairs(NOW, at(1), 1),
            store.ping(),
        );
        let waited = start.elapsed();
        for error in [first.unwrap_err(), second.unwrap_err(), third.unwrap_err(), fourth.unwrap_err()] {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        }
        // One time-out for all of them, and not one for each.
        assert!(waited >= BUSY && waited < 2 * BUSY, "waited {waited:?}");

        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(store.commit(vec![Change::Insert(record("bob"))]).await.unwrap(), Commit::Done);
        assert_eq!(store.take_repairs(NOW, at(1), 1).await.unwrap().len(), 1);
        store.ping().await.unwrap();
    }
}

#[tokio::test]
async fn by_default_a_commit_waits_two_seconds() {
    let (store, _directory) = open(Options::default());
    let other = another(&store);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    store.commit(vec![Change::Insert(record("ada"))]).await.unwrap_err();
    let waited = start.elapsed();
    assert!((1_900..2_600).contains(&waited.as_millis()), "waited {waited:?}");
}

/// Whoever gives the lock back in time is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_lock_is_waited_for() {
    let (store, _directory) = open(Options::default());
    let other = another(&store);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let commit = store.commit(vec![Change::Insert(record("ada"))]);
    let release = async { other.execute_batch("ROLLBACK").unwrap() };
    let (committed, ()) = tokio::join!(commit, release);
    assert_eq!(committed.unwrap(), Commit::Done);
}

#[cfg(unix)]
#[tokio::test]
async fn a_read_only_file_is_read() {
    use std::fs::{OpenOptions, Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let (store, _directory) = open(Options::default());
    store.commit(vec![Change::Insert(record("ada"))]).await.unwrap();
    let path = store.path().to_owned();
    drop(store);
    set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    if OpenOptions::new().append(true).open(&path).is_ok() {
        // Nothing is read-only to root.
        return;
    }
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    assert_eq!(store.record(&record("ada").id).await.unwrap(), Some(Entry::Live(record("ada"))));
    let error = store.commit(vec![Change::Insert(record("bob"))]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(store.ping().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
}
