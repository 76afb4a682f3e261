use super::{ask, me, request, router};
use crate::harness::World;

/// The names in docs and alert rules; a missing one is a broken dashboard.
const METRICS: [&str; 16] = [
    "clerk_sync_facts",
    "clerk_sync_users_created",
    "clerk_sync_webhooks",
    "clerk_sync_me_answers",
    "clerk_sync_sessions_refused",
    "clerk_sync_webhooks_refused",
    "clerk_sync_stale_commits",
    "clerk_sync_webhook_duration_seconds",
    "clerk_sync_me_duration_seconds",
    "clerk_sync_webhook_lag_seconds",
    "clerk_sync_deliveries_waiting",
    "clerk_sync_oldest_unprocessed_seconds",
    "clerk_sync_last_webhook_timestamp_seconds",
    "clerk_sync_dirty_users",
    "clerk_sync_unconfirmed_users",
    "clerk_sync_users",
];

#[tokio::test]
async fn alive_is_not_a_matter_of_the_database_and_ready_is() {
    let world = World::in_memory();
    let router = router(&world);
    assert_eq!(ask(&router, request("GET", "/readyz", &[])).await.status, 200);
    assert_eq!(world.calls.take(), ["ping", "note", "note", "note", "note", "note"]);
    world.calls.set_down(true);
    let alive = ask(&router, request("GET", "/healthz", &[])).await;
    assert_eq!((alive.status.as_u16(), alive.text.as_str()), (200, "ok\n"));
    assert!(world.calls.take().is_empty());
    ask(&router, request("GET", "/readyz", &[])).await.is_problem(503, "not_ready");
}

/// The value of a sample, by its name and labels as written.
fn sample(text: &str, series: &str) -> Option<f64> {
    let line =
        text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[tokio::test]
async fn metrics_are_whole_and_count_what_happened() {
    let world = World::in_memory();
    let router = router(&world);
    let event = world.sign_up("ada").event("user.created", world.now());
    world.deliver("1", &event).await.unwrap();
    world.deliver("1", &event).await.unwrap();
    world.sign_up("bob");
    ask(&router, me(&world.token("bob"), &[])).await;
    ask(&router, me("a.b.c", &[])).await;
    let mut forged = request("POST", "/webhooks/clerk", &[]);
    *forged.headers_mut() = crate::harness::wire::webhook_headers("msg_2", "signed", world.now());
    ask(&router, forged).await.is_problem(401, "webhook_unauthenticated");
    let answer = ask(&router, request("GET", "/metrics", &[])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for name in METRICS {
        assert!(answer.text.contains(&format!("# TYPE {name}")), "{name} is missing");
    }
    for line in answer.text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok());
        assert!(value.is_some(), "{line:?} is no sample");
    }
    let rows = [
        (r#"clerk_sync_users_created_total{source="webhook"}"#, 1.0),
        (r#"clerk_sync_users_created_total{source="lookup"}"#, 1.0),
        (r#"clerk_sync_users_created_total{source="sweep"}"#, 0.0),
        (r#"clerk_sync_facts_total{source="webhook",outcome="duplicate"}"#, 1.0),
        (r#"clerk_sync_webhooks_total{result="accepted"}"#, 2.0),
        (r#"clerk_sync_webhooks_total{result="refused"}"#, 1.0),
        (r#"clerk_sync_webhooks_refused_total{reason="signature"}"#, 1.0),
        (r#"clerk_sync_me_answers_total{code="ok"}"#, 1.0),
        (r#"clerk_sync_me_answers_total{code="unauthenticated"}"#, 1.0),
        (r#"clerk_sync_me_answers_total{code="user_not_synced"}"#, 0.0),
        (r#"clerk_sync_deliveries_waiting{status="dead"}"#, 0.0),
        ("clerk_sync_users", 2.0),
        ("clerk_sync_dirty_users", 0.0),
        ("clerk_sync_me_duration_seconds_count", 2.0),
    ];
    for (series, value) in rows {
        assert_eq!(sample(&answer.text, series), Some(value), "{series}\n{}", answer.text);
    }
}

#[tokio::test]
async fn busy_answers_are_counted() {
    let world = World::in_memory();
    let limits = clerk_sync::http::HttpLimits { users_at_once: 0, ..Default::default() };
    let router = clerk_sync::http::routes(world.sync.clone(), &limits);
    ask(&router, me(&world.token("ada"), &[])).await.is_problem(503, "unavailable");
    let text = ask(&router, request("GET", "/metrics", &[])).await.text;
    assert_eq!(sample(&text, r#"clerk_sync_me_answers_total{code="unavailable"}"#), Some(1.0));
}

#[tokio::test]
async fn metrics_outlast_the_database_and_spare_it() {
    let world = World::in_memory();
    let router = router(&world);
    ask(&router, request("GET", "/metrics", &[])).await;
    ask(&router, request("GET", "/metrics", &[])).await;
    assert_eq!(world.calls.take(), ["backlog", "note", "note", "note", "note", "note"]);
    world.clock.advance(5_000);
    world.calls.set_down(true);
    let answer = ask(&router, request("GET", "/metrics", &[])).await;
    assert_eq!((answer.status.as_u16(), world.calls.take()), (200, vec!["backlog"]));
}
