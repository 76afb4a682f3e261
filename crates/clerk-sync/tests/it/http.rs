//! The edge: routes, layer and extractors, asked as a server would ask them.

mod conforms;
mod extractors;
mod me;
mod operators;
mod secrets;
mod webhooks;

use axum::Router;
use axum::body::Body;
use clerk_sync::http::{HttpLimits, routes};
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::harness::World;

/// An answer, whole.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// Asserts that it is a problem with this status and code, as every refusal is.
    #[track_caller]
    fn is_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), &self.json()["code"]), (status, &Value::from(code)), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.json()["status"], status);
        for member in ["type", "title", "help"] {
            assert!(self.json()[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {self:?}");
        }
        assert_eq!(self.header("www-authenticate"), if status == 401 { "Bearer" } else { "" });
        let may_retry = matches!(status, 404 | 503);
        assert_eq!(self.headers.contains_key("retry-after"), may_retry, "{self:?}");
        if may_retry {
            let millis = self.json()["retry_after_ms"].as_u64().unwrap();
            assert_eq!(self.header("retry-after").parse::<u64>().unwrap(), millis.div_ceil(1_000));
        }
    }
}

fn router(world: &World) -> Router {
    routes(world.sync.clone(), &HttpLimits::default())
}

async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let (method, path) = (request.method().as_str().to_lowercase(), request.uri().path().to_owned());
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let answer = Answer { status: parts.status, headers: parts.headers, text };
    conforms::assert_conforms(&method, &path, &answer);
    answer
}

/// The answer to a request that takes time, which passes as fast as it is waited for.
async fn ask_in_time(world: &World, router: &Router, request: Request<Body>) -> Answer {
    let asking = std::pin::pin!(ask(router, request));
    let passing = std::pin::pin!(async {
        loop {
            tokio::task::yield_now().await;
            world.clock.advance(100);
        }
    });
    match futures_util::future::select(asking, passing).await {
        futures_util::future::Either::Left((answer, _)) => answer,
        futures_util::future::Either::Right((never, _)) => never,
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

/// `GET /me` with a token.
fn me(token: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let bearer = format!("Bearer {token}");
    request("GET", "/me", &[&[("authorization", bearer.as_str())], headers].concat())
}
