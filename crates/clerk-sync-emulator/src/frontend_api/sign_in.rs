//! `/v1/client/sign_ins`: by a code to a known address, or by password.

use serde_json::{Value, json};

use super::sign_up::verification;
use super::{Call, Reply};
use crate::api_error::ApiError;
use crate::app::App;
use crate::client::{CodeCheck, SignInAttempt, Strategy};
use crate::state::Refusal;
use crate::user::User;

/// Begins, and goes on at once when a proof came along or was asked for.
pub(super) fn create(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    let identifier = call.form.needed("identifier")?.to_owned();
    let client = call.client_or_new(app);
    let attempt = app.begin_sign_in(&client, &identifier)?;
    let attempt = match (call.form.first("strategy"), call.form.filled("password")) {
        (None | Some("password"), Some(password)) => {
            app.try_password(&client, &attempt.id, &password, &call.origin)?
        }
        (Some("email_code"), _) => app.send_sign_in_code(&client, &attempt.id, None, &call.origin)?,
        (None, None) => attempt,
        (Some("password"), None) => return Err(ApiError::param_nil("password")),
        (Some(_), _) => return Err(ApiError::param_value("strategy")),
    };
    Ok(Reply::WithClient(json(app, &attempt)))
}

pub(super) fn read(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    replied(app, app.sign_in_attempt(call.client()?, call.id()))
}

pub(super) fn prepare(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    match call.form.needed("strategy")? {
        "email_code" => {
            let email_id = call.form.filled("email_address_id");
            let (client, id) = (call.client()?, call.id());
            replied(app, app.send_sign_in_code(client, id, email_id.as_deref(), &call.origin))
        }
        _ => Err(Refusal::StrategyInvalid.into()),
    }
}

pub(super) fn attempt(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    let (client, id, form) = (call.client()?, call.id(), &call.form);
    match form.needed("strategy")? {
        "password" => replied(app, app.try_password(client, id, form.needed("password")?, &call.origin)),
        "email_code" => replied(app, app.try_sign_in_code(client, id, form.needed("code")?, &call.origin)),
        _ => Err(Refusal::StrategyInvalid.into()),
    }
}

fn replied(app: &App, attempt: Result<SignInAttempt, Refusal>) -> Result<Reply, ApiError> {
    Ok(Reply::WithClient(json(app, &attempt?)))
}

pub(super) fn json(app: &App, attempt: &SignInAttempt) -> Value {
    let user = app.attempting_user(attempt);
    let complete = attempt.created_session_id.is_some();
    let proof = attempt.strategy.map(|strategy| {
        // A password that was right has no code to tell of.
        let by_password = CodeCheck { verified: true, ..CodeCheck::default() };
        verification(strategy, if strategy == Strategy::Password { &by_password } else { &attempt.code })
    });
    json!({
        "object": "sign_in_attempt",
        "id": attempt.id,
        "status": if complete { "complete" } else { "needs_first_factor" },
        "identifier": attempt.identifier,
        "supported_identifiers": ["email_address", "username", "phone_number"],
        "supported_first_factors": user.as_ref().map(first_factors),
        "supported_second_factors": null,
        "first_factor_verification": proof,
        "second_factor_verification": null,
        "user_data": user.as_ref().map(|user| json!({
            "first_name": user.first_name,
            "last_name": user.last_name,
            "image_url": user.image_url,
            "has_image": user.has_image
        })),
        "created_session_id": attempt.created_session_id,
        "abandon_at": attempt.abandon_at
    })
}

fn first_factors(user: &User) -> Vec<Value> {
    let password = user.password_enabled.then(|| json!({"strategy": Strategy::Password.as_str()}));
    let codes = user.email_addresses.iter().filter(|email| email.claimed()).map(|email| {
        json!({
            "strategy": Strategy::EmailCode.as_str(),
            "email_address_id": email.id,
            "safe_identifier": email.email_address,
            "primary": user.primary_email_address_id.as_ref() == Some(&email.id)
        })
    });
    password.into_iter().chain(codes).collect()
}
