//! What a database is like that a store would not open, or that could lose something.

use clerk_sync_core::{Duplicates, Health, StoreErrorKind};
use clerk_sync_sqlite::{Options, Synchronous, health};
use rusqlite::Connection;
use std::time::Duration;

use super::{another, open};

fn after(sql: &str) -> Health {
    let (store, directory) = open(Options::default());
    another(&store).execute_batch(sql).unwrap();
    drop(store);
    health(directory.path().join("test.db"), &Options::default()).unwrap()
}

#[test]
fn each_fault_is_in_its_own_list() {
    assert_eq!(after(""), Health::default());
    let pending = Health { pending: vec!["0001_users_and_deliveries".into()], ..Health::default() };
    assert_eq!(after("DELETE FROM clerk_migration"), pending);
    let faults = Health { faults: vec!["index clerk_user_repair is missing".into()], ..Health::default() };
    assert_eq!(after("DROP INDEX clerk_user_repair"), faults);
    let user = |id: u8| {
        format!(
            "INSERT INTO clerk_user (id, source, rev, public_metadata, banned, locked, deprovisioned, recorded_at,
               changed_at, username, username_key)
             VALUES ('user_{id}', 'webhook', 1, '{{}}', 0, 0, 0, 0, 0, 'x', 'x');"
        )
    };
    let twice = after(&format!("DROP INDEX clerk_user_username_key; {}{}", user(1), user(2)));
    assert_eq!(twice.duplicates, [Duplicates { column: "username_key".into(), values: 1 }]);
    assert_eq!(twice.faults, ["index clerk_user_username_key is missing"]);
}

#[test]
fn a_lock_that_is_held_is_told_and_nothing_is_left_behind() {
    let (store, directory) = open(Options::default());
    let path = directory.path().join("test.db");
    let options = Options::default().busy_timeout(Duration::from_millis(10));
    let holder = another(&store);
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = health(&path, &options).unwrap();
    assert!(locked.unwritable.as_deref().is_some_and(|why| why.contains("locked")), "{locked:?}");
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(health(&path, &options).unwrap(), Health::default());
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%probe%'";
    let left: i64 = Connection::open(&path).unwrap().query_row(sql, (), |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn what_could_be_lost_is_told() {
    let (_store, directory) = open(Options::default());
    let options = Options::default().synchronous(Synchronous::Normal);
    let health = health(directory.path().join("test.db"), &options).unwrap();
    assert_eq!(health.not_durable, ["synchronous is NORMAL"]);
}

#[test]
fn no_file_is_made_where_there_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none.db");
    let error = health(&path, &Options::default()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(!path.exists());
}
