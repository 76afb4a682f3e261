//! `/v1/email_addresses`.

use serde::Deserialize;
use serde_json::json;

use super::{Answer, Call};
use crate::api_error::ApiError;
use crate::app::{App, EmailChange};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEmail {
    user_id: String,
    email_address: String,
    verified: Option<bool>,
    primary: Option<bool>,
    #[serde(rename = "notify_primary_email_address_changed")]
    _notify: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EmailPatch {
    verified: Option<bool>,
    primary: Option<bool>,
    #[serde(rename = "notify_primary_email_address_changed")]
    _notify: Option<bool>,
}

pub(super) fn create(app: &App, call: &Call) -> Result<Answer, ApiError> {
    let new: NewEmail = call.body()?;
    let change = EmailChange { verified: new.verified, primary: new.primary };
    Answer::json(&app.add_email(&new.user_id, &new.email_address, change, &call.origin)?)
}

pub(super) fn read(app: &App, call: &Call) -> Result<Answer, ApiError> {
    Answer::json(&app.email(call.id())?)
}

pub(super) fn update(app: &App, call: &Call) -> Result<Answer, ApiError> {
    let EmailPatch { verified, primary, .. } = call.body()?;
    Answer::json(&app.update_email(call.id(), EmailChange { verified, primary }, &call.origin)?)
}

pub(super) fn delete(app: &App, call: &Call) -> Result<Answer, ApiError> {
    app.delete_email(call.id(), &call.origin)?;
    Answer::json(&json!({"object": "email_address", "id": call.id(), "deleted": true}))
}
