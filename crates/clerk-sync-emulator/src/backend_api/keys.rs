//! `/v1/jwks` and `/v1/instance`.

use serde_json::json;

use super::{Answer, Call};
use crate::api_error::ApiError;
use crate::app::App;

pub(super) fn jwks(app: &App, _: &Call) -> Result<Answer, ApiError> {
    Answer::json(&app.identity.key.jwks())
}

pub(super) fn instance(app: &App, _: &Call) -> Result<Answer, ApiError> {
    Answer::json(&json!({
        "object": "instance",
        "id": app.identity.instance_id,
        "environment_type": "development",
        "allowed_origins": null,
        "workspace_id": null
    }))
}
