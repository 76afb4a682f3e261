//! The emulator over real HTTP, as a program that only knows Clerk's documents sees it.

#[expect(clippy::unwrap_used, reason = "a test helper that fails fails its test")]
mod support;

use std::time::Duration;

use clerk_sync_emulator::{Event, Options, Outcome, RateLimit, SessionStatus, StartError, Weather, start};
use serde_json::{Value, json};
use support::{Http, Receiver, keys, new_user, quiet, verify};

#[tokio::test]
async fn answers_as_clerk_does() {
    let clerk = start(Options::default()).await.unwrap();
    let http = Http::of(&clerk);
    let created =
        http.post("/v1/users", json!({"email_address": ["ada@example.com"], "first_name": "Ada"})).await;
    assert_eq!((created.status, created.header("content-type")), (200, "application/json"));
    let id = created.body["id"].as_str().unwrap();

    let read = http.get(&format!("/v1/users/{id}")).await;
    assert_eq!(read.body, created.body);
    let listed = http.get("/v1/users?limit=5&email_address=ADA@example.com&user_id=user_none").await;
    assert_eq!(listed.body, json!([]));
    let listed = http.get("/v1/users?limit=5&email_address=ADA@example.com").await;
    assert_eq!(listed.body, json!([created.body]));
    assert_eq!(http.get("/v1/users/count").await.body, json!({"object": "total_count", "total_count": 1}));

    let merged = http
        .send("PATCH", &format!("/v1/users/{id}/metadata"), Some(json!({"public_metadata": {"a": {"b": 1}}})))
        .await;
    assert_eq!(merged.body["public_metadata"], json!({"a": {"b": 1}}));
    assert!(merged.body["updated_at"].as_i64() > created.body["updated_at"].as_i64());

    let deleted = http.send("DELETE", &format!("/v1/users/{id}"), None).await;
    assert_eq!(deleted.body, json!({"object": "user", "id": id, "deleted": true}));
    let gone = http.get(&format!("/v1/users/{id}")).await;
    assert_eq!((gone.status, gone.code()), (404, "resource_not_found"));
    assert_eq!(gone.body["errors"][0]["long_message"], format!("No user was found with id {id}"));
    assert_eq!(clerk.calls().user_reads.get(id), Some(&2));
    clerk.shutdown().await;
}

#[tokio::test]
async fn every_field_of_the_recorded_user_is_there_and_no_other() {
    let clerk = start(Options::default()).await.unwrap();
    let id = clerk.create_user(new_user("ada@example.com")).unwrap();
    let ours = clerk.user_json(&id).unwrap();
    let recorded = support::fixture("bapi/GET_users_id.json");
    assert_eq!(keys(&ours), keys(&recorded));
    assert_eq!(keys(&ours["email_addresses"][0]), keys(&recorded["email_addresses"][0]));
    let session = clerk.session(&clerk.create_session(&id).unwrap()).unwrap();
    assert_eq!(keys(&json!(*session)), keys(&support::fixture("bapi/GET_sessions_id.json")));
}

#[tokio::test]
async fn refuses_as_clerk_does() {
    let clerk = start(Options::default()).await.unwrap();
    let http = Http::of(&clerk);
    let check = async |http: &Http, path: &str, status: u16, code: &str| {
        let answer = http.get(path).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{path}");
        assert!(answer.body["clerk_trace_id"].is_string());
    };
    check(&http.with("authorization", ""), "/v1/users", 401, "authorization_header_format_invalid").await;
    check(&http.without("authorization"), "/v1/users", 401, "authentication_invalid").await;
    check(&http.with("authorization", "Bearer sk_test_other"), "/v1/users", 401, "clerk_key_invalid").await;
    check(
        &http.with("origin", "https://a.example"),
        "/v1/users",
        400,
        "origin_authorization_headers_conflict",
    )
    .await;
    check(&http.with("clerk-api-version", "2020-01-01"), "/v1/users", 400, "api_version_invalid").await;
    check(&http, "/v1/users?__clerk_api_version=2026-05-12", 400, "api_version_invalid").await;
    for path in ["/v1/nothing", "/v1users", "/users", "/v1"] {
        check(&http, path, 404, "resource_not_found").await;
    }
    check(&http, "/v1/users?limit=501", 422, "form_param_value_invalid").await;
    check(&http, "/v1/users?starting_after=user_x&offset=1", 422, "form_param_value_invalid").await;
    let many = "user_id=x&".repeat(101);
    check(&http, &format!("/v1/users?{many}"), 422, "form_param_array_size_exceeded").await;

    let id = clerk.create_user(new_user("ada@example.com")).unwrap();
    let path = format!("/v1/users/{id}");
    let metadata = Some(json!({"public_metadata": {}}));
    let refused = http.send("PATCH", &path, metadata.clone()).await;
    assert_eq!((refused.status, refused.code()), (422, "form_param_unknown"));
    let older = http.with("clerk-api-version", "2025-11-10").send("PATCH", &path, metadata).await;
    assert_eq!(older.status, 200);
    let taken = http.post("/v1/users", json!({"email_address": ["ada@example.com"]})).await;
    assert_eq!((taken.status, taken.code()), (422, "form_identifier_exists"));
}

