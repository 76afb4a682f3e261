//! The fixtures, in the order of the checks.

use axum::extract::Request;
use axum::response::IntoResponse;
use clerk_sync_emulator::{Options, RateLimit, TokenOptions};
use http::{HeaderMap, StatusCode};

use super::complaints;
use super::proxy::{Fate, pass_back, pass_on, proxy};
use crate::setup::{SetUp, clerk, person};

const WARNING: (&str, Option<i32>) = ("warning", Some(1));
const ERROR: (&str, Option<i32>) = ("error", Some(2));
/// An empty token is none.
const NO_TOKEN: &[&str] = &["--token", ""];

/// Exactly the one check fails, as it should, and says what to do.
fn only(set_up: &SetUp, check: &str, how: (&str, Option<i32>), words: &[&str], variables: &[(&str, &str)]) {
    let (diagnoses, code) = set_up.examine(words, variables);
    assert_eq!(complaints(&diagnoses), [format!("{check} {}", how.0)], "{diagnoses:#?}");
    assert_eq!(code, how.1);
    let complaint = diagnoses.iter().find(|one| one["check"] == check).unwrap();
    assert!(complaint["fix"].as_str().is_some_and(|fix| fix.len() > 20));
}

/// What follows from settings alone: (check, how, words, variables).
#[tokio::test(flavor = "multi_thread")]
async fn settings() {
    let set_up = SetUp::healthy().await;
    let other = clerk(Options { seed: 2, ..Options::default() }).await;
    let live_key = set_up.clerk.publishable_key().replace("pk_test_", "pk_live_");
    let secret = set_up.clerk.webhook_secret();
    let free =
        format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    type Row<'a> = (&'a str, (&'a str, Option<i32>), &'a [&'a str], &'a [(&'a str, &'a str)]);
    let rows: &[Row<'_>] = &[
        ("settings", ERROR, &[], &[("CLERK_SYNC_DRAIN_S", "soon")]),
        ("secret_key", ERROR, &[], &[("CLERK_SECRET_KEY", "sk_test_b2ZmbGluZS5jbGVyay5vdGhlci5rZXk")]),
        ("secret_key", ERROR, &[], &[("CLERK_SECRET_KEY", "nonsense")]),
        ("clerk_api", ERROR, &[], &[("CLERK_API_URL", &free)]),
        ("key_pair", ERROR, &[], &[("CLERK_PUBLISHABLE_KEY", &live_key)]),
        ("production", ERROR, &["--production"], &[]),
        ("budget", WARNING, &[], &[("CLERK_SYNC_API_LIMIT", "1000")]),
        ("webhook_secret", ERROR, &[], &[("CLERK_WEBHOOK_SIGNING_SECRET", "whsec_c2hvcnQ=")]),
        ("webhook_secret", ERROR, &[], &[("CLERK_WEBHOOK_SIGNING_SECRET", "")]),
        (
            "webhook_secret_name",
            WARNING,
            &[],
            &[("CLERK_WEBHOOK_SIGNING_SECRET", ""), ("CLERK_WEBHOOK_SECRET", secret)],
        ),
        (
            "webhook_secret_name",
            ERROR,
            &[],
            &[("CLERK_WEBHOOK_SIGNING_SECRET", ""), ("SVIX_WEBHOOK_SECRET", secret)],
        ),
        ("jwt_key", ERROR, &[], &[("CLERK_JWT_KEY", "no key")]),
        ("jwt_key", ERROR, &[], &[("CLERK_JWT_KEY", other.jwt_key_pem())]),
        ("issuer", ERROR, &[], &[("CLERK_SYNC_ISSUER", "https://clerk.other.example")]),
        ("issuer", WARNING, NO_TOKEN, &[("CLERK_SYNC_ISSUER", "https://clerk.other.example")]),
        ("authorized_parties", WARNING, &[], &[("CLERK_SYNC_AUTHORIZED_PARTIES", "")]),
        (
            "authorized_parties",
            ERROR,
            &[],
            &[("CLERK_SYNC_AUTHORIZED_PARTIES", "https://app.example.com https://app.example.com/")],
        ),
        ("endpoint", ERROR, &["--url", &free], &[]),
        ("database", ERROR, &[], &[("DATABASE_URL", "sqlite:no-such-file.db")]),
        ("database", ERROR, &[], &[("DATABASE_URL", "oracle:x")]),
    ];
    for (check, how, words, variables) in rows {
        only(&set_up, check, *how, words, variables);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_instance() {
    let set_up = SetUp::healthy().await;
    let other = clerk(Options { seed: 2, ..Options::default() }).await;
    let variables = [("CLERK_API_URL", other.url()), ("CLERK_JWT_KEY", other.jwt_key_pem())];
    only(&set_up, "instance", ERROR, NO_TOKEN, &variables);
}

/// What Clerk answers, by proxies before it: (check, how, proxy, variables).
#[tokio::test(flavor = "multi_thread")]
async fn answers_of_clerk() {
    let set_up = SetUp::healthy().await;
    let url = set_up.clerk.url();
    let late = proxy(url, pass_on, |_, headers, _| set_date(headers, -3_600)).await;
    only(&set_up, "clock", ERROR, &[], &[("CLERK_API_URL", &late)]);
    let early = proxy(url, pass_on, |_, headers, _| set_date(headers, 60)).await;
    only(&set_up, "clock", WARNING, &[], &[("CLERK_API_URL", &early)]);
    let no_keys = proxy(url, without_keys, pass_back).await;
    only(&set_up, "jwks", ERROR, &[], &[("CLERK_API_URL", &no_keys), ("CLERK_JWT_KEY", "")]);
    let renamed = proxy(url, pass_on, rename_key).await;
    only(&set_up, "key_id", ERROR, &[], &[("CLERK_API_URL", &renamed)]);
}

fn set_date(headers: &mut HeaderMap, seconds: i64) {
    let now = std::time::SystemTime::now();
    let offset = std::time::Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { now - offset } else { now + offset };
    headers.insert("date", httpdate::fmt_http_date(time).parse().unwrap());
}

fn without_keys(request: &mut Request) -> Fate {
    match request.uri().path() {
        "/v1/jwks" => Fate::Answer(StatusCode::BAD_GATEWAY.into_response()),
        _ => Fate::PassOn,
    }
}

fn rename_key(path: &str, _: &mut HeaderMap, body: &mut Vec<u8>) {
    if path == "/v1/jwks" {
        *body = String::from_utf8(body.clone()).unwrap().replace("\"ins_", "\"ins_other").into_bytes();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_used_up() {
    let limit = RateLimit { requests: 20, window_ms: 600_000 };
    let set_up = SetUp::with(Options { rate_limit: Some(limit), ..Options::default() }).await;
    let browser = reqwest::Client::new();
    loop {
        let call = browser.get(format!("{}/v1/instance", set_up.clerk.url()));
        if call.bearer_auth(set_up.clerk.secret_key()).send().await.unwrap().status() == 429 {
            break;
        }
    }
    only(&set_up, "budget", ERROR, &[], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_webhook_that_was_refused() {
    let set_up = SetUp::healthy().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let refused = reqwest::Client::new()
        .post(format!("{}/webhooks/clerk", set_up.server.url))
        .header("svix-id", "msg_1")
        .header("svix-timestamp", now.to_string())
        .header("svix-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);
    only(&set_up, "webhook_signature", ERROR, &[], &[]);
    // The next good one ends it.
    set_up.clerk.create_user(person("bob")).unwrap();
    set_up.clerk.quiet().await;
    assert_eq!(set_up.examine(&[], &[]).1, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens() {
    let set_up = SetUp::healthy().await;
    let (_, session) = set_up.clerk.sign_up(person("tim")).unwrap();
    set_up.clerk.quiet().await;
    let with = |options: TokenOptions| set_up.clerk.token_with(&session, None, &options).unwrap();
    let expired = with(TokenOptions { expires_in_seconds: Some(-60), ..TokenOptions::default() });
    let elsewhere = Some("https://elsewhere.example".to_owned());
    let foreign = with(TokenOptions { authorized_party: elsewhere, ..TokenOptions::default() });
    for token in [expired.as_str(), foreign.as_str(), "no-token"] {
        only(&set_up, "token", ERROR, &["--token", token], &[]);
    }
    let other = clerk(Options { seed: 2, ..Options::default() }).await;
    let (_, session) = other.sign_up(person("eve")).unwrap();
    let token = other.session_token(&session).unwrap();
    only(&set_up, "key_id", ERROR, &["--token", &token], &[("CLERK_JWT_KEY", "")]);
}

/// What stands between the world and the server.
#[tokio::test(flavor = "multi_thread")]
async fn the_public_address() {
    let set_up = SetUp::healthy().await;
    let url = &set_up.server.url;
    let redirects =
        proxy(url, |request| at_webhook(request, Some(StatusCode::MOVED_PERMANENTLY)), pass_back).await;
    only(&set_up, "endpoint_redirect", ERROR, &["--url", &redirects], &[]);
    let protects = proxy(url, |request| at_webhook(request, Some(StatusCode::UNAUTHORIZED)), pass_back).await;
    only(&set_up, "endpoint_auth", ERROR, &["--url", &protects], &[]);
    let lost = proxy(url, |request| at_webhook(request, Some(StatusCode::NOT_FOUND)), pass_back).await;
    only(&set_up, "endpoint", ERROR, &["--url", &lost], &[]);
    let hangs = proxy(url, |request| at_webhook(request, None), pass_back).await;
    only(&set_up, "endpoint_speed", ERROR, &["--url", &hangs, "--answer-s", "1"], &[]);
    let strips = proxy(url, strip, pass_back).await;
    only(&set_up, "proxy_authorization", ERROR, &["--url", &strips], &[]);
    only(&set_up, "proxy_authorization", ERROR, &[&["--url", &strips], NO_TOKEN].concat(), &[]);
    // A proxy that does nothing wrong is not blamed, with a token or without.
    let good = proxy(url, pass_on, pass_back).await;
    assert_eq!(set_up.examine(&["--url", &good], &[]).1, Some(0));
    assert_eq!(set_up.examine(&[&["--url", &good], NO_TOKEN].concat(), &[]).1, Some(0));
}

fn at_webhook(request: &Request, status: Option<StatusCode>) -> Fate {
    if request.uri().path() != "/webhooks/clerk" {
        return Fate::PassOn;
    }
    match status {
        Some(status) => {
            Fate::Answer((status, [("location", "https://www.example.com/webhooks/clerk")]).into_response())
        }
        None => Fate::Never,
    }
}

fn strip(request: &mut Request) -> Fate {
    request.headers_mut().remove("authorization");
    Fate::PassOn
}

/// A live row, as a store would write it, and more of its columns.
fn user(name: &str, columns: &str, values: &str) -> String {
    format!(
        "INSERT INTO clerk_user (id, source, rev, public_metadata, banned, locked, deprovisioned, changed_at{columns})
         VALUES ('user_{name}', 'lookup', 1, '{{}}', 0, 0, 0, 0{values});"
    )
}

/// A delivery in a status, received so many minutes ago.
fn delivery(status: &str, minutes: i64) -> String {
    format!(
        "INSERT INTO clerk_delivery (id, event_type, received_at, digest, status, attempts, due_at)
         VALUES ('msg_{status}', 'user.updated', {NOW} - {minutes} * 60000, zeroblob(32), '{status}', 1, {NOW});"
    )
}

/// What the comparison with Clerk has recorded.
fn note(name: &str, value: &str) -> String {
    format!("INSERT OR REPLACE INTO clerk_meta (name, value) VALUES ('{name}', '{value}');")
}

const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// What is planted in the database: (check, how, statements).
#[tokio::test(flavor = "multi_thread")]
async fn the_database() {
    let set_up = SetUp::healthy().await;
    let hour_ago = format!(", {NOW} - 3600000");
    let just_in_time = user("jit", ", recorded_at", &hour_ago);
    let dirty = user(
        "dirty",
        ", recorded_at, webhook_at, repair_due_at, repair_attempts",
        &format!("{hour_ago}, 1{hour_ago}, 3"),
    );
    let twin = |name: &str| {
        user(name, ", recorded_at, webhook_at, email, email_key", ", 1, 1, 'x@x.test', 'x@x.test'")
    };
    let rows = [
        ("migrations", WARNING, "DELETE FROM clerk_migration".to_owned()),
        ("schema", ERROR, "DROP INDEX clerk_user_repair".to_owned()),
        ("schema", ERROR, "DROP VIEW users".to_owned()),
        ("duplicates", ERROR, format!("DROP INDEX clerk_user_email_key; {}{}", twin("a"), twin("b"))),
        (
            "webhook_events",
            WARNING,
            "DELETE FROM clerk_delivery WHERE event_type = 'user.deleted'".to_owned(),
        ),
        ("pending", WARNING, delivery("failed", 30)),
        ("pending", ERROR, delivery("pending", 180)),
        ("dead_letters", WARNING, delivery("dead", 1)),
        ("repairs", WARNING, dirty),
        ("unconfirmed", WARNING, just_in_time.clone()),
        (
            "silence",
            ERROR,
            format!("UPDATE clerk_delivery SET received_at = received_at - 7200000; {just_in_time}"),
        ),
    ];
    let notes = [
        ("instance", ERROR, note("instance", r#"{"id":"ins_another"}"#)),
        ("deletions", ERROR, note("brake", r#"{"held":{"at_ms":1,"missing":30,"allowed":5,"users":100}}"#)),
    ];
    for (check, how, statements) in rows.into_iter().chain(notes) {
        let copy = set_up.copy(&statements);
        only(&set_up, check, how, &[], &[("DATABASE_URL", &copy)]);
    }
    let copy = set_up.copy("");
    assert_eq!(set_up.examine(&[], &[("DATABASE_URL", &copy)]).1, Some(0), "the copy itself is well");
    only(&set_up, "durability", WARNING, &[], &[("DATABASE_URL", &format!("{copy}?durability=normal"))]);
    let pending = set_up.copy("DELETE FROM clerk_migration");
    only(&set_up, "migrations", ERROR, &[], &[("DATABASE_URL", &pending), ("CLERK_SYNC_MIGRATE", "false")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_somebody_else_has_locked() {
    let set_up = SetUp::healthy().await;
    let copy = set_up.copy("PRAGMA journal_mode = wal");
    let path = copy.trim_start_matches("sqlite:");
    let holder = rusqlite::Connection::open(path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    only(&set_up, "database_writable", ERROR, &[], &[("DATABASE_URL", &copy)]);
}
