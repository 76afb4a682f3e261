//! The control API under `/__emulator/`: what a real Clerk does not have. No key is needed, but the caller must name
//! this machine as its host, so that a page in a browser cannot get here by a name of its own.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::{App, Origin, TokenError};
use crate::backend_api::MAX_BODY;
use crate::clock::lock;
use crate::deliver::Target;
use crate::session::{NewSession, SessionStatus};
use crate::state::Refusal;
use crate::token::TokenOptions;
use crate::user::NewUser;
use crate::weather::Weather;

type Shared = State<Arc<App>>;

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/info", get(info))
        .route("/weather", get(weather).put(set_weather))
        .route("/webhook", get(webhook).put(set_webhook))
        .route("/timeline", get(timeline))
        .route("/calls", get(calls))
        .route("/deliveries", get(deliveries))
        .route("/quiet", get(quiet))
        .route("/resend/{message_id}", post(resend))
        .route("/replay", post(replay))
        .route("/sign_ups", post(sign_up))
        .route("/users", post(seed_users))
        .route("/users/{id}/deprovision", post(deprovision))
        .route("/users/{id}/provision", post(provision))
        .route("/sessions", post(create_session))
        .route("/sessions/{id}/end", post(end_session))
        .route("/sessions/{id}/remove", post(remove_session))
        .route("/sessions/{id}/pend", post(pend_session))
        .route("/sessions/{id}/activate", post(activate_session))
        .route("/sessions/{id}/tokens", post(token))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(loopback_host))
        .with_state(app)
}

async fn loopback_host(request: Request<Body>, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if Target::parse(&format!("http://{host}/")).is_ok() {
        next.run(request).await
    } else {
        refused(StatusCode::MISDIRECTED_REQUEST, "the Host header must name loopback")
    }
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}

fn refusal(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::NotFound { .. } => StatusCode::NOT_FOUND,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    refused(status, &refusal.to_string())
}

async fn info(State(app): Shared) -> Json<Value> {
    let identity = &app.identity;
    Json(json!({
        "instance_id": identity.instance_id,
        "secret_key": identity.secret_key,
        "publishable_key": identity.publishable_key,
        "jwt_key": identity.key.pem(),
        "webhook_secret": identity.webhook_secret,
        "issuer": identity.issuer,
        "authorized_party": identity.authorized_party,
        "jwt_templates": identity.jwt_templates.keys().collect::<Vec<_>>(),
        "webhook_url": app.deliver.target().map(|target| target.url()),
    }))
}

async fn weather(State(app): Shared) -> Json<Weather> {
    Json(app.weather())
}

async fn set_weather(State(app): Shared, Json(weather): Json<Weather>) -> Response {
    match app.set_weather(weather) {
        Ok(()) => Json(app.weather()).into_response(),
        Err(error) => refused(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    url: Option<String>,
}

async fn webhook(State(app): Shared) -> Json<Value> {
    Json(json!({"url": app.deliver.target().map(|target| target.url())}))
}

async fn set_webhook(State(app): Shared, Json(webhook): Json<Webhook>) -> Response {
    match webhook.url.as_deref().map(Target::parse).transpose() {
        Ok(target) => {
            app.deliver.set_target(target);
            self::webhook(State(app)).await.into_response()
        }
        Err(error) => refused(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    }
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn timeline(State(app): Shared, Query(After { after }): Query<After>) -> Response {
    Json(lock(&app.timeline).after(after)).into_response()
}

async fn calls(State(app): Shared) -> Response {
    Json(lock(&app.calls).clone()).into_response()
}

async fn deliveries(State(app): Shared) -> Response {
    Json(app.deliver.deliveries()).into_response()
}

/// Answers once no delivery is outstanding, with the counters.
async fn quiet(State(app): Shared) -> Response {
    app.deliver.quiet().await;
    Json(app.deliver.deliveries()).into_response()
}

async fn resend(State(app): Shared, Path(message_id): Path<String>) -> Response {
    if app.deliver.resend(&message_id) {
        Json(json!({"messages": 1})).into_response()
    } else {
        refused(StatusCode::NOT_FOUND, "no such message is kept")
    }
}

async fn replay(State(app): Shared) -> Json<Value> {
    Json(json!({"messages": app.deliver.replay()}))
}

async fn sign_up(State(app): Shared, Json(new): Json<NewUser>) -> Response {
    match app.sign_up(new, &Origin::default()) {
        Ok((user, session)) => Json(json!({"user": *user, "session": *session})).into_response(),
        Err(error) => refusal(&error),
    }
}

#[derive(Deserialize)]
struct Seed {
    count: usize,
    #[serde(default)]
    webhooks: bool,
}

async fn seed_users(State(app): Shared, Query(seed): Query<Seed>) -> Response {
    match app.seed_users(seed.count, seed.webhooks).await {
        Ok(users) => Json(json!({"users": users})).into_response(),
        Err(error) => refusal(&error),
    }
}

async fn deprovision(State(app): Shared, Path(id): Path<String>) -> Response {
    provisioned(&app, &id, false)
}

async fn provision(State(app): Shared, Path(id): Path<String>) -> Response {
    provisioned(&app, &id, true)
}

fn provisioned(app: &App, id: &str, enabled: bool) -> Response {
    match app.set_deprovisioned(id, !enabled, &Origin::default()) {
        Ok(user) => Json(json!(*user)).into_response(),
        Err(error) => refusal(&error),
    }
}

async fn create_session(State(app): Shared, Json(new): Json<NewSession>) -> Response {
    match app.create_session(new, &Origin::default()) {
        Ok(session) => Json(json!(*session)).into_response(),
        Err(error) => refusal(&error),
    }
}

async fn end_session(State(app): Shared, Path(id): Path<String>) -> Response {
    ended(&app, &id, SessionStatus::Ended)
}

async fn remove_session(State(app): Shared, Path(id): Path<String>) -> Response {
    ended(&app, &id, SessionStatus::Removed)
}

async fn pend_session(State(app): Shared, Path(id): Path<String>) -> Response {
    pending(&app, &id, true)
}

async fn activate_session(State(app): Shared, Path(id): Path<String>) -> Response {
    pending(&app, &id, false)
}

fn pending(app: &App, id: &str, pending: bool) -> Response {
    match app.set_pending(id, pending, &Origin::default()) {
        Ok(session) => Json(json!(*session)).into_response(),
        Err(error) => refusal(&error),
    }
}

fn ended(app: &App, id: &str, status: SessionStatus) -> Response {
    match app.end_session(id, status, &Origin::default()) {
        Ok(session) => Json(json!(*session)).into_response(),
        Err(error) => refusal(&error),
    }
}

#[derive(Deserialize)]
struct Template {
    template: Option<String>,
}

async fn token(
    State(app): Shared,
    Path(id): Path<String>,
    Query(Template { template }): Query<Template>,
    Json(options): Json<TokenOptions>,
) -> Response {
    match app.token(&id, template.as_deref(), &options) {
        Ok(jwt) => Json(json!({"object": "token", "jwt": jwt})).into_response(),
        Err(TokenError::Refused(error)) => refusal(&error),
        Err(error @ TokenError::Signing) => refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
