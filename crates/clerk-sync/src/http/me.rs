use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use clerk_sync_core::{EmailAddress, Record, Timestamp, Username};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::prefer::{PREFERENCE_APPLIED, wait_seconds};
use super::{HttpLimits, Problem};
use crate::ClerkSync;

/// What the `/me` route works with.
#[derive(Clone)]
pub(super) struct MeState {
    sync: ClerkSync,
    places: Arc<Semaphore>,
    held: Arc<Semaphore>,
}

impl MeState {
    pub(super) fn new(sync: ClerkSync, limits: &HttpLimits) -> Self {
        Self {
            sync,
            places: Arc::new(Semaphore::new(limits.users_at_once)),
            held: Arc::new(Semaphore::new(limits.held_at_once)),
        }
    }
}

/// The signed-in user as `GET /me` shows them; all times in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Serialize)]
pub struct Me {
    /// Clerk's id.
    pub id: String,
    /// The e-mail address the record holds; null for users without one, and while another record has it.
    pub email: Option<String>,
    /// Whether Clerk has verified the address.
    pub email_verified: bool,
    /// The username: given in Clerk, or derived.
    pub username: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Address of the picture.
    pub image_url: Option<String>,
    /// Phone number, E.164.
    pub phone: Option<String>,
    /// The role in this app.
    pub role: Option<String>,
    /// The id the app gave the user in Clerk.
    pub external_id: Option<String>,
    /// Clerk's `public_metadata`.
    pub public_metadata: Box<RawValue>,
    /// Whether the user is locked out of signing in for now.
    pub locked: bool,
    /// When the user was created in Clerk.
    pub created_at: Option<i64>,
    /// Clerk's `updated_at` of what is shown; null until Clerk has been asked for a user made from claims.
    pub updated_at: Option<i64>,
    /// The latest sign-in heard of.
    pub last_sign_in_at: Option<i64>,
}

impl From<&Record> for Me {
    fn from(record: &Record) -> Self {
        let profile = &record.profile;
        let metadata = RawValue::from_string(profile.public_metadata.clone())
            .or_else(|_| RawValue::from_string(String::from("{}")))
            .unwrap_or_default();
        Self {
            id: record.id.to_string(),
            email: record.email.as_ref().map(EmailAddress::as_str).map(String::from),
            email_verified: profile.email.as_ref().is_some_and(|claim| claim.verified),
            username: record.username.as_ref().map(Username::as_str).map(String::from),
            first_name: profile.first_name.clone(),
            last_name: profile.last_name.clone(),
            image_url: profile.image_url.clone(),
            phone: profile.phone.clone(),
            role: record.role.as_ref().map(ToString::to_string),
            external_id: profile.external_id.clone(),
            public_metadata: metadata,
            locked: profile.locked,
            created_at: profile.created_at.map(Timestamp::as_millis),
            updated_at: record.version.map(Timestamp::as_millis),
            last_sign_in_at: record.last_sign_in_at.map(Timestamp::as_millis),
        }
    }
}

/// What the record was last written by.
pub(super) const SYNC_SOURCE: HeaderName = HeaderName::from_static("sync-source");

#[derive(Serialize)]
struct Envelope {
    success: bool,
    message: &'static str,
    data: Me,
}

/// `GET /me`: the record of the session's user, made just in time if it has to be.
pub(super) async fn me(State(state): State<MeState>, headers: HeaderMap) -> Response {
    let asked = wait_seconds(&headers);
    // A held request gives its place to others, but there is an end to how many are held.
    let held = if asked > 0 { state.held.try_acquire().ok() } else { None };
    let place = if held.is_none() { state.places.try_acquire().ok() } else { None };
    if held.is_none() && place.is_none() {
        let busy = Problem::busy();
        state.sync.metrics().answered(busy.code(), 0);
        return busy.into_response();
    }
    let wait_s = if held.is_some() { asked } else { 0 };
    let answer = state.sync.user(&headers, wait_s * 1000).await;
    let mut response = match answer {
        Ok(user) => {
            let data = Me::from(&user.record);
            let source = HeaderValue::from_static(user.record.source.as_str());
            let body = Envelope { success: true, message: "User details fetched successfully", data };
            ([(SYNC_SOURCE, source)], Json(body)).into_response()
        }
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("authorization, cookie"));
    if wait_s > 0
        && let Ok(applied) = HeaderValue::from_str(&format!("wait={wait_s}"))
    {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    response
}
