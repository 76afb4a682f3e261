//! Migrations, and whether a database has what the store relies on.

use std::path::Path;

use clerk_sync_core::{StoreError, StoreErrorKind};
use clerk_sync_sqlite::{Migrate, Options, SqliteStore, migrate, pending};
use rusqlite::Connection;

use super::open;

const GOLDEN: &str = include_str!("schema.sql");

fn schema(connection: &Connection) -> String {
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| row.get::<_, String>(0)).unwrap();
    rows.map(|sql| sql.unwrap() + ";\n\n").collect()
}

/// The schema only changes on purpose: set `CLERK_SYNC_BLESS` to write it anew.
#[test]
fn golden_schema() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection).unwrap();
    let actual = schema(&connection);
    if std::env::var_os("CLERK_SYNC_BLESS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/schema.sql");
        std::fs::write(path, &actual).unwrap();
    }
    assert_eq!(actual, GOLDEN);
}

#[test]
fn pending_until_applied() {
    let mut connection = Connection::open_in_memory().unwrap();
    let waiting = pending(&connection).unwrap();
    assert!(!waiting.is_empty());
    assert_eq!(migrate(&mut connection).unwrap(), waiting);
    assert_eq!(pending(&connection).unwrap(), []);
    assert_eq!(migrate(&mut connection).unwrap(), []);
}

#[test]
fn refuse_pending() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let error = SqliteStore::open(&path, Options::default().migrate(Migrate::Refuse)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema);
    assert!(error.to_string().contains("0001_users_and_deliveries"), "{error}");
    drop(SqliteStore::open(&path, Options::default()).unwrap());
    SqliteStore::open(&path, Options::default().migrate(Migrate::Refuse)).unwrap();
}

/// What opening says after `sql` was run on a good database.
fn open_after(sql: &str) -> Result<(), StoreError> {
    let (store, _directory) = open(Options::default());
    let path = store.path().to_owned();
    drop(store);
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    SqliteStore::open(&path, Options::default()).map(drop)
}

fn refused(sql: &str) -> String {
    let error = open_after(sql).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
    error.to_string()
}

#[test]
fn a_migration_of_a_later_version() {
    let why = refused("INSERT INTO clerk_migration VALUES (99, 'later', 'SELECT 1', 0)");
    assert!(why.contains("0099_later"), "{why}");
}

#[test]
fn a_migration_that_was_changed() {
    let why = refused("UPDATE clerk_migration SET sql = sql || ' '");
    assert!(why.contains("0001_users_and_deliveries"), "{why}");
}

#[test]
fn a_missing_index() {
    for index in ["clerk_user_email_key", "clerk_user_username_key", "clerk_user_repair"] {
        let why = refused(&format!("DROP INDEX {index}"));
        assert!(why.contains(&format!("index {index} is missing")), "{why}");
    }
}

#[test]
fn an_index_that_is_not_unique() {
    let why = refused(
        "DROP INDEX clerk_user_email_key;
         CREATE INDEX clerk_user_email_key ON clerk_user (email_key) WHERE email_key IS NOT NULL",
    );
    assert!(why.contains("index clerk_user_email_key is defined as"), "{why}");
}

#[test]
fn duplicates_are_counted() {
    let user = |id| {
        format!(
            "INSERT INTO clerk_user (id, source, rev, public_metadata, banned, locked, deprovisioned,
               recorded_at, changed_at, email, email_key)
             VALUES ('user_{id}', 'webhook', 1, '{{}}', 0, 0, 0, 0, 0, 'x@x.test', 'x@x.test');"
        )
    };
    let why = refused(&format!("DROP INDEX clerk_user_email_key; {} {}", user(1), user(2)));
    assert!(why.contains("1 values of clerk_user.email_key are held more than once"), "{why}");
}

#[test]
fn a_missing_column_table_or_view() {
    let why = refused("ALTER TABLE clerk_delivery RENAME COLUMN error TO failure");
    assert!(why.contains("column clerk_delivery.error is missing"), "{why}");
    let why = refused("DROP TABLE clerk_claim");
    assert!(why.contains("table clerk_claim is missing"), "{why}");
    let why = refused("DROP VIEW users");
    assert!(why.contains("view users is missing"), "{why}");
}

/// An app may point its tables at the users, and add to them.
#[test]
fn what_an_app_adds_is_no_fault() {
    open_after(
        "CREATE TABLE post (id INTEGER PRIMARY KEY, author TEXT NOT NULL REFERENCES clerk_user (id));
         ALTER TABLE clerk_user ADD COLUMN theme TEXT;
         CREATE INDEX by_role ON clerk_user (role);",
    )
    .unwrap();
}

#[test]
fn processes_that_start_at_once_wait_for_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    std::thread::scope(|scope| {
        let all: Vec<_> =
            (0..8).map(|_| scope.spawn(|| SqliteStore::open(&path, Options::default()).map(drop))).collect();
        for one in all {
            one.join().unwrap().unwrap();
        }
    });
}

/// A row is a live user or a tombstone, nothing between.
#[test]
fn the_table_refuses_what_is_neither_live_nor_gone() {
    let (store, _directory) = open(Options::default());
    let connection = super::another(&store);
    let live = "INSERT INTO clerk_user (id, source, rev, public_metadata, banned, locked, deprovisioned,
                recorded_at, changed_at";
    for wrong in [
        "INSERT INTO clerk_user (id, source) VALUES ('user_1', 'webhook')".to_owned(),
        "INSERT INTO clerk_user (id, source, deleted_at, phone) VALUES ('user_1', 'webhook', 1, '+1')".into(),
        format!("{live}) VALUES ('user_1', 'webhook', 1, '{{}}', 0, 0, NULL, 0, 0)"),
        format!("{live}) VALUES ('user_1', 'webhook', NULL, '{{}}', 0, 0, 0, 0, 0)"),
        format!("{live}, email) VALUES ('user_1', 'webhook', 1, '{{}}', 0, 0, 0, 0, 0, 'x@x.test')"),
        format!("{live}, repair_due_at) VALUES ('user_1', 'webhook', 1, '{{}}', 0, 0, 0, 0, 0, 1)"),
    ] {
        let error = connection.execute_batch(&wrong).unwrap_err();
        assert!(error.to_string().contains("clerk_user_live_or_gone"), "{wrong}: {error}");
    }
    connection
        .execute_batch(&format!("{live}) VALUES ('user_1', 'webhook', 1, '{{}}', 0, 0, 0, 0, 0)"))
        .unwrap();
}
