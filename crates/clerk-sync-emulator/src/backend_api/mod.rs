//! The Backend API under `/v1`: one way in for every call, one table of routes.

mod emails;
mod keys;
mod params;
mod sessions;
mod user_list;
mod users;

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api_error::{ApiError, json_response};
use crate::app::{App, Origin};
use crate::clock::{lock, now_ms};
use crate::timeline::Event;
use crate::weather::Fate;

/// Largest body that is read, in bytes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
/// Longest id that counters and the timeline keep, in bytes; Clerk's have 32.
const MAX_NOTED_ID: usize = 64;
/// Every version of the API there is (Clerk docs, "Versioning").
const VERSIONS: [&str; 5] = ["2021-02-05", "2024-10-01", "2025-04-10", "2025-11-10", "2026-05-12"];
/// From this version on, metadata is changed through its own endpoints only.
const METADATA_APART: &str = "2026-05-12";

/// What a route needs to know about the call.
pub(crate) struct Call {
    segments: Vec<String>,
    query: Vec<(String, String)>,
    body: Bytes,
    version: Option<String>,
    origin: Origin,
}

/// A good answer: JSON with status 200.
pub(crate) struct Answer(Vec<u8>);

type Handler = fn(&App, &Call) -> Result<Answer, ApiError>;

/// A line of the table.
#[derive(Clone, Copy)]
struct Route {
    name: &'static str,
    handler: Handler,
    /// Whether the call counts against the instance's rate limit.
    limited: bool,
    /// Whether the call counts against the limit of the user in its path.
    user_limited: bool,
}

fn route(method: &Method, segments: &[String]) -> Option<Route> {
    let plain = |name, handler| Some(Route { name, handler, limited: true, user_limited: false });
    let per_user = |name, handler| Some(Route { name, handler, limited: true, user_limited: true });
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (method.as_str(), segments.as_slice()) {
        ("GET", ["users"]) => plain("GET /v1/users", users::list),
        ("POST", ["users"]) => plain("POST /v1/users", users::create),
        ("GET", ["users", "count"]) => plain("GET /v1/users/count", users::count),
        ("POST", ["users", "ban"]) => plain("POST /v1/users/ban", users::ban_many),
        ("POST", ["users", "unban"]) => plain("POST /v1/users/unban", users::unban_many),
        ("GET", ["users", _]) => plain("GET /v1/users/{id}", users::read),
        ("PATCH", ["users", _]) => per_user("PATCH /v1/users/{id}", users::update),
        ("DELETE", ["users", _]) => plain("DELETE /v1/users/{id}", users::delete),
        ("PATCH", ["users", _, "metadata"]) => {
            per_user("PATCH /v1/users/{id}/metadata", users::merge_metadata)
        }
        ("PUT", ["users", _, "metadata"]) => per_user("PUT /v1/users/{id}/metadata", users::replace_metadata),
        ("POST", ["users", _, "ban"]) => plain("POST /v1/users/{id}/ban", users::ban),
        ("POST", ["users", _, "unban"]) => plain("POST /v1/users/{id}/unban", users::unban),
        ("POST", ["users", _, "lock"]) => plain("POST /v1/users/{id}/lock", users::lock),
        ("POST", ["users", _, "unlock"]) => plain("POST /v1/users/{id}/unlock", users::unlock),
        ("GET", ["users", _, "organization_memberships"]) => {
            plain("GET /v1/users/{id}/organization_memberships", users::memberships)
        }
        ("POST", ["email_addresses"]) => plain("POST /v1/email_addresses", emails::create),
        ("GET", ["email_addresses", _]) => plain("GET /v1/email_addresses/{id}", emails::read),
        ("PATCH", ["email_addresses", _]) => plain("PATCH /v1/email_addresses/{id}", emails::update),
        ("DELETE", ["email_addresses", _]) => plain("DELETE /v1/email_addresses/{id}", emails::delete),
        ("GET", ["sessions"]) => plain("GET /v1/sessions", sessions::list),
        ("POST", ["sessions"]) => plain("POST /v1/sessions", sessions::create),
        ("GET", ["sessions", _]) => plain("GET /v1/sessions/{id}", sessions::read),
        ("POST", ["sessions", _, "revoke"]) => plain("POST /v1/sessions/{id}/revoke", sessions::revoke),
        ("POST", ["sessions", _, "tokens"]) => plain("POST /v1/sessions/{id}/tokens", sessions::token),
        ("POST", ["sessions", _, "tokens", _]) => {
            plain("POST /v1/sessions/{id}/tokens/{template}", sessions::template_token)
        }
        ("GET", ["jwks"]) => {
            Some(Route { name: "GET /v1/jwks", handler: keys::jwks, limited: false, user_limited: false })
        }
        ("GET", ["instance"]) => plain("GET /v1/instance", keys::instance),
        _ => None,
    }
}

