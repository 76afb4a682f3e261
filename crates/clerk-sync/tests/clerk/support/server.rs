use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

/// An answer a server is told to give.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Told {
    pub(crate) fn json(status: u16, body: impl ToString) -> Self {
        let headers = vec![("content-type".into(), "application/json".into())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// An entry of `fixtures/clerk/errors`.
    pub(crate) fn fixture(name: &str) -> Self {
        let fixture = super::fixture(name);
        let headers = fixture["headers"].as_object().unwrap().iter();
        let body = fixture["body_text"].as_str().map(str::to_owned);
        Self {
            status: u16::try_from(fixture["http_status"].as_u64().unwrap()).unwrap(),
            headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().into())).collect(),
            body: body.unwrap_or_else(|| fixture["body"].to_string()).into_bytes(),
        }
    }
}

/// A request as it came.
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
}

/// A server on this machine that gives the answers it was told, the last one for ever.
pub(crate) struct Server {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    told: Mutex<VecDeque<Told>>,
    seen: Mutex<Vec<Seen>>,
    arrived: Notify,
    may_answer: Semaphore,
}

impl Server {
    pub(crate) async fn start(answers: impl IntoIterator<Item = Told>) -> Self {
        Self::start_with(answers, Semaphore::MAX_PERMITS).await
    }

    /// A server that answers nothing until [`Server::release`].
    pub(crate) async fn start_held(answers: impl IntoIterator<Item = Told>) -> Self {
        Self::start_with(answers, 0).await
    }

    async fn start_with(answers: impl IntoIterator<Item = Told>, permits: usize) -> Self {
        let shared = Arc::new(Shared {
            told: Mutex::new(answers.into_iter().collect()),
            seen: Mutex::default(),
            arrived: Notify::new(),
            may_answer: Semaphore::new(permits),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// From now on these answers.
    pub(crate) fn tell(&self, answers: impl IntoIterator<Item = Told>) {
        *self.shared.told.lock().unwrap() = answers.into_iter().collect();
    }

    pub(crate) fn seen(&self) -> usize {
        self.shared.seen.lock().unwrap().len()
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }

    /// Waits until a request has come.
    pub(crate) async fn arrived(&self) {
        self.shared.arrived.notified().await;
    }

    /// Lets this many answers go.
    pub(crate) fn release(&self, answers: usize) {
        self.shared.may_answer.add_permits(answers);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let seen = Seen { path: request.uri().to_string(), headers: request.headers().clone() };
    shared.seen.lock().unwrap().push(seen);
    shared.arrived.notify_one();
    shared.may_answer.acquire().await.unwrap().forget();
    let told = {
        let mut told = shared.told.lock().unwrap();
        if told.len() > 1 { told.pop_front().unwrap() } else { told.front().unwrap().clone() }
    };
    let mut response = Response::builder().status(told.status);
    for (name, value) in &told.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(told.body)).unwrap()
}
