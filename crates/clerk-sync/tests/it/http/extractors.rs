use axum::routing::get;
use axum::{Extension, Router};
use clerk_sync::http::{CurrentSession, CurrentUser, MaybeUser};
use serde_json::json;

use super::{ask, request};
use crate::harness::wire::{bearer, deleted_event, token_with};
use crate::harness::{Person, World};

async fn user(CurrentUser(user): CurrentUser) -> String {
    user.record.id.to_string()
}

async fn maybe(MaybeUser(user): MaybeUser) -> String {
    user.map_or_else(|| "nobody".into(), |user| user.record.id.to_string())
}

async fn session(CurrentSession(session): CurrentSession) -> String {
    session.session_id.clone()
}

fn handlers() -> Router {
    Router::new().route("/user", get(user)).route("/maybe", get(maybe)).route("/session", get(session))
}

/// Asks for `path` with a token, or with none where it is empty.
async fn with_token(router: &Router, path: &str, token: &str) -> super::Answer {
    let mut request = request("GET", path, &[]);
    if !token.is_empty() {
        *request.headers_mut() = bearer(token);
    }
    ask(router, request).await
}

#[tokio::test]
async fn extractors_find_the_user_by_themselves() {
    let world = World::in_memory();
    world.sign_up("ada");
    let router = handlers().layer(Extension(world.sync.clone()));
    let token = world.token("ada");
    let rows = [
        ("/user", "", 401, ""),
        ("/user", "a.b.c", 401, ""),
        ("/user", token.as_str(), 200, "user_ada"),
        ("/maybe", "", 200, "nobody"),
        ("/maybe", "a.b.c", 401, ""),
        ("/maybe", token.as_str(), 200, "user_ada"),
        ("/session", "", 401, ""),
        ("/session", "a.b.c", 401, ""),
        ("/session", token.as_str(), 200, "sess_1"),
    ];
    for (path, token, status, text) in rows {
        let answer = with_token(&router, path, token).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {answer:?}");
        match status {
            200 => assert_eq!(answer.text, text, "{path}"),
            _ => answer.is_problem(401, "unauthenticated"),
        }
    }
}

#[tokio::test]
async fn a_session_alone_costs_no_read() {
    let world = World::in_memory();
    let router = handlers().layer(Extension(world.sync.clone()));
    assert_eq!(with_token(&router, "/session", &world.token("ada")).await.status, 200);
    let pending = token_with("ada", world.now(), json!({"sts": "pending"}));
    with_token(&router, "/session", &pending).await.is_problem(403, "session_pending");
    assert!(world.calls.take().is_empty());
}

#[tokio::test]
async fn behind_the_layer_the_user_is_there_already() {
    let world = World::in_memory();
    world.sign_up("ada");
    let router = handlers().layer(world.sync.layer());
    world.sync.user(&bearer(&world.token("ada")), 0).await.unwrap();
    world.calls.take();
    for (path, text) in [("/user", "user_ada"), ("/maybe", "user_ada"), ("/session", "sess_1")] {
        let answer = with_token(&router, path, &world.token("ada")).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, text));
        assert_eq!(world.calls.take(), ["record"], "{path}");
    }
}

#[tokio::test]
async fn the_layer_answers_as_me_does() {
    let world = World::in_memory();
    let mut bob = Person::new("bob", world.now());
    bob.banned = true;
    world.put(&bob);
    world.deliver("1", &deleted_event("ada", world.now())).await.unwrap();
    let router = handlers().layer(world.sync.layer());
    with_token(&router, "/maybe", "").await.is_problem(401, "unauthenticated");
    with_token(&router, "/user", "a.b.c").await.is_problem(401, "unauthenticated");
    with_token(&router, "/user", &world.token("ada")).await.is_problem(401, "user_deleted");
    with_token(&router, "/user", &world.token("bob")).await.is_problem(403, "user_banned");
    world.calls.set_down(true);
    with_token(&router, "/user", &world.token("bob")).await.is_problem(503, "unavailable");
}

#[tokio::test]
async fn a_route_that_is_not_set_up_says_how() {
    let answer = with_token(&handlers(), "/user", "").await;
    answer.is_problem(500, "clerk_sync_missing");
}
