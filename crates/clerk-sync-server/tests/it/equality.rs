//! A proof finds what was planted in each mapped field, repairs it, and says so.

use clerk_sync_emulator::{NewUser, Options, Weather};
use rusqlite::Connection;
use serde_json::Value;

use super::program::{run, text};

/// For each field: its name on the certificate, and what is done to the row behind everybody's back.
const PLANTED: [(&str, &str); 17] = [
    (
        "email",
        "email = 'x@example.org', email_key = 'x@example.org', email_claim = 'x@example.org', email_claim_key = 'x@example.org'",
    ),
    ("email", "email = NULL, email_key = NULL"),
    ("email_verified", "email_claim_verified = 0"),
    ("username", "username = 'mallory', username_key = 'mallory'"),
    ("username", "username = NULL, username_key = NULL"),
    ("first_name", "first_name = NULL"),
    ("last_name", "last_name = 'Other'"),
    ("image_url", "image_url = 'https://img.example.org/x'"),
    ("phone", "phone = '+15555550199'"),
    ("external_id", "external_id = 'x'"),
    ("public_metadata", "public_metadata = '{\"plan\":\"gold\"}'"),
    ("banned", "banned = 1"),
    ("locked", "locked = 1"),
    ("deprovisioned", "deprovisioned = 1"),
    ("created_at", "created_at = created_at - 1"),
    ("updated_at", "updated_at = updated_at - 1"),
    ("last_sign_in_at", "last_sign_in_at = NULL"),
];

#[tokio::test]
async fn a_proof_finds_and_repairs_what_was_planted_in_each_field() {
    let weather = Weather { webhooks_off: true, ..Weather::default() };
    let clerk = clerk_sync_emulator::start(Options { weather, ..Options::default() }).await.unwrap();
    let mut ids = vec![];
    for number in 0..PLANTED.len() + 3 {
        let (id, _) = clerk
            .sign_up(NewUser {
                first_name: Some("Ada".into()),
                email_address: vec![format!("ada{number}@example.com")],
                ..NewUser::default()
            })
            .unwrap();
        ids.push(id);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let database = format!("sqlite:{}", path.display());
    let secrets = [
        ("CLERK_SECRET_KEY", clerk.secret_key().to_owned()),
        ("CLERK_PUBLISHABLE_KEY", clerk.publishable_key().to_owned()),
        ("CLERK_API_URL", clerk.url().to_owned()),
        ("CLERK_SYNC_STALENESS_BOUND_MS", "50".to_owned()),
        ("CLERK_SYNC_API_LIMIT", "1000".to_owned()),
        ("DATABASE_URL", database),
    ];
    let command = |words: &'static [&'static str]| {
        let variables = secrets.clone();
        tokio::task::spawn_blocking(move || {
            let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
            run(words, &variables)
        })
    };
    let output = command(&["backfill"]).await.unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));

    // Nothing differs: one pass, and the digest to come back to.
    let output = command(&["prove", "--json"]).await.unwrap();
    let before: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&before["equal"], &before["passes"]), (&true.into(), &1.into()), "{before}");

    let connection = Connection::open(&path).unwrap();
    for ((_, change), id) in PLANTED.iter().zip(&ids) {
        let sql = format!("UPDATE clerk_user SET {change} WHERE id = ?1");
        assert_eq!(connection.execute(&sql, [&**id]).unwrap(), 1, "{change}");
    }
    drop(connection);

    // A check sees every one of them and touches none.
    let output = command(&["sweep", "--check", "--json"]).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let check: Value = serde_json::from_slice(&output.stdout).unwrap();

    let output = command(&["prove", "--json"]).await.unwrap();
    let after: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{after} {}", text(&output.stderr));
    assert_eq!(after["drift"]["fields"], check["fields"]);
    for (field, _) in PLANTED {
        let planted = PLANTED.iter().filter(|(name, _)| *name == field).count();
        assert_eq!(after["drift"]["fields"][field], planted, "{field}: {after}");
    }
    assert_eq!(after["drift"]["fields"].as_object().unwrap().len(), 15, "nothing else differed: {after}");
    assert_eq!(after["repaired"], PLANTED.len(), "{after}");
    assert_eq!((&after["equal"], &after["unrepaired"]), (&true.into(), &0.into()));
    assert_eq!(after["users"], ids.len());
    assert_eq!(after["digest"], before["digest"], "the rows are as they were");
    clerk.shutdown().await;
}
