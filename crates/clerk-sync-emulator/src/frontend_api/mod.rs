//! The Frontend API: what Clerk's SDK asks from a browser. One way in for every call, one table of routes.
//!
//! Bodies are forms, methods other than `GET` and `POST` come as `_method`, and most answers carry the whole client beside
//! what was asked for.

mod client;
mod environment;
mod errors;
mod me;
mod origin;
mod script;
mod sessions;
mod sign_in;
mod sign_up;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use axum::routing::any;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::api_error::{ApiError, json_response};
use crate::app::{App, Origin};
use crate::clock::lock;
use crate::id::Id;
use crate::timeline::Event;
use wire::Form;

/// Largest body that is read, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// What a route needs to know about the call.
struct Call {
    segments: Vec<String>,
    query: Form,
    form: Form,
    /// The browser, if it was here before.
    client: Option<Id>,
    page_origin: Option<String>,
    origin: Origin,
}

/// A good answer.
enum Reply {
    /// Beside it goes the client, which is how a page learns that it is signed in.
    WithClient(Value),
    /// As it is.
    Bare(Value),
}

type Handler = fn(&App, &mut Call) -> Result<Reply, ApiError>;

fn route(method: &str, segments: &[String]) -> Option<(&'static str, Handler)> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let handler: (&'static str, Handler) = match (method, segments.as_slice()) {
        // A development instance is told about its page at the same time, by PATCH.
        ("GET" | "PATCH", ["environment"]) => ("GET /v1/environment", environment::read),
        ("POST", ["dev_browser"]) => ("POST /v1/dev_browser", client::dev_browser),
        ("GET", ["client"]) => ("GET /v1/client", client::read),
        ("PUT" | "POST", ["client"]) => ("PUT /v1/client", client::create),
        ("DELETE", ["client"] | ["client", "sessions"]) => {
            ("DELETE /v1/client/sessions", sessions::remove_all)
        }
        ("POST", ["client", "sign_ups"]) => ("POST /v1/client/sign_ups", sign_up::create),
        ("GET", ["client", "sign_ups", _]) => ("GET /v1/client/sign_ups/{id}", sign_up::read),
        ("PATCH", ["client", "sign_ups", _]) => ("PATCH /v1/client/sign_ups/{id}", sign_up::update),
        ("POST", ["client", "sign_ups", _, "prepare_verification"]) => {
            ("POST /v1/client/sign_ups/{id}/prepare_verification", sign_up::prepare)
        }
        ("POST", ["client", "sign_ups", _, "attempt_verification"]) => {
            ("POST /v1/client/sign_ups/{id}/attempt_verification", sign_up::attempt)
        }
        ("POST", ["client", "sign_ins"]) => ("POST /v1/client/sign_ins", sign_in::create),
        ("GET", ["client", "sign_ins", _]) => ("GET /v1/client/sign_ins/{id}", sign_in::read),
        ("POST", ["client", "sign_ins", _, "prepare_first_factor"]) => {
            ("POST /v1/client/sign_ins/{id}/prepare_first_factor", sign_in::prepare)
        }
        ("POST", ["client", "sign_ins", _, "attempt_first_factor"]) => {
            ("POST /v1/client/sign_ins/{id}/attempt_first_factor", sign_in::attempt)
        }
        ("GET", ["client", "sessions", _]) => ("GET /v1/client/sessions/{id}", sessions::read),
        ("POST", ["client", "sessions", _, "touch"]) => {
            ("POST /v1/client/sessions/{id}/touch", sessions::touch)
        }
        ("POST", ["client", "sessions", _, "end"]) => ("POST /v1/client/sessions/{id}/end", sessions::end),
        ("POST", ["client", "sessions", _, "remove"]) => {
            ("POST /v1/client/sessions/{id}/remove", sessions::remove)
        }
        ("POST", ["client", "sessions", _, "tokens"]) => {
            ("POST /v1/client/sessions/{id}/tokens", sessions::token)
        }
        ("POST", ["client", "sessions", _, "tokens", _]) => {
            ("POST /v1/client/sessions/{id}/tokens/{template}", sessions::template_token)
        }
        ("GET", ["me"]) => ("GET /v1/me", me::read),
        ("PATCH", ["me"]) => ("PATCH /v1/me", me::update),
        ("PATCH", ["me", "metadata"]) => ("PATCH /v1/me/metadata", me::merge_metadata),
        ("DELETE", ["me"]) => ("DELETE /v1/me", me::delete),
        _ => return None,
    };
    Some(handler)
}

