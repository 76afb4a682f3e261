//! Migrations, and whether a database has what the store relies on.

use std::path::Path;

use clerk_sync_core::port::Store;
use clerk_sync_core::{Change, StoreError, StoreErrorKind};
use clerk_sync_postgres::{Migrate, Options, PostgresStore, migrate, migration_sql, pending};
use clerk_sync_testkit::sample::record;
use futures_util::future::join_all;

use super::{client, database, open};

const GOLDEN: &str = include_str!("../../schema.txt");
const DESCRIBE: &str = include_str!("../../describe.sql");

async fn describe(url: &str, schema: &str) -> String {
    let rows = client(url).await.query(DESCRIBE, &[&schema]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
}

/// The schema only changes on purpose: set `CLERK_SYNC_BLESS` to write it anew.
#[tokio::test]
async fn golden_schema() {
    let url = database("template0").await;
    migrate(&url, &Options::default()).await.unwrap();
    let actual = describe(&url, "clerk_sync").await;
    if std::env::var_os("CLERK_SYNC_BLESS").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.txt"), &actual).unwrap();
    }
    assert_eq!(actual, GOLDEN);
}

/// Whoever runs the printed SQL has the same as whoever lets the store do it.
#[tokio::test]
async fn the_printed_sql_is_what_is_run() {
    let url = database("template0").await;
    client(&url).await.batch_execute(&migration_sql("Other").unwrap_err().to_string()).await.unwrap_err();
    client(&url).await.batch_execute(&migration_sql("other_app").unwrap()).await.unwrap();
    assert_eq!(describe(&url, "other_app").await, GOLDEN);
    let options = Options::default().schema("other_app").migrate(Migrate::Refuse);
    assert_eq!(pending(&url, &options).await.unwrap(), []);
    let other = PostgresStore::connect(&url, options).await.unwrap();
    // Two apps in one database know nothing of each other.
    let own = PostgresStore::connect(&url, Options::default()).await.unwrap();
    other.commit(vec![Change::Insert(record("ada"))]).await.unwrap();
    assert!(own.record(&record("ada").id).await.unwrap().is_none());
    assert!(other.record(&record("ada").id).await.unwrap().is_some());
}

