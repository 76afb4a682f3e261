//! Proxies that do one thing wrong.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

/// What becomes of a request.
pub(super) enum Fate {
    PassOn,
    Answer(Response),
    Never,
}

/// What is done to a request.
pub(super) type Before = fn(&mut Request) -> Fate;
/// What is done to the answer of a path.
pub(super) type After = fn(&str, &mut HeaderMap, &mut Vec<u8>);

/// A proxy before `target`. It ends with the test.
pub(super) async fn proxy(target: &str, before: Before, after: After) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new((target.to_owned(), before, after, reqwest::Client::new()));
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass).with_state(state)).await });
    format!("http://{address}")
}

type Passing = Arc<(String, Before, After, reqwest::Client)>;

async fn pass(State(state): State<Passing>, mut request: Request) -> Response {
    let (target, before, after, client) = &*state;
    match before(&mut request) {
        Fate::PassOn => {}
        Fate::Answer(answer) => return answer,
        Fate::Never => std::future::pending().await,
    }
    let path = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut headers = parts.headers;
    headers.remove("host");
    let call = client.request(parts.method, format!("{target}{path}")).headers(headers).body(body);
    let Ok(answer) = call.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let mut body = answer.bytes().await.unwrap().to_vec();
    after(&path, &mut headers, &mut body);
    for name in ["transfer-encoding", "content-length"] {
        headers.remove(name);
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Nothing is done.
pub(super) fn pass_on(_: &mut Request) -> Fate {
    Fate::PassOn
}

/// Nothing is done.
pub(super) fn pass_back(_: &str, _: &mut HeaderMap, _: &mut Vec<u8>) {}
