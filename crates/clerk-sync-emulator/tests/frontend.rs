//! The Frontend API over real HTTP, in the SDK's own way of writing: forms, `_method`, cookies.

#[expect(clippy::unwrap_used, reason = "a test helper that fails fails its test")]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod support;

use clerk_sync_emulator::{Emulator, NewUser, Options, SessionStatus, Weather, start};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use support::{Http, Receiver, claims, new_user, quiet};

/// A browser: it keeps its cookies, and says which page it shows.
struct Browser {
    client: Client<HttpConnector, Full<bytes::Bytes>>,
    base: String,
    origin: Option<String>,
    cookie: Option<String>,
    query: String,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    fn code(&self) -> (u16, &str) {
        (self.status, self.body["errors"][0]["code"].as_str().unwrap_or_default())
    }

    fn cookie(&self, name: &str) -> Option<String> {
        let all = self.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        all.filter_map(|line| line.split_once('='))
            .find(|(given, _)| *given == name)
            .map(|(_, it)| it.to_owned())
    }

    fn sessions(&self) -> Vec<&str> {
        let client =
            if self.body["client"].is_null() { &self.body["response"] } else { &self.body["client"] };
        client["sessions"].as_array().into_iter().flatten().filter_map(|it| it["id"].as_str()).collect()
    }
}

