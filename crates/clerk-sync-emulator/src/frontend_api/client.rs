//! The client: a browser with its sessions, and the cookies by which it is known.

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::{Call, Reply, me, sign_in, sign_up};
use crate::api_error::ApiError;
use crate::app::App;
use crate::session::Session;
use crate::state::ClientView;
use crate::token::TokenOptions;
use crate::user::User;

/// By this cookie a browser is known; no script sees it.
pub(super) const COOKIE: &str = "__client";
/// By this parameter a browser is known to a development instance of another site.
pub(super) const DEV_BROWSER: &str = "__clerk_db_jwt";
/// Longest development id that is kept, in bytes.
const MAX_DEV_BROWSER: usize = 64;
/// How long a browser keeps the cookies, in seconds: 400 days, the most it may.
const COOKIE_AGE_S: u32 = 34_560_000;

/// Names a development browser. The client itself begins with the first sign-up or sign-in.
pub(super) fn dev_browser(app: &App, _: &mut Call) -> Result<Reply, ApiError> {
    Ok(Reply::Bare(json!({"object": "dev_browser", "id": format!("dvb_{}", app.fresh_hex())})))
}

pub(super) fn read(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    Ok(Reply::WithClient(json!(call.client.as_deref().and_then(|id| json(app, id)))))
}

pub(super) fn create(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    let id = call.client_or_new(app);
    Ok(Reply::WithClient(json!(json(app, &id))))
}

/// The client as the SDK reads it, with a fresh token for every session; `None` once it is forgotten.
pub(super) fn json(app: &App, id: &str) -> Option<Value> {
    let ClientView { client, sessions } = app.client_view(id).ok()?;
    let in_front = client.last_active_session_id.as_ref();
    let in_front = in_front.filter(|id| sessions.iter().any(|(session, _)| session.id == **id));
    let page = client.page_origin.as_deref();
    Some(json!({
        "object": "client",
        "id": client.id,
        "sessions": sessions.iter().map(|(session, user)| session_json(app, session, user, page)).collect::<Vec<_>>(),
        "sign_up": client.sign_up.as_ref().map(sign_up::json),
        "sign_in": client.sign_in.as_ref().map(|attempt| sign_in::json(app, attempt)),
        "last_active_session_id": in_front,
        "captcha_bypass": true,
        "cookie_expires_at": null,
        "last_authentication_strategy": null,
        "created_at": client.created_at,
        "updated_at": client.updated_at
    }))
}

/// A session with its user; while it lives it brings a token along.
pub(super) fn session_json(app: &App, session: &Session, user: &User, page: Option<&str>) -> Value {
    let options = token_options(app, page);
    let jwt = session.status.live().then(|| app.token(&session.id, None, &options).ok()).flatten();
    json!({
        "object": "session",
        "id": session.id,
        "status": session.status,
        "expire_at": session.expire_at,
        "abandon_at": session.abandon_at,
        "last_active_at": session.last_active_at,
        "last_active_organization_id": null,
        "last_active_token": jwt.map(|jwt| json!({"object": "token", "jwt": jwt})),
        "actor": session.actor,
        "tasks": session.tasks,
        "factor_verification_age": [(session.last_active_at - session.created_at).max(0) / 60_000, -1],
        "user": me::json(user),
        "public_user_data": {
            "first_name": user.first_name,
            "last_name": user.last_name,
            "image_url": user.image_url,
            "has_image": user.has_image,
            "identifier": user.primary_email().map(|email| &email.email_address),
            "user_id": user.id,
            "username": user.username
        },
        "created_at": session.created_at,
        "updated_at": session.updated_at
    })
}

/// The party of the instance is everybody's; without one it is the page's own origin.
pub(super) fn token_options(app: &App, page: Option<&str>) -> TokenOptions {
    let own = page.filter(|_| app.identity.authorized_party.is_none());
    TokenOptions { authorized_party: own.map(str::to_owned), ..TokenOptions::default() }
}

/// `__client` says who the browser is; `__client_uat` tells servers and other tabs since when it is signed in, 0 if it is
/// not.
pub(super) fn set_cookies(app: &App, id: &str, headers: &mut HeaderMap) {
    let Ok(ClientView { client, sessions }) = app.client_view(id) else { return };
    let since_s = if sessions.is_empty() { 0 } else { client.updated_at.div_euclid(1_000) };
    let cookies = [
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={COOKIE_AGE_S}", client.token.0),
        format!("__client_uat={since_s}; Path=/; SameSite=Lax; Max-Age={COOKIE_AGE_S}"),
    ];
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

/// The development id of the call, if it has a length one can keep.
pub(super) fn dev_browser_of(call: &Call) -> Option<String> {
    call.query.filled(DEV_BROWSER).filter(|id| id.len() <= MAX_DEV_BROWSER)
}
