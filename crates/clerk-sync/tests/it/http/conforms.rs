//! Every answer these tests get is held against the description.

use clerk_sync::http::openapi;
use serde_json::{Value, json};

use super::{Answer, ask, me, request, router};
use crate::harness::World;

/// Asserts that status, headers and body are as described; routes of tests are not described.
#[track_caller]
pub(super) fn assert_conforms(method: &str, path: &str, answer: &Answer) {
    let document = openapi();
    let operation = &document["paths"][path][method];
    if operation.is_null() {
        return;
    }
    let described = &operation["responses"][answer.status.as_str()];
    assert!(!described.is_null(), "{method} {path}: {} is not described: {answer:?}", answer.status);
    let headers = described["headers"].as_object().unwrap();
    for (name, header) in headers {
        let seen = answer.headers.get(name).map(|value| value.to_str().unwrap());
        assert!(
            seen.is_some() || header["required"] != true,
            "{method} {path}: {name} is missing: {answer:?}"
        );
        if let (Some(seen), Some(allowed)) = (seen, header["schema"]["enum"].as_array()) {
            assert!(allowed.contains(&Value::from(seen)), "{name}: {seen}");
        }
    }
    for name in ["retry-after", "preference-applied", "sync-source"] {
        let known = headers.keys().any(|header| header.eq_ignore_ascii_case(name));
        assert!(known || !answer.headers.contains_key(name), "{method} {path}: {name} is not described");
    }
    let kind = answer.header("content-type");
    let schema = &described["content"][kind]["schema"];
    assert!(!schema.is_null(), "{method} {path}: {kind:?} is not described");
    let body = if kind.contains("json") { answer.json() } else { Value::from(answer.text.clone()) };
    if let Err(fault) = check(&document, schema, &body) {
        panic!("{method} {path}: {fault} in {body}");
    }
}

/// The part of JSON Schema the description uses.
fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(pointer) = schema["$ref"].as_str() {
        let target =
            document.pointer(pointer.trim_start_matches('#')).ok_or(format!("{pointer} leads nowhere"))?;
        return check(document, target, value);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(document, part, value)?;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.contains(&Value::from(kind)),
        one => one == kind,
    };
    if !fits {
        return Err(format!("{value} is not of type {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        return Err(format!("{value} is not in {}", schema["enum"]));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            return Err(format!("{name} is missing"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(schema) => check(document, schema, member).map_err(|fault| format!("{name}: {fault}"))?,
            None if schema["additionalProperties"] == false => {
                return Err(format!("{name} is not described"));
            }
            None => {}
        }
    }
    Ok(())
}

#[test]
fn what_is_not_as_described_is_seen() {
    let document = openapi();
    let schema = json!({"$ref": "#/components/schemas/Problem"});
    let problem = json!({"type": "about:blank", "title": "t", "status": 404, "code": "c", "help": "h"});
    assert_eq!(check(&document, &schema, &problem), Ok(()));
    for (name, wrong) in [("status", json!("404")), ("title", Value::Null), ("extra", json!(1))] {
        let mut problem = problem.clone();
        problem[name] = wrong;
        assert!(check(&document, &schema, &problem).is_err(), "{name}");
    }
    let mut missing = problem;
    missing.as_object_mut().unwrap().remove("code");
    assert!(check(&document, &schema, &missing).is_err());
}

#[tokio::test]
async fn an_answer_has_the_id_of_its_request_and_its_source() {
    let world = World::in_memory();
    let ada = world.sign_up("ada");
    let router = router(&world);
    let made = ask(&router, me(&world.token("ada"), &[("x-request-id", "from-the-proxy")])).await;
    assert_eq!((made.header("x-request-id"), made.header("sync-source")), ("from-the-proxy", "lookup"));
    let event = ada.event("user.created", world.now());
    world.deliver("1", &event).await.unwrap();
    let known = ask(&router, me(&world.token("ada"), &[("x-request-id", "not plain\"")])).await;
    assert_eq!(known.header("x-request-id").len(), 32);
    let refused = ask(&router, request("GET", "/me", &[])).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-request-id").len()), (401, 32));
    assert_eq!(refused.header("sync-source"), "");
}
