//! W21 to W26 and W38: bodies whose signature is right, and what is read of them.

use clerk_sync::clerk::receive::{EventKind, Reading, read};
use clerk_sync::clerk::{UnreadableUser, snapshot_from_user};
use clerk_sync_core::{Fact, Snapshot, Timestamp};
use serde_json::{Value, json};

use crate::support::{NOW, USER, fixture};

pub(crate) fn event(event_type: &str, data: &Value) -> Vec<u8> {
    let event =
        json!({"type": event_type, "instance_id": "ins_1", "timestamp": 1_769_500_800_030_i64, "data": data});
    event.to_string().into_bytes()
}

/// The user of the fixture, with one field changed.
pub(crate) fn user_with(name: &str, value: Value) -> Value {
    let mut user = fixture("webhooks/user.created.json")["data"].clone();
    user[name] = value;
    user
}

pub(crate) fn snapshot_of(user: &Value) -> Snapshot {
    match read(&event("user.updated", user), NOW).fact {
        Some(Fact::Snapshot { snapshot, .. }) => snapshot,
        other => panic!("no snapshot but {other:?}"),
    }
}

#[track_caller]
fn unreadable(reading: &Reading, reason: &str, user_id: Option<&str>) {
    let EventKind::Unreadable { reason: found, user_id: hint } = &reading.kind else {
        panic!("readable: {reading:?}")
    };
    assert_eq!(*found, reason);
    assert_eq!(hint.as_ref().map(|id| id.as_str()), user_id);
    assert_eq!(reading.fact, None);
}

#[test]
fn w21_w22_w24_what_cannot_be_read_still_names_its_user_where_it_can() {
    unreadable(&read(b"", NOW), "empty", None);
    unreadable(&read(b" \n", NOW), "empty", None);
    unreadable(&read(b"{\"data\":{\"id\":\"user_a\"},\"x\":\"\xff\"}", NOW), "not_utf8", Some("user_a"));
    unreadable(
        &read(b"{\"type\":\"user.updated\",\"data\":{\"id\" : \"user_a\",", NOW),
        "not_json",
        Some("user_a"),
    );
    unreadable(&read("\u{feff}{}".as_bytes(), NOW), "not_json", None);
    for body in ["null", "[]", "7", "\"user.updated\"", "[\"user.updated\",\"ins\",1,{}]", "{}x"] {
        unreadable(&read(body.as_bytes(), NOW), "not_json", None);
    }
    for body in [r#"{"data":{}}"#, r#"{"type":7}"#, r#"{"type":""}"#, r#"{"type":null}"#] {
        unreadable(&read(body.as_bytes(), NOW), "no_type", None);
    }
}