/// Answers one call, as late and as badly as the weather wants it.
pub(crate) async fn serve(app: Arc<App>, request: Request<Body>) -> Response {
    let (latency, fate) = app.sky().call();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix("/v1/").unwrap_or_default();
    let segments: Vec<String> = path.split('/').map(params::decoded).collect();
    let route = route(&parts.method, &segments);
    let result = match (fate, to_bytes(body, MAX_BODY).await) {
        (Fate::Served, Ok(body)) => {
            let query = params::pairs(parts.uri.query().unwrap_or_default());
            let call = Call {
                segments: segments.clone(),
                query,
                body,
                version: None,
                origin: Origin::of(&parts.headers),
            };
            admit(&app, route, call, &parts.headers).and_then(|(route, call)| (route.handler)(&app, &call))
        }
        (Fate::Served, Err(_)) => Err(ApiError::body_too_large()),
        (fate, _) => Err(ApiError::weather(fate)),
    };
    let trace_id = app.fresh_hex();
    let response = match result {
        Ok(answer) => json_response(StatusCode::OK, answer.0, &trace_id),
        Err(error) => error.into_response(&trace_id),
    };
    note(&app, route, &segments, response.status());
    response
}

/// The checks before any route: who asks, in which version, how often.
fn admit(
    app: &App,
    route: Option<Route>,
    mut call: Call,
    headers: &HeaderMap,
) -> Result<(Route, Call), ApiError> {
    authenticate(app, headers)?;
    call.version = version(headers, &call.query)?;
    let route = route.ok_or_else(ApiError::no_route)?;
    if route.limited {
        lock(&app.limits).take(now_ms()).map_err(ApiError::too_many_requests)?;
    }
    if route.user_limited {
        lock(&app.limits).take_user(call.id(), now_ms()).map_err(ApiError::too_many_requests)?;
    }
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(';').next().unwrap_or_default().trim() == "application/json");
    if !call.body.is_empty() && !json {
        return Err(ApiError::unsupported_content_type());
    }
    Ok((route, call))
}

fn authenticate(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let header = headers.get(header::AUTHORIZATION).ok_or_else(ApiError::no_authentication)?;
    if headers.contains_key(header::ORIGIN) {
        return Err(ApiError::origin_with_authorization());
    }
    let text = header.to_str().map_err(|_| ApiError::authorization_format())?;
    let key = text.strip_prefix("Bearer ").ok_or_else(ApiError::authorization_format)?;
    if key.trim() == app.identity.secret_key { Ok(()) } else { Err(ApiError::wrong_key()) }
}

/// The API version asked for, by header or by query, but not by both.
fn version(headers: &HeaderMap, query: &[(String, String)]) -> Result<Option<String>, ApiError> {
    let by_query =
        query.iter().find(|(name, _)| name == "__clerk_api_version").map(|(_, value)| value.clone());
    let by_header =
        headers.get("clerk-api-version").map(|value| value.to_str().unwrap_or_default().to_owned());
    let version = match (by_header, by_query) {
        (Some(_), Some(_)) => return Err(ApiError::version()),
        (header, query) => header.or(query),
    };
    match version {
        Some(version) if !VERSIONS.contains(&version.as_str()) => Err(ApiError::version()),
        known => Ok(known),
    }
}

fn note(app: &App, route: Option<Route>, segments: &[String], status: StatusCode) {
    let name = route.map_or("unknown", |route| route.name);
    let user_id = match segments {
        [first, id, ..] if first == "users" && id.starts_with("user_") && id.len() <= MAX_NOTED_ID => {
            Some(id.clone())
        }
        _ => None,
    };
    let user_read = user_id.as_deref().filter(|_| name == "GET /v1/users/{id}");
    lock(&app.calls).count(name, status.as_u16(), user_read);
    app.note(Event::ApiCall { route: name, status: status.as_u16(), user_id });
}

impl Call {
    /// The id in the second place of the path.
    fn id(&self) -> &str {
        self.segments.get(1).map_or("", String::as_str)
    }

    /// Whether the caller speaks a version in which metadata has its own endpoints.
    fn metadata_apart(&self) -> bool {
        self.version.as_deref().is_some_and(|version| version >= METADATA_APART)
    }

    /// The body as a `T`; an empty one is an empty object.
    fn body<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        params::body(&self.body)
    }
}

impl Answer {
    fn json(value: &impl Serialize) -> Result<Self, ApiError> {
        serde_json::to_vec(value).map(Self).map_err(|_| ApiError::internal())
    }
}