#[tokio::test]
async fn limits_rates_by_instance_and_by_user() {
    let rate_limit = Some(RateLimit { requests: 20, window_ms: 600_000 });
    let clerk = start(Options { rate_limit, ..Options::default() }).await.unwrap();
    let http = Http::of(&clerk);
    let id = clerk.create_user(new_user("ada@example.com")).unwrap();
    let mut statuses = Vec::new();
    for n in 0..11 {
        let body = Some(json!({"first_name": n.to_string()}));
        statuses.push(http.send("PATCH", &format!("/v1/users/{id}"), body).await.status);
    }
    assert_eq!(statuses, [[200; 10].as_slice(), &[429]].concat());
    for _ in 0..9 {
        assert_eq!(http.get("/v1/users").await.status, 200);
    }
    let limited = http.get("/v1/users").await;
    assert_eq!((limited.status, limited.code()), (429, "too_many_requests"));
    assert!((1..=600).contains(&limited.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(http.get("/v1/jwks").await.status, 200);
}

#[tokio::test]
async fn a_failed_webhook_comes_again_with_its_id_and_a_new_time() {
    let receiver = Receiver::start([500, 302, 204]).await;
    // Svix's 5 s and 5 min, two hundred thousand times faster.
    let options = Options { webhook_url: Some(receiver.url()), speed: 200_000.0, ..Options::default() };
    let clerk = start(options).await.unwrap();
    let id = clerk.create_user(new_user("ada@example.com")).unwrap();
    quiet(&clerk).await;

    let received = receiver.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|webhook| webhook.id == received[0].id && webhook.body == received[0].body));
    for webhook in &received {
        verify(clerk.webhook_secret(), webhook);
        assert!(webhook.id.starts_with("msg_"));
        assert!(webhook.user_agent.starts_with("Svix-Webhooks/"));
    }
    let event: Value = serde_json::from_slice(&received[0].body).unwrap();
    assert_eq!((&event["type"], &event["object"]), (&json!("user.created"), &json!("event")));
    assert_eq!(event["data"], clerk.user_json(&id).unwrap());
    assert_eq!(event["instance_id"], clerk.instance_id());
    assert!(event["timestamp"].as_i64() >= event["data"]["updated_at"].as_i64());
    assert_eq!(outcomes(&clerk), [Outcome::Retry, Outcome::Retry, Outcome::Delivered]);
    let deliveries = clerk.deliveries();
    assert_eq!((deliveries.delivered, deliveries.attempts, deliveries.pending), (1, 3, 0));

    // Resent by hand: the same id once more.
    assert!(clerk.resend(&received[0].id));
    assert!(!clerk.resend("msg_unknown"));
    quiet(&clerk).await;
    assert_eq!(receiver.received()[3].id, received[0].id);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_none() {
    let receiver = Receiver::start([Receiver::NEVER]).await;
    let options = Options {
        webhook_url: Some(receiver.url()),
        webhook_timeout: Duration::from_millis(200),
        speed: 200_000.0,
        ..Options::default()
    };
    let clerk = start(options).await.unwrap();
    clerk.create_user(new_user("ada@example.com")).unwrap();
    quiet(&clerk).await;
    assert_eq!(outcomes(&clerk), [Outcome::Retry, Outcome::Delivered]);
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn gives_up_after_eight_attempts() {
    let receiver = Receiver::start([500; 8]).await;
    let options = Options { webhook_url: Some(receiver.url()), speed: 50_000_000.0, ..Options::default() };
    let clerk = start(options).await.unwrap();
    clerk.create_user(new_user("ada@example.com")).unwrap();
    quiet(&clerk).await;
    assert_eq!(receiver.received().len(), 8);
    assert_eq!(outcomes(&clerk).last(), Some(&Outcome::Failed));
    assert_eq!(clerk.deliveries().failed, 1);
}

#[tokio::test]
async fn weather_duplicates_drops_loses_and_delays() {
    let receiver = Receiver::start([]).await;
    let options = Options { webhook_url: Some(receiver.url()), speed: 200_000.0, ..Options::default() };
    let clerk = start(options).await.unwrap();
    let (mut expected, mut users) = (0, 0);
    let mut check = async |weather: Weather, copies: usize| {
        clerk.set_weather(weather.clone()).unwrap();
        users += 1;
        clerk.create_user(new_user(&format!("u{users}@example.com"))).unwrap();
        quiet(&clerk).await;
        let received = receiver.received();
        assert_eq!(received.len() - expected, copies, "{weather:?}");
        assert!(received[expected..].iter().all(|webhook| webhook.id == received[expected].id));
        expected = received.len();
    };
    check(Weather { webhook_duplicate: 1.0, ..Weather::default() }, 2).await;
    check(Weather { webhook_drop: 1.0, ..Weather::default() }, 0).await;
    check(Weather { webhooks_off: true, ..Weather::default() }, 0).await;
    check(Weather { answer_lost: 1.0, ..Weather::default() }, 8).await;
    check(Weather::default(), 1).await;

    let before = std::time::Instant::now();
    check(Weather { webhook_delay_ms: [60, 60], ..Weather::default() }, 1).await;
    assert!(before.elapsed() >= Duration::from_millis(60));
    // Everything that was ever made, also what was dropped, comes again.
    let kept = clerk.replay();
    quiet(&clerk).await;
    assert_eq!(kept, 6);
}

#[tokio::test]
async fn an_outage_hangs_up_and_storms_refuse() {
    let clerk = start(Options::default()).await.unwrap();
    let http = Http::of(&clerk);
    clerk.set_weather(Weather { api_outage: true, ..Weather::default() }).unwrap();
    assert!(http.try_send("GET", "/v1/users", None).await.is_err());
    assert_eq!(clerk.calls().hung_up, 1);
    // The control API still answers, and ends the outage.
    let calm = http.send("PUT", "/__emulator/weather", Some(json!({}))).await;
    assert_eq!(calm.status, 200);
    assert_eq!(http.get("/v1/users").await.status, 200);

    clerk.set_weather(Weather { api_5xx: 1.0, ..Weather::default() }).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let answer = http.get("/v1/users").await;
        assert_eq!(answer.status == 502, answer.header("content-type").starts_with("text/html"));
        seen.insert(answer.status);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [500, 502, 503]);
    clerk.set_weather(Weather { api_429: 1.0, ..Weather::default() }).unwrap();
    assert_eq!(http.get("/v1/users").await.header("retry-after"), "1");
}

#[tokio::test]
async fn stale_reads_show_what_was() {
    let clerk = start(Options::default()).await.unwrap();
    let http = Http::of(&clerk);
    clerk.set_weather(Weather { stale_ms: 60_000, ..Weather::default() }).unwrap();
    let id = clerk.create_user(new_user("ada@example.com")).unwrap();
    // Almost every moment of the last minute lies before the user.
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(http.get(&format!("/v1/users/{id}")).await.status);
    }
    assert!(statuses.contains(&404), "{statuses:?}");
    assert_eq!(http.get("/v1/users").await.body, json!([]));
    clerk.set_weather(Weather::default()).unwrap();
    assert_eq!(http.get(&format!("/v1/users/{id}")).await.status, 200);
}