#[test]
fn w24_the_hint_is_the_value_of_an_id_or_the_only_one() {
    let hint = |body: &str| match read(body.as_bytes(), NOW).kind {
        EventKind::Unreadable { user_id, .. } => user_id.map(|id| id.as_str().to_owned()),
        other => panic!("{other:?}"),
    };
    assert_eq!(hint(r#"{"x":["user_b"],"user_id":"user_a","#).as_deref(), Some("user_a"));
    assert_eq!(hint(r#"{"x":["user_b"],"#).as_deref(), Some("user_b"));
    assert_eq!(hint(r#"{"x":["user_b","user_b"],"#).as_deref(), Some("user_b"));
    assert_eq!(hint(r#"{"x":["user_b","user_c"],"#), None, "two are none");
    assert_eq!(hint(r#"{"x":"user_"#), None);
    assert_eq!(hint(r#"{"x":"user_';--","#), None);
}

#[test]
fn w25_unknown_types_are_acknowledged() {
    let reading = read(&event("user.merged", &json!({"id": USER})), NOW);
    assert_eq!((reading.kind, reading.fact, reading.keep_body), (EventKind::Unknown, None, true));
    assert_eq!(reading.event_type, "user.merged");
    let long = format!("x\0\n{}", "é".repeat(1_000));
    let name = read(&event(&long, &json!({})), NOW).event_type;
    assert!(name.len() <= 128 && name.starts_with("xé"), "{name}");
}

#[test]
fn w26_a_user_event_without_a_users_id_is_a_dead_letter() {
    for event_type in ["user.created", "user.updated", "user.deleted"] {
        for id in
            [json!(null), json!(7), json!(""), json!("org_1"), json!([USER]), json!("user_a\0"), json!({})]
        {
            let reading = read(&event(event_type, &json!({"id": id, "first_name": "Ada"})), NOW);
            assert_eq!(reading.event_type, event_type);
            assert_eq!(reading.instance_id.as_deref(), Some("ins_1"));
            assert!(matches!(reading.kind, EventKind::Unreadable { reason: "no_user_id", .. }), "{id}");
        }
        unreadable(&read(&event(event_type, &json!({})), NOW), "no_user_id", None);
        unreadable(&read(&event(event_type, &json!(null)), NOW), "no_user_id", None);
        unreadable(&read(&event(event_type, &json!([USER])), NOW), "not_json", Some(USER));
        let body = format!(r#"{{"type":"{event_type}"}}"#);
        unreadable(&read(body.as_bytes(), NOW), "no_user_id", None);
    }
}

#[test]
fn the_envelopes_time_may_be_in_seconds() {
    let at = |timestamp: Value| {
        let event = json!({"type": "user.deleted", "timestamp": timestamp, "data": {"id": USER}});
        match read(event.to_string().as_bytes(), NOW).fact {
            Some(Fact::Deleted { at, .. }) => at,
            other => panic!("{other:?}"),
        }
    };
    let moment = Timestamp::from_seconds(1_769_500_800);
    assert_eq!(at(json!(1_769_500_800)), moment);
    assert_eq!(at(json!(1_769_500_800_000_i64)), moment);
    assert_eq!(at(json!(99_999_999_999_i64)), Timestamp::from_seconds(99_999_999_999));
    assert_eq!(at(json!(100_000_000_000_i64)), Timestamp::from_millis(100_000_000_000));
    for missing in [json!(null), json!("x"), json!(0), json!(-5), json!(1.5)] {
        assert_eq!(at(missing), NOW);
    }
}

#[test]
fn w38_numbers_duplicates_and_depth() {
    let raw = |member: &str| format!(r#"{{"id":"{USER}","updated_at":1769500800016,{member}}}"#);
    // Whatever is not needed may be anything.
    for member in [
        r#""unsafe_metadata":{"n":1e400,"big":123456789012345678901234567890}"#.to_owned(),
        r#""zzz":1,"zzz":2"#.to_owned(),
        r#""unsafe_metadata":{"a":1,"a":2}"#.to_owned(),
        format!(r#""x":{}{}"#, "[".repeat(120), "]".repeat(120)),
        r#""x":"\ud800""#.to_owned(),
        r#""banned":"yes","locked":1,"first_name":{},"username":[],"external_id":9"#.to_owned(),
    ] {
        let snapshot = snapshot_from_user(raw(&member).as_bytes()).unwrap();
        assert_eq!(snapshot.version, Some(Timestamp::from_millis(1_769_500_800_016)), "{member}");
        assert_eq!((snapshot.profile.banned, snapshot.profile.locked), (false, false));
    }
    // What is needed may not be said twice.
    let twice = format!(r#"{{"type":"user.updated","data":{}}}"#, raw(r#""id":"user_b""#));
    unreadable(&read(twice.as_bytes(), NOW), "not_json", Some(USER));
    let deep = format!(r#""x":{}{}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(snapshot_from_user(raw(&deep).as_bytes()), Err(UnreadableUser::TooDeep));
    let body = format!(r#"{{"type":"user.updated","data":{}}}"#, raw(&deep));
    unreadable(&read(body.as_bytes(), NOW), "too_deep", Some(USER));
    // Brackets in a text are no depth.
    let text = format!(r#""x":"\"{}""#, "[".repeat(10_000));
    assert!(snapshot_from_user(raw(&text).as_bytes()).is_ok());
}

fn session(change: impl FnOnce(&mut Value)) -> Reading {
    let mut event = fixture("webhooks/session.created.json");
    change(&mut event);
    read(event.to_string().as_bytes(), NOW)
}

fn last_sign_in(reading: &Reading) -> Option<i64> {
    match &reading.fact {
        Some(Fact::Snapshot { snapshot, .. }) => snapshot.last_sign_in_at.map(Timestamp::as_millis),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_counts_as_a_sign_in_by_the_later_time() {
    let created = 1_769_500_801_000;
    assert_eq!(last_sign_in(&session(|_| {})), Some(created));
    let earlier = session(|event| event["data"]["user"]["last_sign_in_at"] = json!(created - 1));
    assert_eq!(last_sign_in(&earlier), Some(created));
    let later = session(|event| event["data"]["user"]["last_sign_in_at"] = json!(created + 1));
    assert_eq!(last_sign_in(&later), Some(created + 1));
    let impersonated = session(|event| event["data"]["actor"] = json!({"sub": "user_admin"}));
    assert_eq!(last_sign_in(&impersonated), None);
    let ended = session(|event| event["type"] = json!("session.ended"));
    assert_eq!(last_sign_in(&ended), None);
}

#[test]
fn a_session_without_the_whole_user_is_a_sign_in_alone() {
    let at = Timestamp::from_millis(1_769_500_801_000);
    let stub = json!({"id": USER, "first_name": "Ada"});
    for user in [json!(null), json!({}), json!("x"), stub] {
        let reading = session(|event| event["data"]["user"] = user.clone());
        assert!(matches!(&reading.fact, Some(Fact::SignedIn { at: found, .. }) if *found == at), "{user}");
        let actor = session(|event| {
            event["data"]["user"] = user.clone();
            event["data"]["actor"] = json!({"sub": "user_admin"});
        });
        assert_eq!((actor.fact, actor.kind), (None, EventKind::Session));
    }
    // A user who is not the session's proves nothing.
    let other = session(|event| event["data"]["user"]["id"] = json!("user_other"));
    assert!(matches!(other.fact, Some(Fact::SignedIn { id, .. }) if id.as_str() == USER));
    let nobody = session(|event| event["data"] = json!({"user": null}));
    assert_eq!((nobody.fact, nobody.kind), (None, EventKind::Session));
    let odd = session(|event| event["data"] = json!([1]));
    assert_eq!((odd.fact, odd.kind), (None, EventKind::Session));
}

#[test]
fn one_time_codes_are_never_kept() {
    for name in ["email.created", "sms.created"] {
        let body = event(name, &json!({"data": {"otp_code": "424242"}}));
        assert!(!read(&body, NOW).keep_body);
        // Escaped, cut off, or ambiguous: still not.
        let text = String::from_utf8(body).unwrap();
        assert!(!read(text.replace(name, &name.replace('.', "\\u002e")).as_bytes(), NOW).keep_body);
        assert!(!read(&text.as_bytes()[..text.len() - 1], NOW).keep_body);
        assert!(!read(text.replacen('{', r#"{"type":"user.updated","#, 1).as_bytes(), NOW).keep_body);
    }
    assert!(read(&event("user.updated", &user_with("username", json!(null))), NOW).keep_body);
}
