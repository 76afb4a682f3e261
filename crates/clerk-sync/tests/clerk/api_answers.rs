//! What Clerk's answers become.

use std::sync::Arc;

use clerk_sync::clerk::api::{ApiSettings, CallOutcome, ClerkApi};
use clerk_sync::clerk::secret::SecretKey;
use clerk_sync_core::port::{Clock as _, Directory as _, Lane, Order, PageOf, Start};
use clerk_sync_core::{DirectoryError, UserId};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::clock::ManualClock;
use crate::support::server::{Server, Told};
use crate::support::{NOW, USER, fixture, fixture_path};

pub(crate) fn settings(url: &str) -> ApiSettings {
    let secret_key = SecretKey::parse("CLERK_SECRET_KEY", "sk_live_canary").unwrap();
    ApiSettings { base_url: url.into(), ..ApiSettings::new(secret_key) }
}

pub(crate) fn user() -> UserId {
    UserId::parse(USER).unwrap()
}

pub(crate) fn found() -> Told {
    Told::json(200, json!({"id": USER, "updated_at": 1_769_500_800_016_i64}))
}

/// One attempt against a server that answers this.
async fn once(told: Told) -> Result<bool, DirectoryError> {
    let server = Server::start([told]).await;
    once_at(&server.url).await
}

async fn once_at(url: &str) -> Result<bool, DirectoryError> {
    let settings = ApiSettings { max_attempts: 1, attempt_timeout_ms: 500, ..settings(url) };
    let api = ClerkApi::new(settings, Arc::new(ManualClock::at(NOW))).unwrap();
    api.user(&user(), Lane::Lookup).await.map(|user| user.is_some())
}

fn refused(status: u16, code: &str) -> Result<bool, DirectoryError> {
    Err(DirectoryError::Refused { status, code: code.into() })
}

#[tokio::test]
async fn every_recorded_error_has_its_kind() {
    let throttled = |retry_after_ms| Err(DirectoryError::Throttled { retry_after_ms });
    let unavailable = |retry_after_ms, reason: &str| {
        Err(DirectoryError::Unavailable { retry_after_ms, reason: reason.into() })
    };
    let table = [
        ("200_truncated_body", unavailable(1_000, "the answer is no JSON")),
        ("400_api_version_invalid", refused(400, "api_version_invalid")),
        ("400_bad_request", refused(400, "bad_request")),
        ("401_authentication_invalid", Err(DirectoryError::RefusedKey)),
        ("401_clerk_key_invalid", Err(DirectoryError::RefusedKey)),
        ("403_authorization_invalid", refused(403, "authorization_invalid")),
        ("404_resource_not_found_user", Ok(false)),
        ("409_resource_locked", unavailable(1_000, "the resource is busy")),
        ("409_user_managed_by_scim", refused(409, "user_managed_by_scim")),
        ("410_gone", refused(410, "gone")),
        ("422_form_identifier_exists", refused(422, "form_identifier_exists")),
        ("422_form_param_array_size_exceeded", refused(422, "form_param_array_size_exceeded")),
        ("422_multiple_errors", refused(422, "form_param_max_length_exceeded")),
        ("429_too_many_requests", throttled(7_000)),
        ("429_without_retry_after", throttled(1_000)),
        ("500_internal_clerk_error", unavailable(1_000, "a server error")),
        ("502_edge_html", unavailable(1_000, "a server error")),
        ("503_service_unavailable", unavailable(30_000, "a server error")),
    ];
    let files = std::fs::read_dir(fixture_path("errors")).unwrap().count();
    assert_eq!(files, table.len(), "a row for every fixture");
    for (name, wanted) in table {
        assert_eq!(once(Told::fixture(&format!("errors/{name}.json"))).await, wanted, "{name}");
    }
}

#[tokio::test]
async fn a_404_counts_only_in_clerks_own_words() {
    let html = Told { headers: Vec::new(), ..Told::json(404, "<html>not found</html>") };
    let other = Told::json(404, json!({"errors": [{"code": "route_not_found"}]}));
    let empty = Told::json(404, json!({"errors": []}));
    let text = Told::json(404, json!({"errors": [{"message": "resource_not_found"}]}));
    for told in [html, other, empty, text, Told::json(404, "")] {
        let error = once(told).await.unwrap_err();
        assert_eq!(error.kind(), "unavailable");
    }
    let suffixed = Told::json(404, json!({"errors": [{"code": "resource_not_found_code"}]}));
    assert_eq!(once(suffixed).await, Ok(false));
}

#[tokio::test]
async fn what_is_no_user_is_no_answer() {
    let html = Told { headers: Vec::new(), ..Told::json(200, "<html></html>") };
    let deep = format!("{{\"id\":\"{USER}\",\"x\":{}{}}}", "[".repeat(9_000), "]".repeat(9_000));
    for told in [
        html,
        Told::json(200, ""),
        Told::json(200, "null"),
        Told::json(200, json!([{"id": USER}])),
        Told::json(200, json!({"id": "user_somebody_else"})),
        Told::json(200, json!({"id": 7})),
        Told::json(200, deep),
        Told::json(204, ""),
        Told::json(202, json!({"id": USER})),
    ] {
        assert_eq!(once(told).await.unwrap_err().kind(), "unavailable");
    }
    assert_eq!(once(found()).await, Ok(true));
}

