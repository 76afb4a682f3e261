//! Limits of the small values, and the words others store, count and read.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error as _;

use clerk_sync_core::{
    Delivery, DeliveryId, DeliveryStatus, DirectoryError, EmailAddress, Entry, Fact, Field, Outcome,
    ParseError, Profile, Record, Revision, Role, Snapshot, Source, StoreError, StoreErrorKind, Subject,
    Timestamp, Tombstone, UserId, Username, Via, retry_after_ms,
};

/// Whether a text of this many bytes, and one of a byte more, are taken.
fn bounds<T>(parse: impl Fn(&str) -> Result<T, ParseError>, head: &str, bytes: usize) -> (bool, bool) {
    let longest = format!("{head}{}", "a".repeat(bytes - head.len()));
    (parse(&longest).is_ok(), parse(&format!("{longest}a")).is_ok())
}

#[test]
fn limits_are_where_they_are_said_to_be() {
    assert_eq!(bounds(UserId::parse, "user_", 128), (true, false));
    assert_eq!(bounds(DeliveryId::parse, "", 256), (true, false));
    assert_eq!(bounds(EmailAddress::parse, "a@", 320), (true, false));
    assert_eq!(bounds(Username::parse, "", 256), (true, false));
    assert_eq!(bounds(Role::parse, "", 32), (true, false));
    for empty in ["", " "] {
        assert!(Username::parse(empty).is_err() && Role::parse(empty).is_err());
        assert!(EmailAddress::parse(empty).is_err() && DeliveryId::parse(empty).is_err());
    }
    for (wrong, rule) in [("user_", "6 to 128"), ("org_a", "starts with"), ("user_a-b", "only letters")] {
        assert!(UserId::parse(wrong).unwrap_err().to_string().contains(rule), "{wrong}");
    }
    assert!(UserId::parse("user_a_B9").is_ok());
    for wrong in ["msg.1", "msg 1", "msg\"", "msg'", "msg\\", "msgé", "msg\n"] {
        assert!(DeliveryId::parse(wrong).is_err(), "{wrong}");
    }
    for wrong in ["Admin", "a b", "a.b", "ä"] {
        assert!(Role::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(Role::parse("team-lead_2").unwrap().as_str(), "team-lead_2");
    assert!(EmailAddress::parse("a").is_err() && EmailAddress::parse("a@\n").is_err());
    assert!(Username::parse("a\u{7}").is_err());
}

#[test]
fn values_show_themselves_and_addresses_do_not() {
    let id = UserId::parse("user_38peB5uMEQeCed7i").unwrap();
    assert_eq!(
        (id.as_str(), id.to_string().as_str(), id.suffix(), id.last8()),
        ("user_38peB5uMEQeCed7i", "user_38peB5uMEQeCed7i", "38peB5uMEQeCed7i", "EQeCed7i")
    );
    assert_eq!(UserId::parse("user_ab").unwrap().last8(), "ab");
    let delivery = DeliveryId::parse("msg_1").unwrap();
    assert_eq!((delivery.as_str(), delivery.to_string().as_str()), ("msg_1", "msg_1"));
    assert_eq!((Role::admin().to_string(), Role::user().as_str()), ("admin".into(), "user"));
    let email = EmailAddress::parse("Ada@Example.com").unwrap();
    assert_eq!((format!("{email:?}"), email.as_str()), ("EmailAddress(…)".into(), "Ada@Example.com"));
    let name = Username::parse("Ada").unwrap();
    assert_eq!((format!("{name:?}"), name.as_str(), name.key()), ("Username(…)".into(), "Ada", "ada"));
}

#[test]
fn stored_words_are_read_back_and_differ() {
    let mut words = Vec::new();
    for outcome in Outcome::ALL {
        assert_eq!(outcome.to_string(), outcome.as_str());
        assert!(outcome.reason().len() > 10, "{outcome}");
        words.push(outcome.as_str());
    }
    // Counters and stored deliveries carry these; another word would be another outcome.
    let wanted = "created updated unchanged older tie unversioned already_known gone deleted already_deleted repaired \
                  fenced stale_answer signed_in doubted unknown duplicate conflicting acknowledged unreadable \
                  foreign_instance";
    assert_eq!(words.join(" "), wanted);
    let reasons: std::collections::BTreeSet<_> =
        Outcome::ALL.iter().map(|outcome| outcome.reason()).collect();
    assert_eq!(reasons.len(), Outcome::ALL.len());
    let sources: Vec<_> = Source::ALL.iter().map(|source| source.as_str()).collect();
    assert_eq!(sources, ["webhook", "lookup", "claims", "sweep", "repair"]);
    let statuses: Vec<_> = DeliveryStatus::ALL.iter().map(|status| status.as_str()).collect();
    assert_eq!(statuses, ["pending", "processed", "failed", "dead"]);
    for source in Source::ALL {
        assert_eq!(Source::from_word(source.as_str()), Some(source));
    }
    for status in DeliveryStatus::ALL {
        assert_eq!(DeliveryStatus::from_word(status.as_str()), Some(status));
    }
    let fields = Field::ALL.map(Field::as_str).join(" ");
    let columns = "email email_verified username first_name last_name image_url phone external_id public_metadata \
                   banned locked deprovisioned created_at updated_at last_sign_in_at";
    assert_eq!(fields, columns);
    assert_eq!((Source::from_word("x"), DeliveryStatus::from_word("")), (None, None));
}

#[test]
fn errors_say_what_to_do() {
    let rows = [
        (StoreErrorKind::Unavailable, true, "the database is unavailable: commit"),
        (StoreErrorKind::Corrupt, false, "a row breaks its own rules: commit"),
        (StoreErrorKind::Schema, false, "the database schema is not as needed: commit"),
    ];
    for (kind, retryable, text) in rows {
        let error = StoreError::new(kind, "commit");
        assert_eq!((error.kind(), error.retryable(), error.to_string().as_str()), (kind, retryable, text));
        assert!(error.source().is_none());
        assert_eq!(error.caused_by("disk full").source().unwrap().to_string(), "disk full");
    }
    let unavailable = DirectoryError::Unavailable { retry_after_ms: 1_500, reason: "too slow".into() };
    let refused = DirectoryError::Refused { status: 422, code: "form_invalid".into() };
    let rows = [
        (DirectoryError::Throttled { retry_after_ms: 700 }, "throttled", 700, "700 ms"),
        (unavailable, "unavailable", 1_500, "too slow"),
        (DirectoryError::RefusedKey, "refused_key", 30_000, "CLERK_SECRET_KEY"),
        (refused, "refused", 30_000, "422 form_invalid"),
    ];
    for (error, kind, retry_after_ms, part) in rows {
        assert_eq!((error.kind(), error.retry_after_ms()), (kind, retry_after_ms));
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn times_are_milliseconds_and_stop_at_the_ends_of_time() {
    let time = Timestamp::from_seconds(-2).plus_millis(500);
    assert_eq!((time.as_millis(), time.as_seconds()), (-1_500, -2));
    assert_eq!(Timestamp::from_millis(2_000).millis_since(time), 3_500);
    assert_eq!(Timestamp::from_seconds(i64::MAX).plus_millis(1).as_millis(), i64::MAX);
    assert_eq!(Timestamp::MIN.millis_since(Timestamp::from_millis(1)), i64::MIN);
    let waits: Vec<_> = [0, 1, 9, 10, 11, 50].map(retry_after_ms).into();
    assert_eq!(waits, [1_000, 2_000, 512_000, 600_000, 600_000, 600_000]);
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn snapshot(profile: Profile) -> Snapshot {
    Snapshot { id: user("user_a"), version: None, profile, last_sign_in_at: None }
}

#[test]
fn a_fact_names_its_user_and_its_profile() {
    let (id, at, fence) = (user("user_a"), Timestamp::from_millis(1), Revision::FIRST);
    let profile = Profile { first_name: Some("Ada".into()), ..Profile::default() };
    let with = [
        Fact::Snapshot { snapshot: snapshot(profile.clone()), via: Via::Sweep },
        Fact::Repaired { snapshot: snapshot(profile.clone()), fence },
        Fact::Claims { id: id.clone(), profile: profile.clone(), impersonated: false },
    ];
    let without = [
        Fact::Deleted { id: id.clone(), at, source: Source::Webhook },
        Fact::Absent { id: id.clone(), at, fence },
        Fact::Doubted { id: id.clone() },
        Fact::SignedIn { id: id.clone(), at },
    ];
    assert!(with.iter().all(|fact| fact.user_id() == &id && fact.profile() == Some(&profile)));
    assert!(without.iter().all(|fact| fact.user_id() == &id && fact.profile().is_none()));
    let ways = [Via::Webhook, Via::Lookup { impersonated: true }, Via::Sweep];
    assert_eq!(ways.map(Via::source), [Source::Webhook, Source::Lookup, Source::Sweep]);
    assert_eq!(Revision::FIRST.next(), Revision(2));
    // What a store is asked for: the user, the delivery, and everything the profile may claim.
    let delivery = DeliveryId::parse("msg_1").unwrap();
    let subject = Subject::of(with.first(), Some(&delivery));
    assert_eq!((subject.id.as_ref(), subject.delivery.as_ref()), (Some(&id), Some(&delivery)));
    assert!(subject.email_keys.is_empty());
    assert_eq!(subject.username_keys, ["ada", "ada_a", "user_a"]);
    let none = Subject::of(None, None);
    assert!(none.id.is_none() && none.delivery.is_none() && none.username_keys.is_empty());
}

fn record(email: &str, verified: bool, version: i64) -> Record {
    let address = EmailAddress::parse(email).unwrap();
    let claim = clerk_sync_core::EmailClaim { address: address.clone(), verified };
    let username = Username::parse("Given").unwrap();
    let at = Timestamp::from_millis(0);
    Record {
        id: user("user_a"),
        rev: Revision::FIRST,
        version: Some(Timestamp::from_millis(version)),
        profile: Profile { email: Some(claim), username: Some(username.clone()), ..Profile::default() },
        email: Some(address),
        username: Some(username),
        role: None,
        last_sign_in_at: None,
        repair: None,
        source: Source::Webhook,
        recorded_at: at,
        changed_at: at,
        webhook_at: None,
    }
}

#[test]
fn a_record_tells_what_it_claims_and_holds() {
    let record = record("A@x.org", true, 7);
    let at = Timestamp::from_millis(7);
    assert_eq!((record.email_claim_key(), record.email_key()), (Some("a@x.org"), Some("a@x.org")));
    assert_eq!((record.username_claim_key(), record.username_key()), (Some("given"), Some("given")));
    assert_eq!((record.email_rank(), record.username_rank()), ((true, at, &record.id), (at, &record.id)));
    assert!(!record.is_dirty());
    let (entry, id) = (Entry::Live(record.clone()), record.id.clone());
    assert_eq!(entry.live(), Some(&record));
    assert_eq!(Entry::Gone(Tombstone { id, at, source: Source::Webhook }).live(), None);
}

#[test]
fn an_entry_of_the_log_says_how_far_it_has_come() {
    let now = Timestamp::from_millis(1_000);
    let new = Delivery {
        id: DeliveryId::parse("msg_1").unwrap(),
        event_type: "user.created".into(),
        user_id: None,
        received_at: now,
        digest: [0; 32],
        body: None,
        status: DeliveryStatus::Failed,
        attempts: 2,
        outcome: None,
        error: Some("before".into()),
        processed_at: None,
        due_at: Some(now),
    };
    let done = new.clone().processed(Outcome::Created, now);
    assert_eq!(
        (done.status, done.attempts, done.outcome.as_deref()),
        (DeliveryStatus::Processed, 3, Some("created"))
    );
    assert_eq!((done.error, done.processed_at, done.due_at), (None, Some(now), None));
    let waiting = new.clone().pending("not yet", now);
    assert_eq!((waiting.status, waiting.attempts, waiting.due_at), (DeliveryStatus::Pending, 2, Some(now)));
    assert_eq!(waiting.error.as_deref(), Some("not yet"));
    let failed = new.clone().failed("no", now, 250);
    assert_eq!((failed.attempts, failed.due_at), (3, Some(Timestamp::from_millis(1_250))));
    assert_eq!(failed.error.as_deref(), Some("no"));
    let dead = new.dead(Outcome::Unreadable, "not_json");
    assert_eq!(
        (dead.status, dead.due_at, dead.outcome.as_deref()),
        (DeliveryStatus::Dead, None, Some("unreadable"))
    );
    assert_eq!(dead.error.as_deref(), Some("not_json"));
}
