//! Rows that break their own rules, and what is left of deleted ones.

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, StoreError, StoreErrorKind};
use clerk_sync_sqlite::Options;
use clerk_sync_testkit::sample::{
    NOW, at, claiming_username, delivery, dirty, holding_email, record, tombstone, user_id,
};

use super::{another, open};

fn names(error: &StoreError, table: &str, id: &str) {
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
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
        ("username", "''"),
        ("rev", "-1"),
        ("repair_attempts", "-1"),
    ] {
        let (store, _directory) = open(Options::default());
        let ada = dirty(claiming_username(holding_email(record("ada"), "ada@x.test"), "ada", NOW), NOW);
        store.commit(vec![Change::Insert(ada)]).await.unwrap();
        let other = another(&store);
        other.execute_batch("DROP INDEX clerk_user_username_key").unwrap();
        let sql = format!(
            "UPDATE clerk_user SET username_key = 'ada', username = 'ada'; UPDATE clerk_user SET {column} = {value}"
        );
        other.execute_batch(&sql).unwrap();
        names(&store.record(&user_id("ada")).await.unwrap_err(), "clerk_user", "user_ada");
        names(&store.entries(None, 10).await.unwrap_err(), "clerk_user", "user_ada");
    }
}

/// A row that cannot be read must not keep the others from being repaired.
#[tokio::test]
async fn work_that_cannot_be_read_is_put_off() {
    let (store, _directory) = open(Options::default());
    let users = [("ada", 0), ("bob", 1), ("cid", 2)].map(|(name, ms)| dirty(record(name), at(ms)));
    store.commit(users.map(Change::Insert).to_vec()).await.unwrap();
    let log = ["1", "2"].map(|name| Change::Log { delivery: delivery(name), expected: None });
    store.commit(log.to_vec()).await.unwrap();
    another(&store)
        .execute_batch(
            "UPDATE clerk_user SET source = 'nobody' WHERE id = 'user_ada';
             UPDATE clerk_delivery SET user_id = 'nobody' WHERE id = 'msg_1';",
        )
        .unwrap();
    let taken = store.take_repairs(at(10), at(100), 2).await.unwrap();
    assert_eq!(taken.iter().map(|record| record.id.suffix()).collect::<Vec<_>>(), ["bob"]);
    assert_eq!(store.take_repairs(at(10), at(100), 2).await.unwrap().len(), 1);
    assert_eq!(store.take_repairs(at(10), at(100), 2).await.unwrap(), []);
    // Where there is nothing else, it is heard of.
    let error = store.take_repairs(at(100), at(200), 1).await.unwrap_err();
    names(&error, "clerk_user", "user_ada");
    assert_eq!(store.take_deliveries(at(10), at(100), 9).await.unwrap().len(), 1);
    let late = store.take_deliveries(at(100), at(200), 1).await.unwrap_err();
    names(&late, "clerk_delivery", "msg_1");
    assert_eq!(store.delivery(&delivery("1").id).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
}

/// Nothing of a deleted user is left in the file, not even where nothing points any more.
#[tokio::test]
async fn the_buried_leave_no_bytes() {
    let (store, directory) = open(Options::default());
    let mut ada = holding_email(record("ada"), "secret.address@x.test");
    ada.profile.public_metadata = format!("{{\"a\":\"{}\"}}", "secret.metadata".repeat(2_000));
    let others = (0..50).map(|i| Change::Insert(record(&format!("u{i}")))).collect();
    store.commit(others).await.unwrap();
    store.commit(vec![Change::Insert(ada.clone())]).await.unwrap();
    let bury = Change::Bury { tombstone: tombstone("ada"), expected: Some(ada.rev) };
    store.commit(vec![bury]).await.unwrap();
    drop(store);
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let found = bytes.windows(7).any(|window| window == b"secret.");
        assert!(!found, "personal data of a deleted user");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}