#[tokio::test]
async fn redirects_are_not_followed_and_large_bodies_not_read() {
    let elsewhere = Server::start([found()]).await;
    for status in [301, 302, 303, 307, 308] {
        let told = Told::json(status, "").with_header("location", &elsewhere.url);
        let error = once(told).await.unwrap_err();
        assert_eq!(error.kind(), "unavailable");
    }
    assert_eq!(elsewhere.seen(), 0);
    let mut body = json!({"id": USER}).to_string();
    body.push_str(&" ".repeat(2 * 1024 * 1024));
    let DirectoryError::Unavailable { reason, .. } = once(Told::json(200, body)).await.unwrap_err() else {
        panic!("it is unavailable")
    };
    assert_eq!(reason, "the answer is too large");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_bounded_too() {
    let url = raw(b"HTTP/1.1 200 OK\r\n\r\n{\"id\":\"user_38peB5uMEQeCed7i5Nq9Ifj6Kd2\"}", true).await;
    let limited = |max_body_bytes| {
        let settings = ApiSettings { max_attempts: 1, max_body_bytes, ..settings(&url) };
        ClerkApi::new(settings, Arc::new(ManualClock::at(NOW))).unwrap()
    };
    assert!(limited(41).user(&user(), Lane::Lookup).await.unwrap().is_some());
    let error = limited(40).user(&user(), Lane::Lookup).await.unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
}

/// A server that writes these bytes to whoever connects, and hangs up or keeps silent.
async fn raw(answer: &'static [u8], hang_up: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut silent = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
            if !hang_up {
                silent.push(stream);
            }
        }
    });
    url
}

