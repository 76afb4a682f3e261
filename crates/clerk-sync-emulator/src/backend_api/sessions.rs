//! `/v1/sessions`.

use serde::Deserialize;
use serde_json::json;

use super::params::Query;
use super::{Answer, Call};
use crate::api_error::ApiError;
use crate::app::App;
use crate::session::{NewSession, SessionStatus};
use crate::state::SessionQuery;
use crate::token::TokenOptions;

/// How long a token may be asked to last, in seconds: a year.
const MAX_TOKEN_S: i64 = 365 * 24 * 3_600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSessionBody {
    user_id: String,
    active_organization_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TokenBody {
    expires_in_seconds: Option<i64>,
}

pub(super) fn create(app: &App, call: &Call) -> Result<Answer, ApiError> {
    let body: NewSessionBody = call.body()?;
    let new =
        NewSession { active_organization_id: body.active_organization_id, ..NewSession::of(body.user_id) };
    Answer::json(&*app.create_session(new, &call.origin)?)
}

pub(super) fn list(app: &App, call: &Call) -> Result<Answer, ApiError> {
    let query = Query(&call.query);
    let status = match query.first("status").as_deref() {
        None => None,
        Some("abandoned") => Some(SessionStatus::Abandoned),
        Some("active") => Some(SessionStatus::Active),
        Some("ended") => Some(SessionStatus::Ended),
        Some("expired") => Some(SessionStatus::Expired),
        Some("removed") => Some(SessionStatus::Removed),
        Some("replaced") => Some(SessionStatus::Replaced),
        Some("revoked") => Some(SessionStatus::Revoked),
        // There is no filter for pending ones.
        Some(_) => return Err(ApiError::param_value("status")),
    };
    let (sessions, total) = app.list_sessions(&SessionQuery {
        client_id: query.first("client_id"),
        user_id: query.first("user_id"),
        status,
        offset: query.offset()?,
        limit: query.limit()?,
    });
    if query.boolean("paginated")? == Some(true) {
        return Answer::json(&json!({"data": sessions, "total_count": total}));
    }
    Answer::json(&sessions)
}

pub(super) fn read(app: &App, call: &Call) -> Result<Answer, ApiError> {
    Answer::json(&*app.session(call.id())?)
}

pub(super) fn revoke(app: &App, call: &Call) -> Result<Answer, ApiError> {
    Answer::json(&*app.end_session(call.id(), SessionStatus::Revoked, &call.origin)?)
}

pub(super) fn token(app: &App, call: &Call) -> Result<Answer, ApiError> {
    made(app, call, None)
}

pub(super) fn template_token(app: &App, call: &Call) -> Result<Answer, ApiError> {
    made(app, call, call.segments.get(3).map(String::as_str))
}

fn made(app: &App, call: &Call, template: Option<&str>) -> Result<Answer, ApiError> {
    let TokenBody { expires_in_seconds } = call.body()?;
    if expires_in_seconds.is_some_and(|seconds| !(1..=MAX_TOKEN_S).contains(&seconds)) {
        return Err(ApiError::param_value("expires_in_seconds"));
    }
    let options = TokenOptions { expires_in_seconds, ..TokenOptions::default() };
    Answer::json(&json!({"object": "token", "jwt": app.token(call.id(), template, &options)?}))
}
