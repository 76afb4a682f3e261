//! What the page asks: sign-ups, changes and weather in the offline Clerk, rows in the database.
//!
//! Every change wants a JSON body, which a page of another origin cannot send without asking first.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use clerk_sync::ClerkSync;
use clerk_sync::core::Entry;
use clerk_sync_emulator::{Emulator, NewUser, UserPatch, Weather};
use serde::Deserialize;
use serde_json::{Value, json};

/// Rows shown at the most; the page is for looking, not for backups.
const ROWS: u32 = 200;

#[derive(Clone)]
struct Dev {
    clerk: Arc<Emulator>,
    sync: ClerkSync,
}

pub(super) fn routes(clerk: Emulator, sync: ClerkSync) -> Router {
    Router::new()
        .route("/dev/state", get(state))
        .route("/dev/sign-ups", post(sign_up))
        .route("/dev/users/{id}/token", post(token))
        .route("/dev/users/{id}/rename", post(rename))
        .route("/dev/users/{id}/delete", post(delete))
        .route("/dev/weather", put(weather))
        .route("/dev/replay", post(replay))
        .with_state(Dev { clerk: Arc::new(clerk), sync })
}

/// An answer of Clerk's or ours that is not what was asked for.
struct Sorry(StatusCode, String);

impl IntoResponse for Sorry {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

fn sorry(error: impl std::fmt::Display) -> Sorry {
    Sorry(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

/// What happened since, and what is in the database.
async fn state(State(dev): State<Dev>, Query(After { after }): Query<After>) -> Result<Json<Value>, Sorry> {
    let unavailable = |error| Sorry(StatusCode::SERVICE_UNAVAILABLE, format!("{error}"));
    let entries = dev.sync.inspect().entries(None, ROWS).await.map_err(unavailable)?;
    let rows: Vec<Value> = entries.iter().map(row).collect();
    Ok(Json(json!({
        "timeline": dev.clerk.timeline(after),
        "rows": rows,
        "weather": dev.clerk.weather(),
        "deliveries": dev.clerk.deliveries(),
    })))
}

fn row(entry: &Entry) -> Value {
    match entry {
        Entry::Live(record) => json!({
            "id": record.id.as_str(),
            "email": record.email.as_ref().map(|email| email.as_str()),
            "username": record.username.as_ref().map(|name| name.as_str()),
            "first_name": record.profile.first_name,
            "phone": record.profile.phone,
            "role": record.role.as_ref().map(|role| role.as_str()),
            "source": record.source.as_str(),
            "webhook_at": record.webhook_at.map(|at| at.as_millis()),
            "changed_at": record.changed_at.as_millis(),
            "rev": record.rev.0,
            "dirty": record.is_dirty(),
        }),
        Entry::Gone(stone) => json!({
            "id": stone.id.as_str(),
            "deleted_at": stone.at.as_millis(),
            "source": stone.source.as_str(),
        }),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignUp {
    first_name: String,
    email: Option<String>,
    phone: Option<String>,
}

/// A sign-up; the page then calls `/me` with the token, as a browser would.
async fn sign_up(State(dev): State<Dev>, Json(form): Json<SignUp>) -> Result<Json<Value>, Sorry> {
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let (email, phone) = (filled(form.email), filled(form.phone));
    let new = NewUser {
        first_name: filled(Some(form.first_name)),
        email_address: email.iter().cloned().collect(),
        phone_number: phone.into_iter().collect(),
        ..NewUser::default()
    };
    let (user, session) = if email.is_some() {
        dev.clerk.sign_up(new).map_err(sorry)?
    } else {
        let user = dev.clerk.create_user(new).map_err(sorry)?;
        let session = dev.clerk.create_session(&user).map_err(sorry)?;
        (user, session)
    };
    let token = dev.clerk.session_token(&session).map_err(sorry)?;
    Ok(Json(json!({ "user_id": &*user, "token": token })))
}

/// Signs a user in; `{}` as the body.
async fn token(
    State(dev): State<Dev>,
    Path(id): Path<String>,
    Json(_): Json<Value>,
) -> Result<Json<Value>, Sorry> {
    let session = dev.clerk.create_session(&id).map_err(sorry)?;
    let token = dev.clerk.session_token(&session).map_err(sorry)?;
    Ok(Json(json!({ "user_id": id, "token": token })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    first_name: String,
}

async fn rename(
    State(dev): State<Dev>,
    Path(id): Path<String>,
    Json(form): Json<Rename>,
) -> Result<StatusCode, Sorry> {
    let patch = UserPatch { first_name: Some(Some(form.first_name)), ..UserPatch::default() };
    dev.clerk.update_user(&id, patch).map_err(sorry)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(
    State(dev): State<Dev>,
    Path(id): Path<String>,
    Json(_): Json<Value>,
) -> Result<StatusCode, Sorry> {
    dev.clerk.delete_user(&id).map_err(sorry)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn weather(State(dev): State<Dev>, Json(weather): Json<Weather>) -> Result<StatusCode, Sorry> {
    dev.clerk.set_weather(weather).map_err(sorry)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends every message again, under its old id.
async fn replay(State(dev): State<Dev>, Json(_): Json<Value>) -> Json<Value> {
    Json(json!({ "messages": dev.clerk.replay() }))
}
