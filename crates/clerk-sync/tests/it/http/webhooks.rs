use std::time::Duration;

use axum::body::Body;
use clerk_sync::http::{HttpLimits, routes};
use http::Request;
use serde_json::json;

use super::{ask, request, router};
use crate::harness::{World, session_rules, wire};

/// A delivery of `body`, rightly signed.
fn webhook(world: &World, id: &str, body: &str) -> Request<Body> {
    let mut request = Request::post("/webhooks/clerk").body(Body::from(body.to_owned())).unwrap();
    *request.headers_mut() = wire::webhook_headers(id, body, world.now());
    request
}

#[tokio::test]
async fn what_is_durable_is_200_with_its_outcome() {
    let world = World::in_memory();
    let event = world.sign_up("ada").event("user.created", world.now());
    let foreign = event.replace(wire::INSTANCE, "ins_theirs");
    let rows = [
        ("msg_1", event.as_str(), "created"),
        ("msg_1", event.as_str(), "duplicate"),
        ("msg_2", event.as_str(), "unchanged"),
        ("msg_2", foreign.as_str(), "conflicting"),
        ("msg_3", foreign.as_str(), "foreign_instance"),
        ("msg_4", "not json", "unreadable"),
        ("msg_5", "", "unreadable"),
        ("msg_6", r#"{"type":"nobody.knows","data":{}}"#, "acknowledged"),
    ];
    for (id, body, outcome) in rows {
        let answer = ask(&router(&world), webhook(&world, id, body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let envelope = json!({"success": true, "message": "Webhook received", "data": {"outcome": outcome}});
        assert_eq!(answer.json(), envelope);
    }
}

#[tokio::test]
async fn headers_and_signatures_are_judged_before_anything_is_stored() {
    let world = World::in_memory();
    let router = router(&world);
    for missing in ["svix-id", "svix-timestamp", "svix-signature"] {
        let mut request = webhook(&world, "msg_1", "{}");
        request.headers_mut().remove(missing);
        ask(&router, request).await.is_problem(400, "webhook_malformed");
    }
    let mut other_body = webhook(&world, "msg_1", "{}");
    *other_body.body_mut() = Body::from("{} ");
    ask(&router, other_body).await.is_problem(401, "webhook_unauthenticated");
    let old = webhook(&world, "msg_1", "{}");
    world.clock.advance(302_000);
    ask(&router, old).await.is_problem(401, "webhook_unauthenticated");
    assert!(world.calls.take().is_empty());
}

#[tokio::test]
async fn sizes_times_and_encodings_have_their_limits() {
    let world = World::in_memory();
    let limits = HttpLimits { webhook_bytes: 100, ..HttpLimits::default() };
    let router = routes(world.sync.clone(), &limits);
    assert_eq!(ask(&router, webhook(&world, "msg_1", &" ".repeat(100))).await.status, 200);
    ask(&router, webhook(&world, "msg_2", &" ".repeat(101))).await.is_problem(413, "body_too_large");
    let mut encoded = webhook(&world, "msg_3", "{}");
    encoded.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    ask(&router, encoded).await.is_problem(415, "encoded_body");
    let broken = futures_util::stream::iter([Ok("{"), Err(std::io::Error::other("cut"))]);
    let mut cut = webhook(&world, "msg_4", "{}");
    *cut.body_mut() = Body::from_stream(broken);
    ask(&router, cut).await.is_problem(400, "broken_body");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_given_up() {
    let world = World::in_memory();
    let mut slow = webhook(&world, "msg_1", "{}");
    *slow.body_mut() = Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>());
    let started = tokio::time::Instant::now();
    ask(&router(&world), slow).await.is_problem(408, "body_too_slow");
    assert_eq!(started.elapsed().as_secs(), Duration::from_secs(10).as_secs());
}

#[tokio::test]
async fn w50_a_wrong_clock_is_counted_as_one() {
    let world = World::in_memory();
    let router = router(&world);
    let requests: Vec<_> = (0..3).map(|index| webhook(&world, &format!("msg_{index}"), "{}")).collect();
    world.clock.advance(600_000);
    for request in requests {
        ask(&router, request).await.is_problem(401, "webhook_unauthenticated");
    }
    let metrics = ask(&router, request("GET", "/metrics", &[])).await.text;
    let line = r#"clerk_sync_webhooks_refused_total{reason="clock_skew"} 3"#;
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
}

#[tokio::test(start_paused = true)]
#[expect(
    clippy::disallowed_methods,
    reason = "the client is slow by the paused clock, as bodies are timed by it"
)]
async fn w40_a_byte_a_second_is_given_up_after_ten() {
    let world = World::in_memory();
    let drip = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, std::io::Error>(" "), ()))
    });
    let mut slow = webhook(&world, "msg_1", "{}");
    *slow.body_mut() = Body::from_stream(drip);
    let started = tokio::time::Instant::now();
    ask(&router(&world), slow).await.is_problem(408, "body_too_slow");
    assert_eq!(started.elapsed(), Duration::from_secs(10));
    assert!(world.calls.take().is_empty());
}

#[tokio::test]
async fn what_cannot_be_stored_is_503() {
    let world = World::in_memory();
    let event = world.sign_up("ada").event("user.created", world.now());
    world.calls.set_down(true);
    ask(&router(&world), webhook(&world, "msg_1", &event)).await.is_problem(503, "unavailable");
    world.calls.set_down(false);
    let none = routes(world.sync.clone(), &HttpLimits { webhooks_at_once: 0, ..HttpLimits::default() });
    ask(&none, webhook(&world, "msg_1", &event)).await.is_problem(503, "unavailable");
    let bare = clerk_sync::ClerkSync::builder()
        .ports(world.store.clone(), world.store.clone())
        .directory(world.clerk.clone())
        .sessions(session_rules(&[]))
        .keys(wire::keys())
        .build()
        .unwrap();
    let answer = ask(&bare.routes(), webhook(&world, "msg_1", &event)).await;
    answer.is_problem(503, "webhook_not_configured");
    assert!(world.store.deliveries(None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_database_that_hangs_is_503_after_five_seconds() {
    let world = World::in_memory();
    let event = world.sign_up("ada").event("user.created", world.now());
    let request = webhook(&world, "msg_1", &event);
    world.calls.stop_at(1, crate::harness::probe::Stop::Before);
    let started = world.now();
    let answer = super::ask_in_time(&world, &router(&world), request).await;
    answer.is_problem(503, "unavailable");
    assert!((5_000..=5_100).contains(&world.now().millis_since(started)));
    assert!(!world.calls.clear_stop());
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let router = router(&World::in_memory());
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        assert_eq!(ask(&router, request(method, "/webhooks/clerk", &[])).await.status, 405, "{method}");
    }
    for (method, path) in [("POST", "/me"), ("DELETE", "/me"), ("POST", "/healthz"), ("POST", "/metrics")] {
        assert_eq!(ask(&router, request(method, path, &[])).await.status, 405, "{method} {path}");
    }
    for path in ["/", "/webhooks", "/webhooks/clerk/", "/webhooks//clerk", "/Webhooks/clerk", "/me/", "/mE"] {
        assert_eq!(ask(&router, request("POST", path, &[])).await.status, 404, "{path}");
    }
}
