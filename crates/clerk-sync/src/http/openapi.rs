//! The HTTP surface as an OpenAPI description. Refusals are those of the handlers themselves, so it cannot name a
//! code they do not have; the tests of the edge hold every answer against it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::prefer::MAX_WAIT_S;
use super::{Problem, health, webhook};
use crate::core::{Outcome, Source};
use crate::{Refusal, WebhookRefusal};

/// The description of [`routes`](super::routes), OpenAPI 3.1.
pub fn openapi() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "clerk-sync",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0"},
            "description": "The users of an app, kept equal to Clerk. Every refusal is application/problem+json with a stable code.",
        },
        "paths": {
            "/me": {"get": me()},
            "/webhooks/clerk": {"post": clerk_webhook()},
            "/healthz": {"get": operation("alive", "The process lives", text("text/plain; charset=utf-8"), &[])},
            "/readyz": {"get": operation("ready", "The database answers and can be written to", text("text/plain; charset=utf-8"), &[health::NOT_READY])},
            "/metrics": {"get": operation("metrics", "Figures for Prometheus", text("text/plain; version=0.0.4; charset=utf-8"), &[])},
        },
        "components": {
            "schemas": {"Me": me_schema(), "Problem": problem_schema()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A session token of Clerk's."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "__session"},
            },
        },
    })
}

fn me() -> Value {
    let refusals = [
        Refusal::Unauthenticated,
        Refusal::UserDeleted,
        Refusal::UserBanned,
        Refusal::UserDeprovisioned,
        Refusal::SessionPending,
        Refusal::NotSynced { retry_after_ms: 1_000 },
        Refusal::Unavailable { retry_after_ms: 1_000, cause: "store" },
    ];
    let user = envelope("User details fetched successfully", json!({"$ref": "#/components/schemas/Me"}));
    let mut operation = operation(
        "me",
        "The user of the session, made just in time if need be",
        user,
        &refusals.each_ref().map(Problem::from),
    );
    operation["security"] = json!([{"bearer": []}, {"cookie": []}]);
    operation["parameters"] = json!([{
        "name": "Prefer", "in": "header", "schema": {"type": "string"}, "example": "wait=5",
        "description": format!("`wait=N` holds the request while the user is not there, at most {MAX_WAIT_S} s."),
    }]);
    let held =
        json!({"schema": {"type": "string"}, "description": "`wait=N` when the request could be held."});
    let sources = Source::ALL.map(Source::as_str);
    if let Some(responses) = operation["responses"].as_object_mut() {
        for response in responses.values_mut() {
            response["headers"]["Preference-Applied"] = held.clone();
        }
    }
    operation["responses"]["200"]["headers"]["Sync-Source"] = json!({
        "required": true, "schema": {"type": "string", "enum": sources}, "description": "What the record was last written by.",
    });
    operation
}

fn clerk_webhook() -> Value {
    let mut refusals = vec![webhook::ENCODED, webhook::BROKEN, webhook::TOO_LARGE, webhook::TOO_SLOW];
    refusals.extend(
        [
            &WebhookRefusal::Malformed { reason: "" },
            &WebhookRefusal::Unauthenticated { reason: "" },
            &WebhookRefusal::NotConfigured,
            &WebhookRefusal::Unavailable { retry_after_ms: 1_000 },
        ]
        .map(Problem::from),
    );
    let outcomes = Outcome::ALL.map(Outcome::as_str);
    let outcome = json!({"type": "object", "required": ["outcome"], "properties": {"outcome": {"type": "string", "enum": outcomes}}});
    let received = envelope("Webhook received", outcome);
    let mut operation =
        operation("receiveWebhook", "A webhook of Clerk's; 200 once it is durable", received, &refusals);
    operation["parameters"] = ["svix-id", "svix-timestamp", "svix-signature"]
        .map(|name| json!({"name": name, "in": "header", "required": true, "schema": {"type": "string"}}))
        .into();
    operation["requestBody"] =
        json!({"required": true, "content": {"application/json": {"schema": {"type": "object"}}}});
    operation
}