#[tokio::test]
async fn nothing_leaves_loopback() {
    let refused = start(Options { bind: ([0, 0, 0, 0], 0).into(), ..Options::default() }).await;
    assert!(matches!(refused, Err(StartError::NotLoopback(_))));
    let webhook_url = Some("http://example.com/webhook".to_owned());
    assert!(matches!(
        start(Options { webhook_url, ..Options::default() }).await,
        Err(StartError::WebhookUrl(_))
    ));

    let clerk = start(Options::default()).await.unwrap();
    let http = Http::of(&clerk);
    let target = |url: &str| Some(json!({"url": url}));
    let refused = http.send("PUT", "/__emulator/webhook", target("http://192.0.2.1/")).await;
    assert_eq!(refused.status, 422);
    assert_eq!(http.get("/__emulator/webhook").await.body, json!({"url": null}));
    let set = http.send("PUT", "/__emulator/webhook", target("http://localhost:9/")).await;
    assert_eq!(set.body, json!({"url": "http://localhost:9/"}));
    // A name that a browser could be led here by.
    assert_eq!(http.with("host", "evil.example").get("/__emulator/info").await.status, 421);
}

#[tokio::test]
async fn sessions_end_with_their_users_and_tell_so() {
    let receiver = Receiver::start([]).await;
    let clerk = start(Options { webhook_url: Some(receiver.url()), ..Options::default() }).await.unwrap();
    let http = Http::of(&clerk);
    let (id, session) = clerk.sign_up(new_user("ada@example.com")).unwrap();
    let token = http.post(&format!("/v1/sessions/{session}/tokens"), json!({})).await;
    assert_eq!(token.body["object"], "token");
    assert_eq!(http.post(&format!("/v1/users/{id}/ban"), json!({})).await.body["banned"], true);
    let ended = http.get(&format!("/v1/sessions/{session}")).await;
    assert_eq!(ended.body["status"], "revoked");
    assert_eq!(http.post(&format!("/v1/sessions/{session}/tokens"), json!({})).await.status, 404);
    let banned = http.post("/v1/sessions", json!({"user_id": &*id})).await;
    assert_eq!((banned.status, banned.code()), (403, "user_banned"));
    clerk.delete_user(&id).unwrap();
    quiet(&clerk).await;
    let mut types: Vec<_> = receiver.received().iter().map(|webhook| webhook.event_type()).collect();
    types.sort();
    let expected = [
        "email.created",
        "session.created",
        "session.revoked",
        "user.created",
        "user.deleted",
        "user.updated",
        "user.updated",
    ];
    assert_eq!(types, expected);
}