/// Whether the path belongs to this half of the API when both are served from one root.
pub(crate) fn owns(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    segments.next() == Some("v1")
        && matches!(segments.next(), Some("client" | "environment" | "dev_browser" | "me"))
}

/// The Frontend API with everything a page needs beside it, for any prefix of a page's own origin.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new().route("/{*path}", any(move |request: Request<Body>| serve(app.clone(), request)))
}

/// Answers one call.
pub(crate) async fn serve(app: Arc<App>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let page_origin = origin::of(&parts.headers);
    let allowed = page_origin.as_deref().is_none_or(|page| origin::allowed(&app, page));
    let path = parts.uri.path();
    let mut response = if !allowed {
        ApiError::origin_invalid().into_response(&app.fresh_hex())
    } else if parts.method == Method::OPTIONS {
        origin::preflight(&parts.headers)
    } else if path.starts_with("/npm/") {
        script::serve(app.identity.clerk_js.as_deref(), path, &app.fresh_hex()).await
    } else if path == "/.well-known/jwks.json" || path == "/v1/jwks" {
        let keys = app.identity.key.jwks().to_string().into_bytes();
        json_response(StatusCode::OK, keys, &app.fresh_hex())
    } else {
        let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let method = wire::method(&parts.method, &query);
        let segments = wire::segments(path);
        match to_bytes(body, MAX_BODY).await {
            Ok(body) => {
                let call = Call {
                    client: known_client(&app, &parts.headers, &query),
                    form: Form::parse(&body),
                    query,
                    segments,
                    page_origin: page_origin.clone(),
                    origin: Origin::of(&parts.headers),
                };
                answer(&app, &method, call)
            }
            Err(_) => ApiError::body_too_large().into_response(&app.fresh_hex()),
        }
    };
    if let Some(page) = page_origin.filter(|_| allowed) {
        origin::share(&mut response, &page);
    }
    response
}

fn answer(app: &App, method: &str, mut call: Call) -> Response {
    let route = route(method, &call.segments);
    let result = match route {
        Some((_, handler)) => handler(app, &mut call),
        None => Err(ApiError::no_route()),
    };
    let trace_id = app.fresh_hex();
    let (with_cookies, mut response) = match result {
        Ok(Reply::Bare(body)) => {
            (false, json_response(StatusCode::OK, body.to_string().into_bytes(), &trace_id))
        }
        Ok(Reply::WithClient(response)) => {
            let client = call.client.as_deref().and_then(|id| client::json(app, id));
            let body = json!({"response": response, "client": client});
            (true, json_response(StatusCode::OK, body.to_string().into_bytes(), &trace_id))
        }
        Err(error) => (true, error.into_response(&trace_id)),
    };
    if let Some(client) = call.client.as_deref().filter(|_| with_cookies) {
        client::set_cookies(app, client, response.headers_mut());
    }
    let status = response.status().as_u16();
    lock(&app.calls).count_frontend();
    app.note(Event::FrontendCall { route: route.map_or("unknown", |(name, _)| name), status });
    response
}

fn known_client(app: &App, headers: &HeaderMap, query: &Form) -> Option<Id> {
    let token = wire::cookie(headers, client::COOKIE);
    app.known_client(token.as_deref(), query.first(client::DEV_BROWSER))
}

impl Call {
    /// The id in the third place of the path.
    fn id(&self) -> &str {
        self.segments.get(2).map_or("", String::as_str)
    }

    /// The browser; without one nobody is signed in.
    fn client(&self) -> Result<&Id, ApiError> {
        self.client.as_ref().ok_or_else(|| crate::state::Refusal::SignedOut.into())
    }

    /// The browser, let in now if it is new.
    fn client_or_new(&mut self, app: &App) -> Id {
        let id = self.client.clone().unwrap_or_else(|| app.open_client(client::dev_browser_of(self)));
        if let Some(page) = &self.page_origin {
            app.set_page_origin(&id, page);
        }
        self.client = Some(id.clone());
        id
    }
}