/// An operation: what 200 looks like, and each refusal.
fn operation(id: &str, summary: &str, content: Value, refusals: &[Problem]) -> Value {
    let mut responses = Map::new();
    let ok = json!({"description": summary, "headers": headers(false, false), "content": content});
    responses.insert("200".to_owned(), ok);
    let mut by_status: BTreeMap<u16, Vec<&Problem>> = BTreeMap::new();
    for problem in refusals {
        by_status.entry(problem.status().as_u16()).or_default().push(problem);
    }
    for (status, problems) in by_status {
        responses.insert(status.to_string(), refusal(status, &problems));
    }
    json!({"operationId": id, "summary": summary, "responses": responses})
}

fn refusal(status: u16, problems: &[&Problem]) -> Value {
    let mut codes: Vec<_> = problems.iter().map(|problem| problem.code()).collect();
    codes.dedup();
    let titles: Vec<_> =
        problems.iter().map(|problem| format!("`{}`: {}.", problem.code(), problem.title())).collect();
    let schema = json!({"allOf": [
        {"$ref": "#/components/schemas/Problem"},
        {"type": "object", "required": ["code"], "properties": {"code": {"type": "string", "enum": codes}}},
    ]});
    json!({
        "description": titles.join(" "),
        "headers": headers(problems.iter().all(|problem| problem.retry_after_ms().is_some()), status == 401),
        "content": {"application/problem+json": {"schema": schema}},
    })
}

fn headers(retry_after: bool, challenge: bool) -> Value {
    let mut headers = json!({"X-Request-Id": {
        "required": true, "schema": {"type": "string"}, "description": "Also on the lines of the log about this request.",
    }});
    if retry_after {
        headers["Retry-After"] = json!({"required": true, "schema": {"type": "integer"}, "description": "When to ask again, in seconds."});
    }
    if challenge {
        headers["WWW-Authenticate"] =
            json!({"required": true, "schema": {"type": "string", "enum": ["Bearer"]}});
    }
    headers
}

fn text(kind: &str) -> Value {
    json!({kind: {"schema": {"type": "string"}}})
}

fn envelope(message: &str, data: Value) -> Value {
    json!({"application/json": {"schema": {
        "type": "object",
        "required": ["success", "message", "data"],
        "properties": {
            "success": {"type": "boolean", "enum": [true]},
            "message": {"type": "string", "enum": [message]},
            "data": data,
        },
    }}})
}

fn me_schema() -> Value {
    let text = |about: &str| json!({"type": ["string", "null"], "description": about});
    let time = |about: &str| json!({"type": ["integer", "null"], "description": format!("{about} Milliseconds since the Unix epoch.")});
    let properties = json!({
        "id": {"type": "string", "description": "Clerk's id."},
        "email": text("Null for users without one, and while another record has it."),
        "email_verified": {"type": "boolean"},
        "username": text("Given in Clerk, or derived."),
        "first_name": text("First name."),
        "last_name": text("Last name."),
        "image_url": text("Address of the picture."),
        "phone": text("Phone number, E.164."),
        "role": text("The role in this app."),
        "external_id": text("The id the app gave the user in Clerk."),
        "public_metadata": {"type": "object", "additionalProperties": true},
        "locked": {"type": "boolean", "description": "Locked out of signing in for now."},
        "created_at": time("When the user was created in Clerk."),
        "updated_at": time("Of what is shown; null until Clerk has been asked about a user made from claims."),
        "last_sign_in_at": time("The latest sign-in heard of."),
    });
    let names: Vec<_> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({"type": "object", "additionalProperties": false, "required": names, "properties": properties})
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["type", "title", "status", "code", "help"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string", "description": "Stable: branch on this."},
            "help": {"type": "string", "description": "What to do."},
            "cause": {"type": "string", "description": "What is in the way, with `unavailable`."},
            "retry_after_ms": {"type": "integer", "description": "When to ask again, in milliseconds."},
        },
    })
}
