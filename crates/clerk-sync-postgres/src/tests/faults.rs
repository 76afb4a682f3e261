use clerk_sync_core::port::Store;
use clerk_sync_core::{Change, StoreErrorKind};
use clerk_sync_testkit::sample::{holding_email, record};

use crate::error::Failure;
use crate::tests::store;
use crate::{Options, PostgresStore};

/// What the server says to `sql`, and whether that is a race lost.
async fn said(store: &PostgresStore, sql: &str) -> (StoreErrorKind, bool, String) {
    let connection = store.pool.get("test").await.unwrap();
    let failure = Failure::from(connection.batch(sql).await.unwrap_err());
    let is_lost_race = failure.is_lost_race();
    let error = failure.into_store_error("test");
    (error.kind(), is_lost_race, error.to_string())
}

#[tokio::test]
async fn each_code_has_its_meaning() {
    let store = store("faults", Options::default()).await.unwrap();
    let raise = |code| format!("DO $$ BEGIN RAISE EXCEPTION 'said' USING ERRCODE = '{code}'; END $$");
    for code in ["40001", "40P01", "55P03"] {
        assert!(said(&store, &raise(code)).await.1, "{code} is a race lost");
    }
    for (code, kind) in [
        ("57014", StoreErrorKind::Unavailable),
        ("53100", StoreErrorKind::Unavailable),
        ("25006", StoreErrorKind::Unavailable),
        ("23514", StoreErrorKind::Corrupt),
        ("23502", StoreErrorKind::Corrupt),
        ("42P01", StoreErrorKind::Schema),
        ("42501", StoreErrorKind::Schema),
    ] {
        let (actual, is_lost_race, _) = said(&store, &raise(code)).await;
        assert_eq!((actual, is_lost_race), (kind, false), "{code}");
    }
}

/// A unique index is ours or an app's, and only ours are raced for. Neither repeats what it is about.
#[tokio::test]
async fn a_duplicate_is_told_by_its_constraint() {
    let store = store("duplicates", Options::default()).await.unwrap();
    let ada = holding_email(record("ada"), "secret@x.test");
    store.commit(vec![Change::Insert(ada)]).await.unwrap();
    let copy = "INSERT INTO clerk_sync.clerk_user (id, source, rev, public_metadata, banned, locked,
        deprovisioned, recorded_at, changed_at, email, email_key, email_claim, email_claim_key,
        email_claim_verified)
      SELECT 'user_bob', source, rev, public_metadata, banned, locked, deprovisioned, recorded_at, changed_at,
        email, email_key, email_claim, email_claim_key, email_claim_verified
      FROM clerk_sync.clerk_user LIMIT 1";
    let (_, is_lost_race, text) = said(&store, copy).await;
    assert!(is_lost_race, "{text}");
    assert!(text.contains("clerk_user_email_key") && !text.contains("secret"), "{text}");

    let index = "UPDATE clerk_sync.clerk_user SET external_id = 'secret';
      CREATE UNIQUE INDEX of_an_app ON clerk_sync.clerk_user (external_id)";
    store.pool.get("test").await.unwrap().batch(index).await.unwrap();
    let mut bob = record("bob");
    bob.profile.external_id = Some("secret".into());
    let error = store.commit(vec![Change::Insert(bob)]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema);
    assert!(error.to_string().contains("of_an_app"), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

/// Each connection is told what the server does not do by itself.
#[tokio::test]
async fn every_connection_has_limits() {
    let store = store("limits", Options::default()).await.unwrap();
    let connection = store.pool.get("test").await.unwrap();
    for (name, value) in [
        ("statement_timeout", "5s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "16s"),
        ("synchronous_commit", "on"),
        ("application_name", "clerk-sync"),
    ] {
        let row = connection.client().query_one("SELECT current_setting($1)", &[&name]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), value, "{name}");
    }
}
