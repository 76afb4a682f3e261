//! W31 and W35 to W37: what is kept of a user.

use clerk_sync::clerk::receive::read;
use clerk_sync::clerk::{UnreadableUser, snapshot_from_user};
use clerk_sync_core::{Fact, Timestamp};
use serde_json::{Value, json};

use crate::support::{NOW, USER, fixture};
use crate::webhook_bodies::{event, snapshot_of, user_with};

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

#[test]
fn the_backend_apis_user_is_read_the_same_way() {
    let user = fixture("bapi/GET_users_id.json");
    let snapshot = snapshot_from_user(user.to_string().as_bytes()).unwrap();
    assert_eq!(snapshot, snapshot_of(&user));
    assert_eq!(snapshot_from_user(b"\xff"), Err(UnreadableUser::NotUtf8));
    assert_eq!(snapshot_from_user(b"[\"user_a\"]"), Err(UnreadableUser::NotAnObject));
    // An array of as many elements as we have fields is no user either.
    let array = json!([USER].into_iter().map(Value::from).chain(vec![json!(null); 16]).collect::<Vec<_>>());
    assert_eq!(snapshot_from_user(array.to_string().as_bytes()), Err(UnreadableUser::NotAnObject));
    assert_eq!(snapshot_from_user(b"{}"), Err(UnreadableUser::NoId));
}