#[tokio::test]
async fn a_deletion_is_later_than_every_version() {
    let receiver = Receiver::start([]).await;
    let clerk = start(Options { webhook_url: Some(receiver.url()), ..Options::default() }).await.unwrap();
    let id = clerk.create_user(new_user("ada@example.com")).unwrap();
    // Faster than one change a millisecond, so that versions run ahead of the clock.
    for n in 0..500 {
        clerk.set_banned(&id, n % 2 == 0).unwrap();
    }
    let last = clerk.user(&id).unwrap().updated_at;
    clerk.delete_user(&id).unwrap();
    quiet(&clerk).await;
    let events = receiver.events();
    let deleted = events.iter().find(|event| event["type"] == "user.deleted").unwrap();
    assert!(deleted["timestamp"].as_i64().unwrap() > last);
    let versions: std::collections::BTreeSet<_> =
        events.iter().filter_map(|event| event["data"]["updated_at"].as_i64()).collect();
    assert_eq!(versions.len(), 501);
}

#[tokio::test]
async fn a_directory_manages_its_users_alone() {
    let receiver = Receiver::start([]).await;
    let clerk = start(Options::default()).await.unwrap();
    let http = Http::of(&clerk);
    let id = clerk.create_user(new_user("ada@example.com")).unwrap();
    let session = clerk.create_session(&id).unwrap();
    clerk.set_webhook_url(Some(&receiver.url())).unwrap();
    let off = http.post(&format!("/__emulator/users/{id}/deprovision"), json!({})).await;
    assert_eq!(off.body["deprovisioned"], true);
    assert_eq!(clerk.session(&session).unwrap().status, SessionStatus::Revoked);
    let refused = http.send("DELETE", &format!("/v1/users/{id}"), None).await;
    assert_eq!((refused.status, refused.code()), (409, "user_managed_by_scim"));
    let refused = http.post("/v1/sessions", json!({"user_id": &*id})).await;
    assert_eq!((refused.status, refused.code()), (401, "deprovisioned"));
    http.post(&format!("/__emulator/users/{id}/provision"), json!({})).await;
    quiet(&clerk).await;
    let mut updates = receiver.events();
    updates.retain(|event| event["type"] == "user.updated");
    updates.sort_by_key(|event| event["data"]["updated_at"].as_i64());
    let states: Vec<_> = updates.iter().map(|event| event["data"]["deprovisioned"].as_bool()).collect();
    assert_eq!(states, [Some(true), Some(false)]);
    let recorded = support::fixture("webhooks/user.updated.scim_deprovisioned.json");
    assert_eq!(keys(&updates[0]["data"]), keys(&recorded["data"]));
    assert_eq!(keys(&updates[0]["data"]["scim"]), keys(&recorded["data"]["scim"]));
    let read = http.get(&format!("/v1/users/{id}")).await;
    assert!(read.body.get("scim").is_none());
}