#[tokio::test]
async fn pending_until_applied() {
    let url = database("template0").await;
    let options = Options::default();
    let waiting = pending(&url, &options).await.unwrap();
    assert!(!waiting.is_empty());
    let error = PostgresStore::connect(&url, options.clone().migrate(Migrate::Refuse)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema);
    assert!(error.to_string().contains("0001_users_and_deliveries"), "{error}");
    assert_eq!(migrate(&url, &options).await.unwrap(), waiting);
    assert_eq!(pending(&url, &options).await.unwrap(), []);
    assert_eq!(migrate(&url, &options).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_wait_for_each_other() {
    let url = database("template0").await;
    let all = (0..8).map(|_| PostgresStore::connect(&url, Options::default()));
    for one in join_all(all).await {
        one.unwrap();
    }
    let rows = client(&url).await.query("SELECT FROM clerk_sync.clerk_migration", &[]).await.unwrap();
    assert_eq!(rows.len(), pending(&database("template0").await, &Options::default()).await.unwrap().len());
}

/// What connecting says after `sql` was run on a good database.
async fn connect_after(sql: &str) -> Result<(), StoreError> {
    let url = database("template").await;
    let client = client(&url).await;
    client.batch_execute("SET search_path = clerk_sync").await.unwrap();
    client.batch_execute(sql).await.unwrap();
    PostgresStore::connect(&url, Options::default()).await.map(drop)
}

async fn refused(sql: &str) -> String {
    let error = connect_after(sql).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
    error.to_string()
}

/// A version goes on with a schema a later one has expanded, and not with one it has contracted.
#[tokio::test]
async fn a_migration_of_a_later_version() {
    let later = |needs| {
        format!(
            "ALTER TABLE clerk_user ADD COLUMN new text;
             INSERT INTO clerk_migration (number, name, needs, sql) VALUES (99, 'later', {needs}, '')"
        )
    };
    connect_after(&later(1)).await.unwrap();
    let why = refused(&later(99)).await;
    assert!(why.contains("0099_later"), "{why}");
}

#[tokio::test]
async fn a_migration_that_was_changed() {
    let why = refused("UPDATE clerk_migration SET sql = sql || ' '").await;
    assert!(why.contains("0001_users_and_deliveries"), "{why}");
}

#[tokio::test]
async fn an_index_that_is_missing_or_another() {
    for index in ["clerk_user_email_key", "clerk_user_username_key", "clerk_user_repair"] {
        let why = refused(&format!("DROP INDEX {index}")).await;
        assert!(why.contains("missing is") && why.contains(index), "{why}");
    }
    let not_unique = "DROP INDEX clerk_user_email_key;
        CREATE INDEX clerk_user_email_key ON clerk_user (email_key) WHERE email_key IS NOT NULL";
    let why = refused(not_unique).await;
    assert!(why.contains("there is \"CREATE INDEX clerk_user_email_key"), "{why}");
    let not_valid =
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'clerk_user_email_key'::regclass";
    let why = refused(not_valid).await;
    assert!(why.contains("(not valid)"), "{why}");
}

#[tokio::test]
async fn duplicates_are_counted() {
    let user = |id| {
        format!(
            "INSERT INTO clerk_user (id, source, rev, public_metadata, banned, locked, deprovisioned,
               recorded_at, changed_at, email, email_key)
             VALUES ('user_{id}', 'webhook', 1, '{{}}', false, false, false, now(), now(), 'x@x.test', 'x@x.test');"
        )
    };
    let why = refused(&format!("DROP INDEX clerk_user_email_key; {} {}", user(1), user(2))).await;
    assert!(why.contains("1 values of clerk_user.email_key are held more than once"), "{why}");
}

#[tokio::test]
async fn a_missing_column_table_view_or_rule() {
    let why = refused("ALTER TABLE clerk_delivery RENAME COLUMN error TO failure").await;
    assert!(why.contains("missing is \"table clerk_delivery.error text\""), "{why}");
    let why = refused("ALTER TABLE clerk_delivery ALTER COLUMN outcome TYPE varchar(9)").await;
    assert!(why.contains("there is \"table clerk_delivery.outcome character varying(9)"), "{why}");
    assert!(refused("DROP TABLE clerk_claim").await.contains("clerk_claim.user_id"));
    assert!(refused("DROP VIEW users").await.contains("view users.id"));
    let why = refused("ALTER TABLE clerk_user DROP CONSTRAINT clerk_user_live_or_gone").await;
    assert!(why.contains("check clerk_user_live_or_gone"), "{why}");
}

/// An app may point its tables at the users, and add to them.
#[tokio::test]
async fn what_an_app_adds_is_no_fault() {
    connect_after(
        "CREATE TABLE post (id int PRIMARY KEY, author text NOT NULL REFERENCES clerk_user (id));
         ALTER TABLE clerk_user ADD COLUMN theme text;
         CREATE INDEX by_role ON clerk_user (role);",
    )
    .await
    .unwrap();
}

/// Acknowledged commits are not to be lost because of a default nobody thought of.
#[tokio::test]
async fn asynchronous_commits_are_refused() {
    let (store, url) = open(Options::default()).await;
    drop(store);
    let name = url.rsplit('/').next().unwrap();
    let admin = client(&url).await;
    admin.batch_execute(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await.unwrap();
    let error = PostgresStore::connect(&url, Options::default()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema);
    assert!(error.to_string().contains("synchronous_commit"), "{error}");
    let accepting = Options::default().accept_asynchronous_default(true);
    PostgresStore::connect(&url, accepting).await.unwrap();
}

#[tokio::test]
async fn only_utf8() {
    let url = super::server().await.url("postgres");
    let create = "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'";
    client(&url).await.batch_execute(create).await.unwrap();
    let latin = super::server().await.url("latin");
    let error = PostgresStore::connect(&latin, Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("LATIN1"), "{error}");
}
