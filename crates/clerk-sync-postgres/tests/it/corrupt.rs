//! Rows that break their own rules, and texts this database cannot hold.

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, Entry, StoreError, StoreErrorKind, Timestamp};
use clerk_sync_postgres::Options;
use clerk_sync_testkit::sample::{
    NOW, at, claiming_username, delivery, dirty, holding_email, record, user_id,
};

use super::{client, open};

fn names(error: &StoreError, table: &str, id: &str) {
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
    let text = error.to_string();
    assert!(text.contains(table) && text.contains(id), "{text}");
    assert!(!text.contains("x.test"), "{text}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    for (column, value) in [
        ("source", "'nobody'"),
        ("role", "'ADMIN'"),
        ("email", "'no address'"),
        ("username_claim", "''"),
        ("rev", "-1"),
        ("repair_attempts", "-1"),
        ("created_at", "'infinity'"),
    ] {
        let (store, url) = open(Options::default()).await;
        let ada = dirty(claiming_username(holding_email(record("ada"), "ada@x.test"), "ada", NOW), NOW);
        store.commit(vec![Change::Insert(ada)]).await.unwrap();
        let sql = format!("UPDATE clerk_sync.clerk_user SET {column} = {value}");
        client(&url).await.batch_execute(&sql).await.unwrap();
        names(&store.record(&user_id("ada")).await.unwrap_err(), "clerk_user", "user_ada");
        names(&store.entries(None, 10).await.unwrap_err(), "clerk_user", "user_ada");
    }
}

/// A row that cannot be read must not keep the others from being repaired.
#[tokio::test]
async fn work_that_cannot_be_read_is_put_off() {
    let (store, url) = open(Options::default()).await;
    let users = [("ada", 0), ("bob", 1), ("cid", 2)].map(|(name, ms)| dirty(record(name), at(ms)));
    store.commit(users.map(Change::Insert).to_vec()).await.unwrap();
    let log = ["1", "2"].map(|name| Change::Log { delivery: delivery(name), expected: None });
    store.commit(log.to_vec()).await.unwrap();
    let sql = "UPDATE clerk_sync.clerk_user SET source = 'nobody' WHERE id = 'user_ada';
      UPDATE clerk_sync.clerk_delivery SET user_id = 'nobody' WHERE id = 'msg_1';";
    client(&url).await.batch_execute(sql).await.unwrap();
    let taken = store.take_repairs(at(10), at(100), 2).await.unwrap();
    assert_eq!(taken.iter().map(|record| record.id.suffix()).collect::<Vec<_>>(), ["bob"]);
    assert_eq!(store.take_repairs(at(10), at(100), 2).await.unwrap().len(), 1);
    assert_eq!(store.take_repairs(at(10), at(100), 2).await.unwrap(), []);
    // Where there is nothing else, it is heard of.
    names(&store.take_repairs(at(100), at(200), 1).await.unwrap_err(), "clerk_user", "user_ada");
    assert_eq!(store.take_deliveries(at(10), at(100), 9).await.unwrap().len(), 1);
    names(&store.take_deliveries(at(100), at(200), 1).await.unwrap_err(), "clerk_delivery", "msg_1");
}

/// PostgreSQL has no NUL in a text; it is left out, and everything else stays.
#[tokio::test]
async fn nul_is_left_out() {
    let (store, _) = open(Options::default()).await;
    let mut ada = record("ada");
    ada.profile.first_name = Some("A\0da\0".into());
    let mut log = delivery("1");
    log.body = Some("\0{}".into());
    log.error = Some("\0".into());
    let changes = vec![Change::Insert(ada.clone()), Change::Log { delivery: log.clone(), expected: None }];
    store.commit(changes).await.unwrap();
    ada.profile.first_name = Some("Ada".into());
    log.body = Some("{}".into());
    log.error = Some(String::new());
    assert_eq!(store.record(&ada.id).await.unwrap(), Some(Entry::Live(ada)));
    assert_eq!(store.delivery(&log.id).await.unwrap(), Some(log));
}

/// A moment beyond what the database knows is its last one.
#[tokio::test]
async fn the_ends_of_time() {
    let (store, _) = open(Options::default()).await;
    let mut ada = record("ada");
    ada.version = Some(Timestamp::MIN);
    ada.profile.created_at = Some(Timestamp::from_millis(i64::MAX));
    store.commit(vec![Change::Insert(ada.clone())]).await.unwrap();
    let stored = store.record(&ada.id).await.unwrap().unwrap();
    let stored = stored.live().unwrap();
    assert_eq!(stored.version, Some(Timestamp::from_millis(-210_866_803_200_000)));
    assert_eq!(stored.profile.created_at, Some(Timestamp::from_millis(9_224_318_015_999_999)));
}

/// Apps read JSON; what `jsonb` cannot hold is NULL there, and does not hide the other users.
#[tokio::test]
async fn the_view_has_metadata_as_json() {
    let (store, url) = open(Options::default()).await;
    let texts = [("ada", r#"{"b":1.0,"a":[true]}"#), ("bob", r#"{"a":"\u0000"}"#), ("cid", "no json")];
    for (name, text) in texts {
        let mut user = record(name);
        user.profile.public_metadata = text.into();
        store.commit(vec![Change::Insert(user.clone())]).await.unwrap();
        assert_eq!(store.record(&user.id).await.unwrap(), Some(Entry::Live(user)));
    }
    let sql = "SELECT public_metadata -> 'a' = '[true]' FROM clerk_sync.users ORDER BY id";
    let rows = client(&url).await.query(sql, &[]).await.unwrap();
    let found: Vec<Option<bool>> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, [Some(true), None, None]);
}
