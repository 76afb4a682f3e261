//! The walks through the house, call by call over each port. A change here is a change of design.

use clerk_sync_core::{Outcome, Source};
use serde_json::json;

use crate::harness::stage::{Stage, now};
use crate::harness::{World, session_rules};

const NOTHING: [&str; 0] = [];

#[test]
fn a_webhook_looks_once_and_commits_once() {
    let world = World::in_memory();
    let ada = world.sign_up("ada");
    let receipt = now(&world, world.deliver("1", &ada.event("user.created", world.now())));
    assert_eq!(receipt.unwrap().outcome, Outcome::Created);
    assert_eq!(world.calls.take(), ["view", "commit"]);
}

#[test]
fn a_repeated_delivery_ends_after_the_look() {
    let world = World::in_memory();
    let event = world.sign_up("ada").event("user.created", world.now());
    now(&world, world.deliver("1", &event)).unwrap();
    world.calls.take();
    let receipt = now(&world, world.deliver("1", &event));
    assert_eq!(receipt.unwrap().outcome, Outcome::Duplicate);
    assert_eq!(world.calls.take(), ["view"]);
}

#[test]
fn an_event_about_nobody_is_logged_and_that_is_all() {
    let world = World::in_memory();
    let event = crate::harness::wire::event("role.created", &json!({"id": "role_1"}), world.now());
    assert_eq!(now(&world, world.deliver("1", &event)).unwrap().outcome, Outcome::Acknowledged);
    assert_eq!(world.calls.take(), ["view", "commit"]);
}

#[test]
fn a_webhook_that_is_not_authentic_touches_nothing() {
    let world = World::in_memory();
    let sync = world.sync.clone();
    let headers = crate::harness::wire::webhook_headers("msg_1", "signed", world.now());
    assert!(now(&world, async move { sync.receive(&headers, b"sent").await }).is_err());
    assert_eq!(world.calls.take(), NOTHING);
}

#[test]
fn a_known_user_costs_one_read() {
    let world = World::in_memory();
    let ada = world.sign_up("ada");
    now(&world, world.deliver("1", &ada.event("user.created", world.now()))).unwrap();
    world.calls.take();
    assert_eq!(now(&world, world.me("ada", 0)).unwrap().record.id.as_str(), "user_ada");
    assert_eq!(world.calls.take(), ["record"]);
    // Neither does it cost more to be ready to wait.
    now(&world, world.me("ada", 10_000)).unwrap();
    assert_eq!(world.calls.take(), ["record"]);
}

#[test]
fn a_deleted_user_costs_one_read() {
    let world = World::in_memory();
    let event = crate::harness::wire::deleted_event("ada", world.now());
    now(&world, world.deliver("1", &event)).unwrap();
    world.calls.take();
    assert_eq!(now(&world, world.me("ada", 10_000)).unwrap_err().code(), "user_deleted");
    assert_eq!(world.calls.take(), ["record"]);
}

/// The second read is what makes the wait safe: a commit between the first read and taking a place at the
/// user's bell would not ring it. Known users, who are nearly all, do not pay for it.
#[test]
fn a_new_user_is_fetched_once() {
    let world = World::in_memory();
    world.sign_up("ada");
    let user = now(&world, world.me("ada", 0)).unwrap();
    assert_eq!(user.record.source, Source::Lookup);
    assert_eq!(world.calls.take(), ["record", "record", "directory.user", "view", "commit"]);
}

#[test]
fn a_new_user_whose_token_says_enough_is_not_fetched() {
    let world = World::in_memory().rebuilt(|builder| builder.sessions(session_rules(&["email"])));
    world.sign_up("ada");
    let claims = json!({"email": "ada@example.com", "email_verified": true});
    let user = now(&world, world.me_with("ada", 0, claims)).unwrap();
    assert_eq!(user.record.source, Source::Claims);
    assert_eq!(world.calls.take(), ["record", "view", "commit"]);
    assert_eq!(world.clerk.total_calls(), 0);
}

#[test]
fn a_token_that_does_not_hold_asks_nobody() {
    let world = World::in_memory();
    let sync = world.sync.clone();
    let headers = crate::harness::wire::bearer("no.such.token");
    assert!(now(&world, async move { sync.user(&headers, 10_000).await }).is_err());
    assert!(now(&world, world.me_with("ada", 10_000, json!({"sts": "pending"}))).is_err());
    assert_eq!(world.calls.take(), NOTHING);
}

#[test]
fn a_repair_asks_once_after_the_bound_and_ends_in_the_same_place() {
    let world = World::in_memory();
    let mut ada = world.sign_up("ada");
    now(&world, world.deliver("1", &ada.event("user.created", world.now()))).unwrap();
    ada.first = Some("Ada".into());
    world.put(&ada);
    let tie = now(&world, world.deliver("2", &ada.event("user.updated", world.now()))).unwrap();
    assert_eq!(tie.outcome, Outcome::Tie);
    let mut stage = Stage::<()>::new(&world);
    stage.employ(&world);
    world.calls.take();
    stage.settle();
    let started = world.calls.take();
    assert_eq!(started.iter().filter(|call| **call == "take_repairs").count(), 1, "{started:?}");
    assert!(!started.contains(&"directory.user"), "asked before the staleness bound: {started:?}");
    world.clock.advance(1_999);
    stage.settle();
    assert_eq!(world.clerk.total_calls(), 0);
    world.calls.take();
    world.clock.advance(1);
    stage.settle();
    let calls = world.calls.take();
    let repair: Vec<_> = calls.into_iter().filter(|call| !call.starts_with("take_")).collect();
    assert_eq!(repair, ["directory.user", "view", "commit"]);
}
