//! A gate between two parties: it passes requests on at once, to one receiver or several, and holds the
//! answers back while it is shut. So an answer can be made to arrive after what happened meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use http::StatusCode;
use tokio::sync::watch;

/// The largest body passed on, in bytes.
const MAX_BYTES: usize = 2 << 20;

/// A running gate.
pub(crate) struct Gate {
    url: String,
    shut: watch::Sender<bool>,
    held: watch::Receiver<usize>,
    task: tokio::task::JoinHandle<()>,
}

struct Inner {
    receivers: Vec<String>,
    fan: usize,
    turn: AtomicUsize,
    client: reqwest::Client,
    shut: watch::Receiver<bool>,
    held: watch::Sender<usize>,
}

impl Gate {
    /// Opens a gate to `receivers`, each a base address. Every receiver gets every request; the worst of
    /// their answers goes back.
    pub(crate) async fn open(receivers: Vec<String>) -> Result<Self> {
        let all = receivers.len();
        Self::open_to(receivers, all).await
    }

    /// The same, each request going to `fan` of the receivers, in turn.
    pub(crate) async fn open_to(receivers: Vec<String>, fan: usize) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (shut, is_shut) = watch::channel(false);
        let (holding, held) = watch::channel(0);
        let client = reqwest::Client::builder().no_proxy().build()?;
        let inner = Arc::new(Inner {
            receivers,
            fan,
            turn: AtomicUsize::new(0),
            client,
            shut: is_shut,
            held: holding,
        });
        let app = axum::Router::new().fallback(pass).with_state(inner);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(error = &error as &dyn std::error::Error, "a gate broke");
            }
        });
        Ok(Self { url, shut, held, task })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on answers wait.
    pub(crate) fn shut(&self) {
        self.shut.send_replace(true);
    }

    /// Lets them go.
    pub(crate) fn release(&self) {
        self.shut.send_replace(false);
    }

    /// Resolves once an answer is held back.
    pub(crate) async fn holds_one(&mut self) -> Result<()> {
        self.held.wait_for(|held| *held > 0).await.context("the gate is gone")?;
        Ok(())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let turn = inner.turn.fetch_add(1, Ordering::Relaxed) % inner.receivers.len().max(1);
    let chosen = inner.receivers.iter().cycle().skip(turn).take(inner.fan);
    let calls = chosen.map(|receiver| {
        let mut headers = parts.headers.clone();
        headers.remove(http::header::HOST);
        let call = inner.client.request(parts.method.clone(), format!("{receiver}{path}"));
        send(call.headers(headers).body(body.clone()))
    });
    let answers = join_all(calls).await;
    let mut shut = inner.shut.clone();
    if *shut.borrow_and_update() {
        inner.held.send_modify(|held| *held += 1);
        // The gate is gone only with the whole rig.
        let _ = shut.wait_for(|shut| !shut).await;
        inner.held.send_modify(|held| *held -= 1);
    }
    let worst = answers.into_iter().max_by_key(|answer| answer.status());
    worst.unwrap_or_else(|| StatusCode::BAD_GATEWAY.into_response())
}

async fn send(call: reqwest::RequestBuilder) -> Response {
    let Ok(answer) = call.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body: Bytes = answer.bytes().await.unwrap_or_default();
    let mut response = body.into_response();
    *response.status_mut() = status;
    for name in ["content-type", "retry-after"] {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
