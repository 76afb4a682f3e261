//! What a database is like that a store would not open, or that could lose something.

use clerk_sync_core::{Duplicates, Health};
use clerk_sync_postgres::{Options, health};

use super::{client, database};

/// The shared server runs without fsync, which is told every time.
const UNSAFE: [&str; 2] = ["fsync is off", "full_page_writes is off"];

async fn after(sql: &str) -> Health {
    let url = database("template").await;
    let client = client(&url).await;
    client.batch_execute("SET search_path = clerk_sync").await.unwrap();
    client.batch_execute(sql).await.unwrap();
    let health = health(&url, &Options::default()).await.unwrap();
    assert!(health.now.is_some());
    Health { now: None, ..health }
}

fn well() -> Health {
    Health { not_durable: UNSAFE.map(String::from).to_vec(), ..Health::default() }
}

#[tokio::test]
async fn each_fault_is_in_its_own_list() {
    assert_eq!(after("").await, well());
    let pending = after("DELETE FROM clerk_migration").await;
    assert_eq!(pending, Health { pending: vec!["0001_users_and_deliveries".into()], ..well() });
    let missing = after("DROP INDEX clerk_delivery_user").await;
    assert!(missing.faults.len() == 1 && missing.faults[0].contains("clerk_delivery_user"), "{missing:?}");
    let user = |id: u8| {
        format!(
            "INSERT INTO clerk_user (id, source, rev, public_metadata, banned, locked, deprovisioned, recorded_at,
               changed_at, email, email_key)
             VALUES ('user_{id}', 'webhook', 1, '{{}}', false, false, false, now(), now(), 'x', 'x');"
        )
    };
    let twice = after(&format!("DROP INDEX clerk_user_email_key; {}{}", user(1), user(2))).await;
    assert_eq!(twice.duplicates, [Duplicates { column: "email_key".into(), values: 1 }]);
}

#[tokio::test]
async fn commits_that_do_not_wait_are_told() {
    let url = database("template").await;
    let admin = client(&url).await;
    let name: String = admin.query_one("SELECT current_database()", &[]).await.unwrap().get(0);
    admin.batch_execute(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await.unwrap();
    let health = health(&url, &Options::default()).await.unwrap();
    assert!(health.not_durable.iter().any(|one| one.contains("synchronous_commit")), "{health:?}");
}

#[tokio::test]
async fn a_standby_or_read_only_database_is_told() {
    let url = database("template").await;
    let admin = client(&url).await;
    let name: String = admin.query_one("SELECT current_database()", &[]).await.unwrap().get(0);
    admin
        .batch_execute(&format!(
            "CREATE ROLE reader_{name} LOGIN; GRANT USAGE ON SCHEMA clerk_sync TO reader_{name};
             GRANT SELECT ON ALL TABLES IN SCHEMA clerk_sync TO reader_{name}"
        ))
        .await
        .unwrap();
    let as_reader = url.replace("postgres@", &format!("reader_{name}@"));
    let health = health(&as_reader, &Options::default()).await.unwrap();
    assert!(health.unwritable.as_deref().is_some_and(|why| why.contains("42501")), "{health:?}");
    let left = admin.query("SELECT FROM clerk_sync.clerk_meta", &[]).await.unwrap();
    assert!(left.is_empty());
}
