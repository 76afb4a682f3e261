//! `/v1/client/sessions`: the sessions of a browser and their tokens.

use serde_json::json;

use super::{Call, Reply, client};
use crate::api_error::ApiError;
use crate::app::App;
use crate::session::{Session, SessionStatus};

pub(super) fn read(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    let session = app.client_session(call.client()?, call.id())?;
    replied(app, call, &session)
}

/// The page with this session is in front.
pub(super) fn touch(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    let session = app.touch_session(call.client()?, call.id())?;
    replied(app, call, &session)
}

pub(super) fn end(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    leave(app, call, SessionStatus::Ended)
}

pub(super) fn remove(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    leave(app, call, SessionStatus::Removed)
}

fn leave(app: &App, call: &Call, status: SessionStatus) -> Result<Reply, ApiError> {
    let session = app.leave_session(call.client()?, call.id(), status, &call.origin)?;
    replied(app, call, &session)
}

/// Signs out of everything. A browser that has nothing to sign out of is told so as well.
pub(super) fn remove_all(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    if let Some(id) = &call.client {
        app.leave_all_sessions(id, &call.origin)?;
    }
    client::read(app, call)
}

pub(super) fn token(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    made(app, call, None)
}

pub(super) fn template_token(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    made(app, call, call.segments.get(4).map(String::as_str))
}

fn made(app: &App, call: &Call, template: Option<&str>) -> Result<Reply, ApiError> {
    let session = app.client_session(call.client()?, call.id())?;
    let options = client::token_options(app, call.page_origin.as_deref());
    let jwt = app.token(&session.id, template, &options)?;
    Ok(Reply::Bare(json!({"object": "token", "jwt": jwt})))
}

fn replied(app: &App, call: &Call, session: &Session) -> Result<Reply, ApiError> {
    let user = app.true_user(&session.user_id)?;
    Ok(Reply::WithClient(client::session_json(app, session, &user, call.page_origin.as_deref())))
}
