//! Errors only the Frontend API has.

use http::StatusCode;

use crate::api_error::ApiError;

impl ApiError {
    pub(super) fn origin_invalid() -> Self {
        let long = "Pages of this origin may not use this instance: it must be on loopback, or the authorized party.";
        Self::new(StatusCode::BAD_REQUEST, "origin_invalid", "Invalid HTTP Origin header", long)
    }

    pub(super) fn param_nil(param: &str) -> Self {
        Self::form("form_param_nil", "Enter a value", format!("{param} must be included."), param)
    }

    pub(super) fn script_absent() -> Self {
        let long =
            "No such file is served; start with the folder of an installed @clerk/clerk-js (--clerk-js).";
        Self::new(StatusCode::NOT_FOUND, "resource_not_found", "not found", long)
    }
}
