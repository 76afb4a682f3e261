//! W21 to W26, W31 and W35 to W38: bodies whose signature is right, and what is read of them.

use clerk_sync::clerk::receive::{EventKind, Reading, read};
use clerk_sync::clerk::{UnreadableUser, snapshot_from_user};
use clerk_sync_core::{Fact, Snapshot, Timestamp};
use serde_json::{Value, json};

use crate::support::{NOW, USER, fixture};

fn event(event_type: &str, data: &Value) -> Vec<u8> {
    let event =
        json!({"type": event_type, "instance_id": "ins_1", "timestamp": 1_769_500_800_030_i64, "data": data});
    event.to_string().into_bytes()
}

/// The user of the fixture, with one field changed.
fn user_with(name: &str, value: Value) -> Value {
    let mut user = fixture("webhooks/user.created.json")["data"].clone();
    user[name] = value;
    user
}

fn snapshot_of(user: &Value) -> Snapshot {
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
fn w31_an_odd_version_is_none() {
    for odd in [
        json!(null),
        json!("1769500800016"),
        json!(1_769_500_800),
        json!(-1),
        json!(0),
        json!(1.5e12),
        json!([1]),
        json!(true),
        json!(u64::MAX),
    ] {
        let snapshot = snapshot_of(&user_with("updated_at", odd.clone()));
        assert_eq!(snapshot.version, None, "{odd}");
        assert_eq!(snapshot.profile.first_name.as_deref(), Some("Ada"));
    }
    // A far future is a version; the join does not let it block later ones.
    let year_9999 = json!(253_402_300_799_000_i64);
    let snapshot = snapshot_of(&user_with("updated_at", year_9999));
    assert_eq!(snapshot.version, Some(Timestamp::from_millis(253_402_300_799_000)));
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

fn email(user: &Value) -> Option<(String, bool)> {
    let email = snapshot_of(user).profile.email;
    email.map(|claim| (claim.address.as_str().to_owned(), claim.verified))
}

#[test]
fn w35_the_primary_address_is_the_one_pointed_at() {
    let entry = |id: &str, address: &str, status: &str| json!({"id": id, "email_address": address, "verification": {"status": status}});
    let list = |entries: Vec<Value>| {
        let mut user = user_with("email_addresses", json!(entries));
        user["primary_email_address_id"] = json!("idn_b");
        user
    };
    let both =
        vec![entry("idn_a", "a@example.com", "verified"), entry("idn_b", "b@example.com", "unverified")];
    assert_eq!(email(&list(both.clone())), Some(("b@example.com".into(), false)));
    assert_eq!(email(&list(both[..1].to_vec())), None, "dangling");
    assert_eq!(email(&list(Vec::new())), None);
    assert_eq!(email(&user_with("primary_email_address_id", json!(null))), None);
    assert_eq!(email(&user_with("primary_email_address_id", json!(7))), None);
    assert_eq!(email(&user_with("email_addresses", json!("x"))), None);
    let mut fifty: Vec<Value> =
        (0..50).map(|n| entry(&format!("idn_{n}"), "x@example.com", "verified")).collect();
    fifty.push(entry("idn_b", "b@example.com", "verified"));
    assert_eq!(email(&list(fifty)), Some(("b@example.com".into(), true)));
    // Malformed neighbours do not hide it; a malformed entry is none.
    let mixed =
        vec![json!(null), json!(7), json!([]), json!({"id": 7}), entry("idn_b", "b@example.com", "failed")];
    assert_eq!(email(&list(mixed)), Some(("b@example.com".into(), false)));
    for address in [json!(null), json!(""), json!("no-at"), json!(7)] {
        let entry = json!({"id": "idn_b", "email_address": address, "verification": null});
        assert_eq!(email(&list(vec![entry])), None);
    }
    for verification in
        [json!(null), json!("verified"), json!({}), json!({"status": 1}), json!({"status": null})]
    {
        let entry = json!({"id": "idn_b", "email_address": "b@example.com", "verification": verification});
        assert_eq!(email(&list(vec![entry])), Some(("b@example.com".into(), false)), "{verification}");
    }
}

#[test]
fn w36_addresses_stay_as_clerk_has_them() {
    for address in
        ["Ada@Example.COM", "a.d.a@example.com", "ada+x@example.com", "ａｄａ@example.com", "e\u{301}@x.y"]
    {
        let entry = json!([{"id": "idn_b", "email_address": address}]);
        let mut user = user_with("email_addresses", entry);
        user["primary_email_address_id"] = json!("idn_b");
        let claim = snapshot_of(&user).profile.email.unwrap();
        assert_eq!(claim.address.as_str(), address);
        assert_eq!(claim.address.key(), address.to_lowercase());
    }
}

#[test]
fn w37_names_are_kept_as_they_are_but_for_nul() {
    let long = "x".repeat(10_000);
    for (given, kept) in [
        ("A\0da", Some("Ada")),
        ("\0", None),
        ("", None),
        ("\u{202e}ada", Some("\u{202e}ada")),
        ("<script>", Some("<script>")),
        (long.as_str(), Some(long.as_str())),
    ] {
        assert_eq!(snapshot_of(&user_with("first_name", json!(given))).profile.first_name.as_deref(), kept);
        assert_eq!(snapshot_of(&user_with("last_name", json!(given))).profile.last_name.as_deref(), kept);
    }
    // A username is a handle: over 256 bytes, blank or with control characters it is none.
    for (given, kept) in
        [("ada", Some("ada")), ("a\0da", Some("ada")), (long.as_str(), None), (" ", None), ("a\n", None)]
    {
        let username = snapshot_of(&user_with("username", json!(given))).profile.username;
        assert_eq!(username.as_ref().map(|name| name.as_str()), kept);
    }
    // A lone surrogate is replaced, not a reason to lose the name.
    let body = String::from_utf8(event("user.updated", &user_with("first_name", json!("A@B")))).unwrap();
    let snapshot = match read(body.replace("A@B", "A\\ud800B").as_bytes(), NOW).fact {
        Some(Fact::Snapshot { snapshot, .. }) => snapshot,
        other => panic!("{other:?}"),
    };
    assert!(snapshot.profile.first_name.unwrap().contains('\u{fffd}'));
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
    let text = format!(r#""x":"{}\"[""#, "[".repeat(10_000));
    assert!(snapshot_from_user(raw(&text).as_bytes()).is_ok());
}

#[test]
fn metadata_is_equal_text_for_equal_data() {
    let of = |metadata: &str| {
        let user = format!(r#"{{"id":"{USER}","public_metadata":{metadata}}}"#);
        snapshot_from_user(user.as_bytes()).unwrap().profile.public_metadata
    };
    assert_eq!(
        of(r#"{ "b" : [1 , {"z":null,"a":true}], "a" : "x" }"#),
        r#"{"a":"x","b":[1,{"a":true,"z":null}]}"#
    );
    // One text for each way to escape it; NUL is dropped.
    assert_eq!(of(r#"{"\u0061":"\u00e9\/\u0000\n"}"#), r#"{"a":"é/\n"}"#);
    // Numbers beyond 2^53 and beyond f64 stay what they are.
    assert_eq!(of(r#"{"n":9007199254740993,"m":1e400}"#), r#"{"m":1e400,"n":9007199254740993}"#);
    for none in ["null", "[]", "7", "\"x\"", "{}"] {
        assert_eq!(of(none), "{}", "{none}");
    }
    let metadata: Value = serde_json::from_str(&of(r#"{"a\"b":{"c":[[],{}]}}"#)).unwrap();
    assert_eq!(metadata, json!({"a\"b": {"c": [[], {}]}}));
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

#[test]
fn the_backend_apis_user_is_read_the_same_way() {
    let user = fixture("bapi/GET_users_id.json");
    let snapshot = snapshot_from_user(user.to_string().as_bytes()).unwrap();
    assert_eq!(snapshot, snapshot_of(&user));
    assert_eq!(snapshot_from_user(b"\xff"), Err(UnreadableUser::NotUtf8));
    assert_eq!(snapshot_from_user(b"[\"user_a\"]"), Err(UnreadableUser::NotAnObject));
    assert_eq!(snapshot_from_user(b"{}"), Err(UnreadableUser::NoId));
}