impl Browser {
    fn at(clerk: &Emulator) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            base: clerk.url().to_owned(),
            origin: Some("http://localhost:5173".to_owned()),
            cookie: None,
            query: "__clerk_api_version=2026-08-20&_clerk_js_version=6.40.0".to_owned(),
        }
    }

    async fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, String::new()).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send("POST", path, form).await
    }

    #[expect(clippy::unwrap_used, reason = "a test helper that fails fails its test")]
    async fn send(&mut self, method: &str, path: &str, form: String) -> Reply {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}{joint}{}", self.base, self.query))
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(origin) = &self.origin {
            request = request.header("origin", origin);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("other=1; __client={cookie}"));
        }
        let response = self.client.request(request.body(Full::from(form)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let reply = Reply { status: parts.status.as_u16(), headers: parts.headers, body };
        if let Some(value) = reply.cookie("__client") {
            self.cookie = value.split(';').next().map(str::to_owned);
        }
        reply
    }

    /// Signs up with the code, and returns the session and the user.
    async fn sign_up(&mut self, fields: &[(&str, &str)]) -> (String, String) {
        let begun = self.post("/v1/client/sign_ups", fields).await;
        let id = text(&begun.body["response"]["id"]);
        let strategy = ("strategy", "email_code");
        self.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[strategy]).await;
        let path = format!("/v1/client/sign_ups/{id}/attempt_verification");
        let done = self.post(&path, &[strategy, ("code", "424242")]).await;
        let response = &done.body["response"];
        assert_eq!(response["status"], "complete", "{}", done.body);
        (text(&response["created_session_id"]), text(&response["created_user_id"]))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_sign_up_goes_step_by_step_and_is_told_by_webhook() {
    let receiver = Receiver::start([]).await;
    let clerk = start(Options { webhook_url: Some(receiver.url()), ..Options::default() }).await.unwrap();
    let mut browser = Browser::at(&clerk);
    assert_eq!(browser.get("/v1/client").await.body, json!({"response": null, "client": null}));

    let fields = [
        ("email_address", "ada+1@example.com"),
        ("first_name", "Ada"),
        ("unsafe_metadata", r#"{"theme":"dark"}"#),
    ];
    let begun = browser.post("/v1/client/sign_ups", &fields).await;
    let attempt = &begun.body["response"];
    assert_eq!(attempt["status"], "missing_requirements");
    assert_eq!(attempt["unverified_fields"], json!(["email_address"]));
    assert_eq!(attempt["verifications"]["email_address"]["next_action"], "needs_prepare");
    assert_eq!(begun.body["client"]["sign_up"], *attempt);
    let path = format!("/v1/client/sign_ups/{}", text(&attempt["id"]));

    let strategy = ("strategy", "email_code");
    let right = [strategy, ("code", "424242")];
    let early = browser.post(&format!("{path}/attempt_verification"), &right).await;
    assert_eq!(early.code(), (400, "verification_not_sent"));
    let more = browser.post(&format!("{path}?_method=PATCH"), &[("last_name", "King")]).await;
    assert_eq!(more.body["response"]["last_name"], "King");
    let sent = browser.post(&format!("{path}/prepare_verification"), &[strategy]).await;
    assert_eq!(sent.body["response"]["verifications"]["email_address"]["next_action"], "needs_attempt");
    let wrong = browser.post(&format!("{path}/attempt_verification"), &[strategy, ("code", "111111")]).await;
    assert_eq!(wrong.code(), (422, "form_code_incorrect"));
    assert_eq!(wrong.body["errors"][0]["meta"]["param_name"], "code");
    let nothing = browser.post(&format!("{path}/attempt_verification"), &[strategy]).await;
    assert_eq!(nothing.code(), (422, "form_param_nil"));

    let done = browser.post(&format!("{path}/attempt_verification"), &right).await;
    assert_eq!(done.body["response"]["status"], "complete");
    let again = browser.post(&format!("{path}/attempt_verification"), &right).await;
    assert_eq!(again.code(), (400, "verification_already_verified"));

    let user = clerk.user(done.body["response"]["created_user_id"].as_str().unwrap()).unwrap();
    assert_eq!((user.first_name.as_deref(), user.last_name.as_deref()), (Some("Ada"), Some("King")));
    assert_eq!(user.unsafe_metadata, json!({"theme": "dark"}));
    assert!(user.email_addresses[0].verified() && !user.password_enabled);
    quiet(&clerk).await;
    let mut events: Vec<_> = receiver.received().iter().map(|webhook| webhook.event_type()).collect();
    events.sort();
    assert_eq!(events, ["email.created", "session.created", "user.created", "user.updated"]);
    let client = &done.body["client"];
    assert_eq!(client["last_active_session_id"], done.body["response"]["created_session_id"]);
    let seen = &client["sessions"][0]["user"];
    assert_eq!(seen["email_addresses"][0]["email_address"], "ada+1@example.com");
    assert!(seen.get("private_metadata").is_none(), "a browser must not see private metadata");
    clerk.shutdown().await;
}

#[tokio::test]
async fn webhooks_of_a_sign_up_have_the_weather_of_all_others() {
    let receiver = Receiver::start([]).await;
    let weather = Weather { webhook_drop: 1.0, ..Weather::default() };
    let options = Options { webhook_url: Some(receiver.url()), weather, ..Options::default() };
    let clerk = start(options).await.unwrap();
    Browser::at(&clerk).sign_up(&[("email_address", "ada@example.com")]).await;
    quiet(&clerk).await;
    assert_eq!((receiver.received().len(), clerk.deliveries().dropped), (0, 4));
    clerk.shutdown().await;
}

#[tokio::test]
async fn too_many_wrong_codes_need_another_one() {
    let clerk = start(Options::default()).await.unwrap();
    let mut browser = Browser::at(&clerk);
    let begun = browser.post("/v1/client/sign_ups", &[("email_address", "ada@example.com")]).await;
    let path = format!("/v1/client/sign_ups/{}", text(&begun.body["response"]["id"]));
    let strategy = ("strategy", "email_code");
    for round in ["first", "second"] {
        browser.post(&format!("{path}/prepare_verification"), &[strategy]).await;
        for _ in 0..5 {
            let wrong =
                browser.post(&format!("{path}/attempt_verification"), &[strategy, ("code", "0")]).await;
            assert_eq!(wrong.code(), (422, "form_code_incorrect"), "{round}");
        }
        let late =
            browser.post(&format!("{path}/attempt_verification"), &[strategy, ("code", "424242")]).await;
        assert_eq!(late.code(), (400, "verification_failed"), "{round}");
    }
    assert!(Http::of(&clerk).get("/v1/users/count").await.body["total_count"] == 0);
    clerk.shutdown().await;
}

#[tokio::test]
async fn a_password_signs_in_and_too_many_wrong_ones_lock() {
    let clerk = start(Options::default()).await.unwrap();
    let password = Some("correct horse battery".to_owned());
    let id = clerk.create_user(NewUser { password, ..new_user("ada@example.com") }).unwrap();
    let mut browser = Browser::at(&clerk);
    let begun = browser.post("/v1/client/sign_ins", &[("identifier", "ADA@example.com")]).await;
    let attempt = &begun.body["response"];
    assert_eq!(attempt["status"], "needs_first_factor");
    let strategies: Vec<_> =
        attempt["supported_first_factors"].as_array().unwrap().iter().map(|it| &it["strategy"]).collect();
    assert_eq!(strategies, ["password", "email_code"]);
    let path = format!("/v1/client/sign_ins/{}/attempt_first_factor", text(&attempt["id"]));
    let typed = |password: &'static str| [("strategy", "password"), ("password", password)];
    let wrong = browser.post(&path, &typed("another horse")).await;
    assert_eq!(wrong.code(), (422, "form_password_incorrect"));
    let done = browser.post(&path, &typed("correct horse battery")).await;
    assert_eq!(done.body["response"]["status"], "complete");
    assert_eq!(done.body["response"]["first_factor_verification"]["status"], "verified");
    assert_eq!(done.sessions().len(), 1);

    let mut guesser = Browser::at(&clerk);
    let guess = [("identifier", "ada@example.com"), ("password", "a wrong guess")];
    for _ in 0..9 {
        assert_eq!(
            guesser.post("/v1/client/sign_ins", &guess).await.code(),
            (422, "form_password_incorrect")
        );
    }
    assert_eq!(guesser.post("/v1/client/sign_ins", &guess).await.code(), (403, "user_locked"));
    assert!(clerk.user(&id).unwrap().locked);
    let right = [("identifier", "ada@example.com"), ("password", "correct horse battery")];
    assert_eq!(guesser.post("/v1/client/sign_ins", &right).await.code(), (403, "user_locked"));
    clerk.set_locked(&id, false).unwrap();
    assert_eq!(guesser.post("/v1/client/sign_ins", &right).await.status, 200);
    clerk.shutdown().await;
}

#[tokio::test]
async fn one_state_lies_behind_both_halves() {
    let clerk = start(Options::default()).await.unwrap();
    let backend = Http::of(&clerk);
    let mut browser = Browser::at(&clerk);
    let (session, user) = browser.sign_up(&[("email_address", "ada@example.com")]).await;
    let listed = backend.get(&format!("/v1/sessions?user_id={user}")).await;
    assert_eq!((&listed.body[0]["id"], &listed.body[0]["status"]), (&json!(session), &json!("active")));

    let tokens = format!("/v1/client/sessions/{session}/tokens");
    let jwt = browser.post(&tokens, &[]).await;
    assert_eq!(jwt.body["object"], "token");
    let said = claims(jwt.body["jwt"].as_str().unwrap());
    assert_eq!((&said["sub"], &said["sid"]), (&json!(user), &json!(session)));
    assert_eq!((&said["azp"], &said["iss"]), (&json!("http://localhost:5173"), &json!(clerk.issuer())));

    let patch = json!({"first_name": "Grace"});
    backend.send("PATCH", &format!("/v1/users/{user}"), Some(patch)).await;
    let seen = browser.get("/v1/client").await;
    assert_eq!(seen.body["response"]["sessions"][0]["user"]["first_name"], "Grace");

    let revoked = backend.post(&format!("/v1/sessions/{session}/revoke"), json!({})).await;
    assert_eq!(revoked.body["status"], "revoked");
    assert_eq!(browser.post(&tokens, &[]).await.code(), (401, "signed_out"));
    let seen = browser.get("/v1/client").await;
    assert_eq!(seen.sessions(), Vec::<&str>::new());
    assert!(seen.cookie("__client_uat").unwrap().starts_with("0;"));

    let begun = [("identifier", "ada@example.com"), ("strategy", "email_code")];
    let begun = browser.post("/v1/client/sign_ins", &begun).await;
    let path = format!("/v1/client/sign_ins/{}/attempt_first_factor", text(&begun.body["response"]["id"]));
    let done = browser.post(&path, &[("strategy", "email_code"), ("code", "424242")]).await;
    assert_eq!(done.sessions().len(), 1);
    clerk.delete_user(&user).unwrap();
    assert_eq!(browser.get("/v1/client").await.sessions(), Vec::<&str>::new());
    assert_eq!(browser.get("/v1/me").await.code(), (401, "signed_out"));
    let unknown = browser.post("/v1/client/sign_ins", &[("identifier", "ada@example.com")]).await;
    assert_eq!(unknown.code(), (422, "form_identifier_not_found"));
    clerk.shutdown().await;
}

#[tokio::test]
async fn a_browser_has_one_session_or_several() {
    let single = start(Options::default()).await.unwrap();
    let mut browser = Browser::at(&single);
    browser.sign_up(&[("email_address", "ada@example.com")]).await;
    let second = browser.post("/v1/client/sign_ups", &[("email_address", "bob@example.com")]).await;
    assert_eq!(second.code(), (400, "session_exists"));
    single.shutdown().await;

    let several = start(Options { multi_session: true, ..Options::default() }).await.unwrap();
    let mut browser = Browser::at(&several);
    let (ada, _) = browser.sign_up(&[("email_address", "ada@example.com")]).await;
    let (bob, _) = browser.sign_up(&[("email_address", "bob@example.com")]).await;
    let again = browser.post("/v1/client/sign_ins", &[("identifier", "bob@example.com")]).await;
    assert_eq!(again.code(), (400, "identifier_already_signed_in"));
    assert_eq!(again.body["errors"][0]["meta"]["session_id"], bob);
    let touched = browser.post(&format!("/v1/client/sessions/{ada}/touch"), &[("intent", "focus")]).await;
    assert_eq!(touched.body["client"]["last_active_session_id"], ada);
    let left = browser.post(&format!("/v1/client/sessions/{ada}/remove"), &[]).await;
    assert_eq!((left.sessions(), &left.body["response"]["status"]), (vec![bob.as_str()], &json!("removed")));
    let out = browser.post("/v1/client/sessions?_method=DELETE", &[]).await;
    assert_eq!(out.sessions(), Vec::<&str>::new());
    assert_eq!(several.session(&bob).unwrap().status, SessionStatus::Removed);

    // More than a browser can hold: the oldest gives way.
    let (first, _) = browser.sign_up(&[("email_address", "0@example.com")]).await;
    for number in 1..=20 {
        browser.sign_up(&[("email_address", &format!("{number}@example.com"))]).await;
    }
    assert_eq!(browser.get("/v1/client").await.sessions().len(), 20);
    assert_eq!(several.session(&first).unwrap().status, SessionStatus::Replaced);
    several.shutdown().await;
}

#[tokio::test]
async fn browsers_are_told_apart_by_cookie_or_development_id() {
    let clerk = start(Options::default()).await.unwrap();
    let mut ada = Browser::at(&clerk);
    let (session, _) = ada.sign_up(&[("email_address", "ada@example.com")]).await;
    let mut stranger = Browser::at(&clerk);
    let tokens = format!("/v1/client/sessions/{session}/tokens");
    assert_eq!(stranger.post(&tokens, &[]).await.code(), (401, "signed_out"));
    stranger.cookie = Some("0".repeat(64));
    assert_eq!(stranger.post(&tokens, &[]).await.code(), (401, "signed_out"));
    stranger.sign_up(&[("email_address", "bob@example.com")]).await;
    assert_eq!(stranger.post(&tokens, &[]).await.code(), (401, "signed_out"));
    let set = ada.get("/v1/client").await.cookie("__client").unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/;"), "{set}");

    let mut elsewhere = Browser::at(&clerk);
    let named = elsewhere.post("/v1/dev_browser", &[]).await;
    elsewhere.query = format!("__clerk_db_jwt={}", text(&named.body["id"]));
    let (session, _) = elsewhere.sign_up(&[("email_address", "eve@example.com")]).await;
    elsewhere.cookie = None;
    assert_eq!(elsewhere.get("/v1/client").await.sessions(), [session.as_str()]);
    clerk.shutdown().await;
}

#[tokio::test]
async fn only_pages_of_this_machine_and_of_the_app_may_ask() {
    let party = "https://app.example.com";
    let options = Options { authorized_party: Some(party.to_owned()), ..Options::default() };
    let clerk = start(options).await.unwrap();
    let mut browser = Browser::at(&clerk);
    for origin in ["https://evil.example", "null", "http://localhost.evil.example"] {
        browser.origin = Some(origin.to_owned());
        let refused = browser.post("/v1/client/sign_ups", &[("email_address", "a@example.com")]).await;
        assert_eq!(refused.code(), (400, "origin_invalid"), "{origin}");
        assert!(!refused.headers.contains_key("access-control-allow-origin"), "{origin}");
    }
    for origin in [party, "http://127.0.0.1:5173"] {
        browser.origin = Some(origin.to_owned());
        let read = browser.get("/v1/environment").await;
        assert_eq!(
            (read.status, &read.headers["access-control-allow-origin"]),
            (200, &origin.parse().unwrap())
        );
        assert_eq!(read.headers["access-control-allow-credentials"], "true");
        let asked = browser.send("OPTIONS", "/v1/client", String::new()).await;
        assert_eq!((asked.status, asked.headers.contains_key("access-control-allow-methods")), (204, true));
    }
    clerk.shutdown().await;
}

#[tokio::test]
async fn weather_and_keys_of_the_backend_are_not_the_browsers() {
    let weather = Weather { api_outage: true, ..Weather::default() };
    let clerk = start(Options { weather, ..Options::default() }).await.unwrap();
    let mut browser = Browser::at(&clerk);
    for prefix in ["", "/__clerk"] {
        assert_eq!(browser.get(&format!("{prefix}/v1/environment")).await.status, 200);
        assert_eq!(
            browser.get(&format!("{prefix}/v1/client/nowhere")).await.code(),
            (404, "resource_not_found")
        );
    }
    assert_eq!(browser.get("/__clerk/v1/users").await.code(), (404, "resource_not_found"));
    let script = browser.get("/__clerk/npm/@clerk/clerk-js@6/dist/clerk.browser.js").await;
    assert_eq!(script.code(), (404, "resource_not_found"));
    clerk.set_weather(Weather::default()).unwrap();
    let large = "x".repeat(70_000);
    let large = browser.post("/v1/client/sign_ups", &[("email_address", &large)]).await;
    assert_eq!(large.code(), (413, "request_body_too_large"));
    assert_eq!(clerk.calls().by_route.values().sum::<u64>(), 0, "no browser's call counts as the backend's");
    clerk.shutdown().await;
}

#[tokio::test]
async fn made_up_users_are_many_different_and_the_same_by_seed() {
    let receiver = Receiver::start([]).await;
    let options = || Options { webhook_url: Some(receiver.url()), rate_limit: None, ..Options::default() };
    let clerk = start(options()).await.unwrap();
    let http = Http::of(&clerk);
    assert_eq!(http.post("/__emulator/users?count=1500", json!({})).await.body, json!({"users": 1_500}));
    assert_eq!(clerk.seed_users(500).await.unwrap(), 2_000);
    let mut ids = std::collections::BTreeSet::new();
    let mut path = "/v1/users?limit=500&order_by=created_at".to_owned();
    loop {
        let page = http.get(&path).await.body;
        let page = page.as_array().unwrap();
        ids.extend(page.iter().map(|user| text(&user["id"])));
        let Some(last) = page.last().filter(|_| page.len() == 500) else { break };
        path = format!("/v1/users?limit=500&order_by=created_at&starting_after={}", text(&last["id"]));
    }
    assert_eq!(ids.len(), 2_000);
    assert_eq!(clerk.deliveries().attempts, 0);
    let offset = http.get("/v1/users?limit=500&order_by=created_at&offset=1999").await.body;
    assert_eq!(offset[0]["email_addresses"][0]["email_address"], "user1999@seed.example");
    clerk.set_weather(Weather { stale_ms: 60_000, ..Weather::default() }).unwrap();
    assert_eq!(http.get("/v1/users/count").await.body["total_count"], 2_000);

    let same = start(options()).await.unwrap();
    assert_eq!(Http::of(&same).post("/__emulator/users?count=3&webhooks=true", json!({})).await.status, 200);
    quiet(&same).await;
    let told: Vec<_> = receiver.events().iter().map(|event| text(&event["data"]["id"])).collect();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|id| ids.contains(id)), "the same seed makes the same users");
    let refused = Http::of(&same).post("/__emulator/users?count=1000001", json!({})).await;
    assert_eq!(refused.status, 422);
    clerk.shutdown().await;
    same.shutdown().await;
}