#[tokio::test]
async fn broken_connections_are_kept_apart_from_answers() {
    let cut = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{\"id\":", true).await;
    let reset = raw(b"", true).await;
    let silent = raw(b"", false).await;
    let slow = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{", false).await;
    for (url, wanted) in [
        (cut.as_str(), "the answer was cut off"),
        (&reset, "the connection broke"),
        (&silent, "no answer in time"),
        (&slow, "the answer was cut off"),
        ("http://127.0.0.1:1", "no connection"),
    ] {
        let error = once_at(url).await.unwrap_err();
        let DirectoryError::Unavailable { reason, .. } = error else { panic!("{error:?}") };
        assert_eq!(reason, wanted);
    }
}

#[tokio::test]
async fn the_request_is_as_clerk_wants_it() {
    let server = Server::start([found()]).await;
    let api = ClerkApi::new(settings(&format!("{}/", server.url)), Arc::new(ManualClock::at(NOW))).unwrap();
    api.user(&user(), Lane::Lookup).await.unwrap();
    let request = server.requests().pop().unwrap();
    assert_eq!(request.path, format!("/v1/users/{USER}"));
    assert_eq!(request.headers["authorization"], "Bearer sk_live_canary");
    assert_eq!(request.headers["clerk-api-version"], "2026-05-12");
    assert!(request.headers["user-agent"].to_str().unwrap().starts_with("clerk-sync/"));
    // Clerk refuses it beside an Authorization header.
    assert!(!request.headers.contains_key("origin"));
    assert!(!format!("{api:?}").contains("canary"));
    assert_eq!(api.counts().of(CallOutcome::Found), 1);
    assert_eq!(api.counts().attempts, 1);
}

#[tokio::test]
async fn a_page_is_asked_for_and_read_as_clerk_has_it() {
    let user = |id: &str| json!({"id": id, "email_addresses": [], "updated_at": 1_769_500_800_016_u64});
    let list = json!([user("user_a"), user("user_b")]).to_string();
    let server = Server::start([Told::json(200, list)]).await;
    let api = ClerkApi::new(settings(&server.url), Arc::new(ManualClock::at(NOW))).unwrap();
    let after = Start::After(UserId::parse("user_z").unwrap());
    let pages = [
        (Order::Created, after, "order_by=%2Bcreated_at&limit=500&starting_after=user_z"),
        (Order::NewestVersion, Start::Offset(40), "order_by=-updated_at&limit=500&offset=40"),
    ];
    for (order, start, query) in pages {
        let users = api.page(&PageOf { order, start, limit: 500 }, Lane::Sweep).await.unwrap();
        let ids: Vec<&str> = users.iter().map(|user| user.id.as_str()).collect();
        assert_eq!(ids, ["user_a", "user_b"]);
        assert_eq!(server.requests().pop().unwrap().path, format!("/v1/users?{query}"));
    }
}

/// A list with a hole would look like one without the user who fell into it.
#[tokio::test]
async fn a_list_that_cannot_be_read_as_a_whole_is_no_list() {
    let page = PageOf { order: Order::Created, start: Start::Offset(0), limit: 10 };
    for body in ["{}", "[{}]", "[{\"id\":\"user_a\"},{\"id\":7}]", "[1]", "null", "["] {
        let server = Server::start([Told::json(200, body)]).await;
        let api = ClerkApi::new(settings(&server.url), Arc::new(ManualClock::at(NOW))).unwrap();
        let error = api.page(&page, Lane::Sweep).await.unwrap_err();
        assert_eq!(error.kind(), "unavailable", "{body}");
    }
}

#[tokio::test]
async fn a_cursor_clerk_does_not_know_is_a_refusal() {
    let page = PageOf { order: Order::Created, start: Start::After(user()), limit: 10 };
    let unknown = Told::json(422, r#"{"errors":[{"code":"form_param_unknown","message":"no"}]}"#);
    let gone = Told::fixture("errors/404_resource_not_found_user.json");
    for (name, told) in [("gone", gone), ("unknown", unknown)] {
        let server = Server::start([told]).await;
        let api = ClerkApi::new(settings(&server.url), Arc::new(ManualClock::at(NOW))).unwrap();
        assert_eq!(api.page(&page, Lane::Sweep).await.unwrap_err().kind(), "refused", "{name}");
    }
}

#[tokio::test]
async fn users_are_counted() {
    for (body, count) in [
        (r#"{"object":"total_count","total_count":7}"#, Some(7)),
        (r#"{"total_count":-1}"#, None),
        (r#"{"total_count":"7"}"#, None),
        ("{}", None),
    ] {
        let server = Server::start([Told::json(200, body)]).await;
        let api = ClerkApi::new(settings(&server.url), Arc::new(ManualClock::at(NOW))).unwrap();
        assert_eq!(api.count(Lane::Repair).await.ok(), count, "{body}");
        assert_eq!(server.requests()[0].path, "/v1/users/count");
    }
}

#[tokio::test]
async fn the_instance_tells_its_id() {
    let server = Server::start([Told::json(200, fixture("bapi/GET_instance.json"))]).await;
    let api = ClerkApi::new(settings(&server.url), Arc::new(ManualClock::at(NOW))).unwrap();
    assert_eq!(api.instance_id().await.unwrap(), "ins_2YBXZJDbZvAXWH4uUgTJ7RbSMqY");
    assert_eq!(server.requests()[0].path, "/v1/instance");
    server.tell([Told::json(200, "{}")]);
    assert_eq!(api.instance_id().await.unwrap_err().kind(), "unavailable");
}

#[tokio::test]
async fn a_whole_user_becomes_a_snapshot() {
    let answer = fixture("bapi/GET_users_id.json");
    let id = UserId::parse(answer["id"].as_str().unwrap()).unwrap();
    let server = Server::start([Told::json(200, &answer)]).await;
    let api = ClerkApi::new(settings(&server.url), Arc::new(ManualClock::at(NOW))).unwrap();
    let snapshot = api.user(&id, Lane::Lookup).await.unwrap().unwrap();
    assert_eq!(snapshot.id, id);
    assert_eq!(snapshot.version.map(|version| version.as_millis()), answer["updated_at"].as_i64());
}

#[tokio::test]
async fn clerks_clock_is_compared_with_ours() {
    // Two minutes ahead.
    let told = found().with_header("date", "Tue, 27 Jan 2026 08:03:00 GMT");
    let server = Server::start([told]).await;
    let clock = Arc::new(ManualClock::at(NOW));
    let api = ClerkApi::new(settings(&server.url), clock.clone()).unwrap();
    assert_eq!(api.clock_offset_ms(), None);
    api.user(&user(), Lane::Lookup).await.unwrap();
    assert_eq!(clock.now(), NOW);
    assert_eq!(api.clock_offset_ms(), Some(120_500));
    server.tell([found().with_header("date", "yesterday")]);
    api.user(&user(), Lane::Lookup).await.unwrap();
    assert_eq!(api.clock_offset_ms(), Some(120_500), "what cannot be read changes nothing");
}

#[test]
fn a_secret_is_sent_only_where_it_should() {
    let refused = [
        "http://api.clerk.com",
        "ftp://api.clerk.com",
        "https://user@api.clerk.com",
        "https://:secret@api.clerk.com",
        "https://api.clerk.com?x=1",
        "https://api.clerk.com#x",
        "api.clerk.com",
        "http://127.0.0.1.evil.io",
        "http://localhost.evil.io",
        "",
    ];
    for url in refused {
        let result = ClerkApi::new(settings(url), Arc::new(ManualClock::at(NOW)));
        assert!(result.is_err(), "{url}");
    }
    for url in
        ["https://api.clerk.com", "http://127.0.0.1:4000", "http://[::1]:4000", "http://localhost:4000/"]
    {
        assert!(ClerkApi::new(settings(url), Arc::new(ManualClock::at(NOW))).is_ok(), "{url}");
    }
    let allowed = ApiSettings { allow_plain_http: true, ..settings("http://emulator:4000") };
    assert!(ClerkApi::new(allowed, Arc::new(ManualClock::at(NOW))).is_ok());
}
