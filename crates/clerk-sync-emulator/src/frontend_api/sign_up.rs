//! `/v1/client/sign_ups`: an e-mail address and its code make a user; the rest is optional.

use serde_json::{Value, json};

use super::{Call, Reply};
use crate::api_error::ApiError;
use crate::app::App;
use crate::client::{CodeCheck, Password, SignUpAttempt, SignUpFields, Strategy};
use crate::state::Refusal;

pub(super) fn create(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    let fields = fields(call)?;
    let client = call.client_or_new(app);
    replied(app.begin_sign_up(&client, fields))
}

pub(super) fn read(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    replied(app.sign_up_attempt(call.client()?, call.id()))
}

pub(super) fn update(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    replied(app.amend_sign_up(call.client()?, call.id(), fields(call)?))
}

pub(super) fn prepare(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    by_code(call)?;
    replied(app.send_sign_up_code(call.client()?, call.id(), &call.origin))
}

pub(super) fn attempt(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    by_code(call)?;
    replied(app.try_sign_up_code(call.client()?, call.id(), call.form.needed("code")?, &call.origin))
}

fn replied(attempt: Result<SignUpAttempt, Refusal>) -> Result<Reply, ApiError> {
    Ok(Reply::WithClient(json(&attempt?)))
}

/// The only way to verify an address here.
fn by_code(call: &Call) -> Result<(), ApiError> {
    match call.form.needed("strategy")? {
        "email_code" => Ok(()),
        _ => Err(ApiError::param_value("strategy")),
    }
}

fn fields(call: &Call) -> Result<SignUpFields, ApiError> {
    let form = &call.form;
    Ok(SignUpFields {
        email_address: form.filled("email_address"),
        password: form.filled("password").map(Password),
        first_name: form.filled("first_name"),
        last_name: form.filled("last_name"),
        username: form.filled("username"),
        locale: form.filled("locale"),
        unsafe_metadata: form.object("unsafe_metadata")?,
    })
}

pub(super) fn json(attempt: &SignUpAttempt) -> Value {
    let fields = &attempt.fields;
    let complete = attempt.created_session_id.is_some();
    let missing: &[&str] = if fields.email_address.is_none() { &["email_address"] } else { &[] };
    let unverified: &[&str] =
        if fields.email_address.is_some() && !attempt.code.verified { &["email_address"] } else { &[] };
    json!({
        "object": "sign_up_attempt",
        "id": attempt.id,
        "status": if complete { "complete" } else { "missing_requirements" },
        "required_fields": ["email_address"],
        "optional_fields": ["password", "first_name", "last_name", "username"],
        "missing_fields": missing,
        "unverified_fields": unverified,
        "verifications": {
            "email_address": fields.email_address.as_ref().map(|_| address_verification(&attempt.code)),
            "phone_number": null,
            "web3_wallet": null,
            "external_account": null
        },
        "email_address": fields.email_address,
        "phone_number": null,
        "web3_wallet": null,
        "username": fields.username,
        "first_name": fields.first_name,
        "last_name": fields.last_name,
        "has_password": fields.password.is_some(),
        "unsafe_metadata": fields.unsafe_metadata.clone().unwrap_or_default(),
        "public_metadata": {},
        "custom_action": false,
        "external_id": null,
        "locale": fields.locale,
        "legal_accepted_at": null,
        "created_user_id": attempt.created_user_id,
        "created_session_id": attempt.created_session_id,
        "abandon_at": attempt.abandon_at
    })
}

/// Where the check of the address stands, and what to do next.
fn address_verification(code: &CodeCheck) -> Value {
    let mut verification = verification(Strategy::EmailCode, code);
    let next = match code {
        CodeCheck { verified: true, .. } => "",
        CodeCheck { sent: true, .. } => "needs_attempt",
        _ => "needs_prepare",
    };
    verification["next_action"] = json!(next);
    verification["supported_strategies"] = json!([Strategy::EmailCode.as_str()]);
    verification
}

pub(super) fn verification(strategy: Strategy, code: &CodeCheck) -> Value {
    let status = match code {
        CodeCheck { verified: true, .. } => "verified",
        code if code.failed() => "failed",
        _ => "unverified",
    };
    json!({
        "object": "verification",
        "status": status,
        "strategy": strategy.as_str(),
        "attempts": code.sent.then_some(code.attempts),
        "expire_at": code.expire_at,
        "verified_at_client": null,
        "error": null
    })
}
