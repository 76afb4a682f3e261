//! A plain HTTP client, a webhook receiver and an independent check of signatures.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clerk_sync_emulator::{Emulator, NewUser};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

pub(crate) fn new_user(email: &str) -> NewUser {
    NewUser { email_address: vec![email.to_owned()], ..NewUser::default() }
}

/// Waits until every delivery is done; one that never is fails the test instead of holding it up.
pub(crate) async fn quiet(clerk: &Emulator) {
    tokio::time::timeout(std::time::Duration::from_secs(30), clerk.quiet()).await.unwrap();
}

pub(crate) fn keys(value: &Value) -> std::collections::BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

pub(crate) fn fixture(path: &str) -> Value {
    let file = format!("{}/../../fixtures/clerk/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

pub(crate) fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A caller of the Backend API.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    headers: Vec<(String, String)>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> &str {
        self.body["errors"][0]["code"].as_str().unwrap_or_default()
    }
}

impl Http {
    pub(crate) fn of(clerk: &Emulator) -> Self {
        let headers = vec![
            ("authorization".to_owned(), format!("Bearer {}", clerk.secret_key())),
            ("clerk-api-version".to_owned(), "2026-05-12".to_owned()),
        ];
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, base: clerk.url().to_owned(), headers }
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut changed = self.clone();
        changed.headers.retain(|(header, _)| header != name);
        changed
    }

    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut changed = self.without(name);
        changed.headers.push((name.to_owned(), value.to_owned()));
        changed
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body)).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.try_send(method, path, body).await.unwrap()
    }

    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, hyper_util::client::legacy::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let bytes = body.map(|body| body.to_string()).unwrap_or_default();
        let response = self.client.request(request.body(Full::from(bytes)).unwrap()).await?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

/// A webhook as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    pub(crate) user_agent: String,
    pub(crate) body: Bytes,
}

impl Webhook {
    pub(crate) fn event_type(&self) -> String {
        let event: Value = serde_json::from_slice(&self.body).unwrap();
        event["type"].as_str().unwrap().to_owned()
    }
}

/// Checks a signature with nothing of the emulator's own.
pub(crate) fn verify(secret: &str, webhook: &Webhook) {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = [webhook.id.as_bytes(), b".", webhook.timestamp.as_bytes(), b".", &webhook.body].concat();
    let tag = STANDARD.decode(webhook.signature.strip_prefix("v1,").unwrap()).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed, &tag).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(webhook.timestamp.parse().unwrap()) <= 5);
}

/// Takes webhooks and answers with the given statuses first, then with 204.
pub(crate) struct Receiver {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    statuses: VecDeque<u16>,
    webhooks: Vec<Webhook>,
}

impl Receiver {
    /// A status that is never answered.
    pub(crate) const NEVER: u16 = 0;

    pub(crate) async fn start(statuses: impl IntoIterator<Item = u16>) -> Self {
        let seen =
            Arc::new(Mutex::new(Seen { statuses: statuses.into_iter().collect(), webhooks: Vec::new() }));
        let router = Router::new().route("/webhook", post(receive)).with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/webhook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.received().iter().map(|webhook| serde_json::from_slice(&webhook.body).unwrap()).collect()
    }

    pub(crate) fn received(&self) -> Vec<Webhook> {
        self.seen.lock().unwrap().webhooks.clone()
    }
}

async fn receive(State(seen): State<Arc<Mutex<Seen>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text =
        |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let webhook = Webhook {
        id: text("svix-id"),
        timestamp: text("svix-timestamp"),
        signature: text("svix-signature"),
        user_agent: text("user-agent"),
        body,
    };
    let status = {
        let mut seen = seen.lock().unwrap();
        seen.webhooks.push(webhook);
        seen.statuses.pop_front().unwrap_or(204)
    };
    if status == Receiver::NEVER {
        std::future::pending::<()>().await;
    }
    StatusCode::from_u16(status).unwrap()
}
