use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, Commit, StoreErrorKind};
use clerk_sync_testkit::sample::{NOW, record};
use rusqlite::{Connection, Error, ffi};

use crate::error::Failure;
use crate::tests::store;
use crate::write::Effect;
use crate::{Options, SqliteStore, Synchronous};

/// Does something with the connection that writes, inside a transaction of its own.
async fn plant(store: &SqliteStore, work: fn(&Connection) -> rusqlite::Result<()>) {
    store.writer.run("plant", move |connection| Ok(Effect::Keep(work(connection)?))).await.unwrap();
}

async fn pragma(store: &SqliteStore, name: &'static str) -> i64 {
    let read = move |connection: &Connection| {
        Ok(Effect::Keep(connection.pragma_query_value(None, name, |row| row.get(0))?))
    };
    store.writer.run("read a pragma", read).await.unwrap()
}

#[tokio::test]
async fn commits_are_synced_by_default() {
    assert_eq!(pragma(&store(Options::default()), "synchronous").await, 2);
    assert_eq!(pragma(&store(Options::default()), "foreign_keys").await, 1);
    assert_eq!(pragma(&store(Options::default()), "secure_delete").await, 1);
    let normal = Options::default().synchronous(Synchronous::Normal);
    assert_eq!(pragma(&store(normal), "synchronous").await, 1);
}

#[test]
fn readers_cannot_write() {
    let store = store(Options::default());
    let write = |connection: &Connection| Ok(connection.execute_batch("DELETE FROM clerk_user")?);
    let error = store.readers.with(write).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_read_only_database_is_read() {
    let store = store(Options::default());
    store.commit(vec![Change::Insert(record("ada"))]).await.unwrap();
    plant(&store, |connection| connection.pragma_update(None, "query_only", true)).await;
    let error = store.commit(vec![Change::Insert(record("bob"))]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(store.record(&record("ada").id).await.unwrap().is_some());
    assert_eq!(store.backlog(NOW).await.unwrap().users, 1);
    // The next connection may write again.
    assert_eq!(store.commit(vec![Change::Insert(record("bob"))]).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn a_full_disk_is_unavailable() {
    let store = store(Options::default());
    plant(&store, |connection| {
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
    })
    .await;
    let mut large = record("ada");
    large.profile.public_metadata = "x".repeat(1_000_000);
    let error = store.commit(vec![Change::Insert(large.clone())]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(store.record(&large.id).await.unwrap().is_none());
    plant(&store, |connection| {
        connection.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(()))
    })
    .await;
    assert_eq!(store.commit(vec![Change::Insert(large)]).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn after_an_io_error_the_connection_is_another() {
    let store = store(Options::default());
    // A setting of the connection, by which it can be told from another.
    plant(&store, |connection| connection.pragma_update(None, "cache_size", 1_234)).await;
    assert_eq!(pragma(&store, "cache_size").await, 1_234);
    let broken = |_: &Connection| -> Result<Effect<()>, Failure> {
        Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None).into())
    };
    let error = store.writer.run("break", broken).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_ne!(pragma(&store, "cache_size").await, 1_234);
    assert_eq!(pragma(&store, "synchronous").await, 2);
    assert_eq!(store.commit(vec![Change::Insert(record("ada"))]).await.unwrap(), Commit::Done);
}

/// One commit's broken rule is its own trouble.
#[tokio::test]
async fn a_broken_rule_of_a_table_is_corrupt() {
    let store = store(Options::default());
    let error = store
        .writer
        .run("break a rule", |connection| {
            connection.execute_batch("INSERT INTO clerk_user (id, source) VALUES ('user_1', 'webhook')")?;
            Ok(Effect::Keep(()))
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
}
