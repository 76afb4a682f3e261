//! Clerk's error bodies (Clerk docs, "Errors"). Codes are Clerk's; nobody should branch on the texts.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::json_response;
use crate::app::TokenError;
use crate::state::Refusal;
use crate::weather::Fate;

/// A refusal on its way to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    long_message: String,
    param: Option<String>,
    retry_after_s: Option<u64>,
    /// Answered by the edge before the API: HTML, not JSON.
    html: bool,
}

/// Seconds a caller is told to wait when the weather, not a limit, refuses.
const WEATHER_RETRY_AFTER_S: u64 = 1;

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: &str, long_message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            long_message: long_message.into(),
            param: None,
            retry_after_s: None,
            html: false,
        }
    }

    fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    fn form(code: &'static str, message: &str, long_message: impl Into<String>, param: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message, long_message).param(param)
    }

    pub(super) fn no_authentication() -> Self {
        let long = "The request carries no secret key.";
        Self::new(StatusCode::UNAUTHORIZED, "authentication_invalid", "Invalid authentication", long)
    }

    pub(super) fn authorization_format() -> Self {
        let long = "The Authorization header must be `Bearer` and a secret key.";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "authorization_header_format_invalid",
            "Invalid authorization header format",
            long,
        )
    }

    pub(super) fn wrong_key() -> Self {
        let message = "The provided Clerk Secret Key is invalid";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "clerk_key_invalid",
            message,
            "The secret key belongs to no instance.",
        )
    }

    pub(super) fn origin_with_authorization() -> Self {
        let code = "origin_authorization_headers_conflict";
        let long =
            "Origin and Authorization cannot be sent together: a secret key has no place in a browser.";
        Self::new(StatusCode::BAD_REQUEST, code, "Conflicting headers", long)
    }

    pub(super) fn version() -> Self {
        let long = "The API version must be a known one, sent either as a header or as a parameter.";
        Self::new(StatusCode::BAD_REQUEST, "api_version_invalid", "Invalid API version", long)
    }

    pub(super) fn bad_request() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "Bad request", "The body is not a JSON object.")
    }

    pub(super) fn unsupported_content_type() -> Self {
        let long = "The body must be application/json.";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(status, "unsupported_content_type", "Unsupported content type", long)
    }

    pub(super) fn body_too_large() -> Self {
        let long = "The body is larger than 1 MiB.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request_body_too_large", "Request body too large", long)
    }

    pub(super) fn no_route() -> Self {
        let long = "There is no such endpoint.";
        Self::new(StatusCode::NOT_FOUND, "resource_not_found", "not found", long)
    }

    pub(super) fn internal() -> Self {
        let long = "Something went wrong inside.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_clerk_error", "Internal error", long)
    }

    pub(super) fn too_many_requests(retry_after_s: u64) -> Self {
        let message = "Too many requests, retry later";
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message, message);
        Self { retry_after_s: Some(retry_after_s), ..error }
    }

    pub(super) fn unknown_param(param: &str) -> Self {
        Self::form("form_param_unknown", "is unknown", format!("{param} is not a valid parameter"), param)
    }

    pub(super) fn param_type(param: &str) -> Self {
        Self::form("form_param_type_invalid", "has a wrong type", format!("{param} has a wrong type"), param)
    }

    pub(super) fn param_value(param: &str) -> Self {
        Self::form(
            "form_param_value_invalid",
            "is invalid",
            format!("{param} has a value that is not allowed"),
            param,
        )
    }

    pub(super) fn param_missing(param: &str) -> Self {
        Self::form("form_param_missing", "is missing", format!("{param} must be given"), param)
    }

    pub(super) fn too_many_values(param: &str, most: usize) -> Self {
        let long = format!("At most {most} values are accepted");
        Self::form("form_param_array_size_exceeded", "has too many values", long, param)
    }

    /// What the weather answers instead of the API.
    pub(super) fn weather(fate: Fate) -> Self {
        match fate {
            Fate::TooManyRequests => Self::too_many_requests(WEATHER_RETRY_AFTER_S),
            Fate::BadGateway => {
                let error = Self::new(StatusCode::BAD_GATEWAY, "bad_gateway", "Bad gateway", "Bad gateway");
                Self { html: true, ..error }
            }
            Fate::ServiceUnavailable => {
                let long = "The service is not available at the moment.";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let error = Self::new(status, "service_unavailable", "Service unavailable", long);
                Self { retry_after_s: Some(WEATHER_RETRY_AFTER_S), ..error }
            }
            Fate::InternalError | Fate::Served => Self::internal(),
        }
    }

    pub(super) fn into_response(self, trace_id: &str) -> Response {
        let mut response = if self.html {
            let page = "<html><head><title>502 Bad Gateway</title></head><body></body></html>";
            let mut response = Response::new(Body::from(page));
            *response.status_mut() = self.status;
            let html = HeaderValue::from_static("text/html; charset=UTF-8");
            response.headers_mut().insert(header::CONTENT_TYPE, html);
            response
        } else {
            let mut error =
                json!({"code": self.code, "message": self.message, "long_message": self.long_message});
            if let Some(param) = self.param {
                error["meta"] = json!({"param_name": param});
            }
            let body = json!({"errors": [error], "clerk_trace_id": trace_id});
            json_response(self.status, body.to_string().into_bytes(), trace_id)
        };
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let long = refusal.to_string();
        match refusal {
            Refusal::NotFound { kind, id } => {
                let article = if kind.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
                let long = match kind {
                    "user" => format!("No user was found with id {id}"),
                    _ => format!("There is not {article} {kind} with id {id}"),
                };
                Self::new(StatusCode::NOT_FOUND, "resource_not_found", "not found", long)
            }
            Refusal::Taken { param } => Self::form("form_identifier_exists", "is taken", long, param),
            Refusal::Claimed => {
                let message = "The address was claimed by another user";
                Self::new(StatusCode::BAD_REQUEST, "identification_claimed", message, long)
            }
            Refusal::Missing { param } => Self::param_missing(param),
            Refusal::NoIdentifier => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "form_data_missing", "is missing", long)
            }
            Refusal::Format { param } => Self::form("form_param_format_invalid", "is invalid", long, param),
            Refusal::Value { param } => Self::param_value(param),
            Refusal::TooLarge { param } => {
                Self::form("form_param_exceeds_allowed_size", "is too large", long, param)
            }
            Refusal::LengthMismatch { param } => {
                Self::form("form_param_array_length_mismatch", "has another length", long, param)
            }
            Refusal::PasswordTooShort => {
                Self::form("form_password_length_too_short", "is too short", long, "password")
            }
            Refusal::UsernameLength => {
                Self::form("form_username_invalid_length", "has a wrong length", long, "username")
            }
            Refusal::UsernameCharacter => {
                Self::form("form_username_invalid_character", "is invalid", long, "username")
            }
            Refusal::UsernameNumber => {
                Self::form("form_username_needs_non_number_char", "is invalid", long, "username")
            }
            Refusal::ManagedByDirectory => {
                Self::new(StatusCode::CONFLICT, "user_managed_by_scim", "Managed by a directory", long)
            }
            Refusal::Banned => Self::new(StatusCode::FORBIDDEN, "user_banned", "User banned", long),
            Refusal::Deprovisioned => {
                Self::new(StatusCode::UNAUTHORIZED, "deprovisioned", "User deprovisioned", long)
            }
            Refusal::Locked => Self::new(StatusCode::FORBIDDEN, "user_locked", "User locked", long),
        }
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused(refusal) => refusal.into(),
            TokenError::Signing => Self::internal(),
        }
    }
}