#[tokio::test]
async fn the_control_api_does_what_the_library_does() {
    let receiver = Receiver::start([]).await;
    let clerk = start(Options::default()).await.unwrap();
    let http = Http::of(&clerk).without("authorization");
    let info = http.get("/__emulator/info").await.body;
    assert_eq!(
        (&info["jwt_key"], &info["secret_key"]),
        (&json!(clerk.jwt_key_pem()), &json!(clerk.secret_key()))
    );
    http.send("PUT", "/__emulator/webhook", Some(json!({"url": receiver.url()}))).await;
    let made = http.post("/__emulator/sign_ups", json!({"email_address": ["ada@example.com"]})).await;
    let user_id = made.body["user"]["id"].as_str().unwrap();
    let actor = json!({"sub": "user_admin"});
    let pending = json!({"user_id": user_id, "pending": true, "actor": actor});
    let session = http.post("/__emulator/sessions", pending).await.body;
    assert_eq!((&session["status"], &session["actor"]), (&json!("pending"), &actor));
    let path = format!("/__emulator/sessions/{}/tokens", session["id"].as_str().unwrap());
    let jwt = http.post(&path, json!({"version_1": true, "expires_in_seconds": -1})).await;
    let claims = support::claims(jwt.body["jwt"].as_str().unwrap());
    assert!(claims["act"] == actor && claims.get("v").is_none());
    assert!(claims["exp"].as_i64() < claims["iat"].as_i64());
    let first = made.body["session"]["id"].as_str().unwrap();
    let ended = http.post(&format!("/__emulator/sessions/{first}/end"), json!({})).await;
    assert_eq!(ended.body["status"], "ended");

    let counts = http.get("/__emulator/quiet").await.body;
    assert_eq!((&counts["pending"], &counts["delivered"]), (&json!(0), &json!(receiver.received().len())));
    assert_eq!(http.post("/__emulator/replay", json!({})).await.body["messages"], counts["messages"]);
    let timeline = http.get("/__emulator/timeline").await.body;
    let last = timeline.as_array().unwrap().last().unwrap()["seq"].as_u64().unwrap();
    quiet(&clerk).await;
    clerk.delete_user(user_id).unwrap();
    let later = http.get(&format!("/__emulator/timeline?after={last}")).await.body;
    assert!(later.as_array().unwrap().iter().any(|entry| entry["kind"] == "user_deleted"));
    let bad = http.send("PUT", "/__emulator/weather", Some(json!({"api_429": 2}))).await;
    assert_eq!(bad.status, 422);
}

#[tokio::test]
async fn a_seed_repeats_ids_of_the_instance_but_two_seeds_differ() {
    let instance =
        async |seed| start(Options { seed, ..Options::default() }).await.unwrap().instance_id().to_owned();
    let (first, again, other) = (instance(7).await, instance(7).await, instance(8).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

fn outcomes(clerk: &clerk_sync_emulator::Emulator) -> Vec<Outcome> {
    let entries = clerk.timeline(0);
    let attempts = entries.into_iter().filter_map(|entry| match entry.event {
        Event::WebhookAttempt { outcome, .. } => Some(outcome),
        _ => None,
    });
    attempts.collect()
}
