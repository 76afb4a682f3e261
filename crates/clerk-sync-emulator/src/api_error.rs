//! Clerk's error bodies (Clerk docs, "Errors"). Codes are Clerk's; nobody should branch on the texts.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

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
    meta: Option<Meta>,
    retry_after_s: Option<u64>,
    /// Answered by the edge before the API: HTML, not JSON.
    html: bool,
}

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meta {
    ParamName(String),
    SessionId(String),
}

/// Seconds a caller is told to wait when the weather, not a limit, refuses.
const WEATHER_RETRY_AFTER_S: u64 = 1;

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: &str,
        long_message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            long_message: long_message.into(),
            meta: None,
            retry_after_s: None,
            html: false,
        }
    }

    pub(crate) fn param(mut self, param: impl Into<String>) -> Self {
        self.meta = Some(Meta::ParamName(param.into()));
        self
    }

    pub(crate) fn form(
        code: &'static str,
        message: &str,
        long_message: impl Into<String>,
        param: &str,
    ) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message, long_message).param(param)
    }

    pub(crate) fn no_authentication() -> Self {
        let long = "The request carries no secret key.";
        Self::new(StatusCode::UNAUTHORIZED, "authentication_invalid", "Invalid authentication", long)
    }

    pub(crate) fn authorization_format() -> Self {
        let long = "The Authorization header must be `Bearer` and a secret key.";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "authorization_header_format_invalid",
            "Invalid authorization header format",
            long,
        )
    }

    pub(crate) fn wrong_key() -> Self {
        let message = "The provided Clerk Secret Key is invalid";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "clerk_key_invalid",
            message,
            "The secret key belongs to no instance.",
        )
    }

    pub(crate) fn origin_with_authorization() -> Self {
        let code = "origin_authorization_headers_conflict";
        let long =
            "Origin and Authorization cannot be sent together: a secret key has no place in a browser.";
        Self::new(StatusCode::BAD_REQUEST, code, "Conflicting headers", long)
    }

    pub(crate) fn version() -> Self {
        let long = "The API version must be a known one, sent either as a header or as a parameter.";
        Self::new(StatusCode::BAD_REQUEST, "api_version_invalid", "Invalid API version", long)
    }

    pub(crate) fn bad_request() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "Bad request", "The body is not a JSON object.")
    }

    pub(crate) fn unsupported_content_type() -> Self {
        let long = "The body must be application/json.";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(status, "unsupported_content_type", "Unsupported content type", long)
    }

    pub(crate) fn body_too_large() -> Self {
        let long = "The body is larger than 1 MiB.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request_body_too_large", "Request body too large", long)
    }

    pub(crate) fn no_route() -> Self {
        let long = "There is no such endpoint.";
        Self::new(StatusCode::NOT_FOUND, "resource_not_found", "not found", long)
    }

    pub(crate) fn internal() -> Self {
        let long = "Something went wrong inside.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_clerk_error", "Internal error", long)
    }

    pub(crate) fn too_many_requests(retry_after_s: u64) -> Self {
        let message = "Too many requests, retry later";
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message, message);
        Self { retry_after_s: Some(retry_after_s), ..error }
    }

    pub(crate) fn unknown_param(param: &str) -> Self {
        Self::form("form_param_unknown", "is unknown", format!("{param} is not a valid parameter"), param)
    }

    pub(crate) fn param_type(param: &str) -> Self {
        Self::form("form_param_type_invalid", "has a wrong type", format!("{param} has a wrong type"), param)
    }

    pub(crate) fn param_value(param: &str) -> Self {
        Self::form(
            "form_param_value_invalid",
            "is invalid",
            format!("{param} has a value that is not allowed"),
            param,
        )
    }

    pub(crate) fn param_missing(param: &str) -> Self {
        Self::form("form_param_missing", "is missing", format!("{param} must be given"), param)
    }

    pub(crate) fn too_many_values(param: &str, most: usize) -> Self {
        let long = format!("At most {most} values are accepted");
        Self::form("form_param_array_size_exceeded", "has too many values", long, param)
    }

    /// What the weather answers instead of the API.
    pub(crate) fn weather(fate: Fate) -> Self {
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

    pub(crate) fn into_response(self, trace_id: &str) -> Response {
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
            match self.meta {
                Some(Meta::ParamName(param)) => error["meta"] = json!({"param_name": param}),
                Some(Meta::SessionId(id)) => error["meta"] = json!({"session_id": id}),
                None => {}
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

/// JSON under exactly the content type Clerk uses: its SDK reads nothing else as JSON.
pub(crate) fn json_response(status: StatusCode, body: Vec<u8>, trace_id: &str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(trace_id) = HeaderValue::from_str(trace_id) {
        headers.insert("clerk-trace-id", trace_id);
    }
    response
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
            refusal => Self::of_browser(&refusal, long),
        }
    }
}

impl ApiError {
    /// Refusals only a browser meets.
    fn of_browser(refusal: &Refusal, long: String) -> Self {
        let bad = |code, message: &str, long| Self::new(StatusCode::BAD_REQUEST, code, message, long);
        match refusal {
            Refusal::IdentifierNotFound => {
                Self::form("form_identifier_not_found", "Couldn't find your account.", long, "identifier")
            }
            Refusal::CodeIncorrect => Self::form("form_code_incorrect", "is incorrect", long, "code"),
            Refusal::PasswordIncorrect => {
                Self::form("form_password_incorrect", "is incorrect", long, "password")
            }
            Refusal::CodeNotSent => bad("verification_not_sent", "Verification not sent", long),
            Refusal::CodeExpired => bad("verification_expired", "Expired", long),
            Refusal::CodeFailed => bad("verification_failed", "Too many failed attempts", long),
            Refusal::AlreadyVerified => bad("verification_already_verified", "Already verified", long),
            Refusal::StrategyInvalid => {
                bad("strategy_for_user_invalid", "Invalid verification strategy", long)
            }
            Refusal::SessionExists => bad("session_exists", "Session already exists", long),
            Refusal::AlreadySignedIn { session_id } => {
                let error = bad("identifier_already_signed_in", "Already signed in", long);
                Self { meta: Some(Meta::SessionId(session_id.clone())), ..error }
            }
            Refusal::SignedOut => Self::new(StatusCode::UNAUTHORIZED, "signed_out", "Signed out", long),
            _ => Self::internal(),
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
