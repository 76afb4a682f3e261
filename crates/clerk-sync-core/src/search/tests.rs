//! Each row: a filter, and the places of those it finds.

use alloc::vec;

use super::*;
use crate::{EmailAddress, EmailClaim, Fact, Profile, RolePolicy, Snapshot, Tombstone, Via, View, decide};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn found<T>(all: &[T], matches: impl Fn(&T) -> bool) -> Vec<usize> {
    (0..).zip(all).filter(|(_, one)| matches(one)).map(|(place, _)| place).collect()
}

fn delivery(status: DeliveryStatus, event_type: &str, about: Option<&str>, received_ms: i64) -> Delivery {
    Delivery {
        id: DeliveryId::parse("msg_1").unwrap(),
        event_type: event_type.into(),
        user_id: about.map(user),
        received_at: at(received_ms),
        digest: [0; 32],
        body: None,
        status,
        attempts: 0,
        outcome: None,
        error: None,
        processed_at: None,
        due_at: None,
    }
}

#[test]
fn a_filter_of_deliveries_finds_those_that_meet_all_of_it() {
    let all = [
        delivery(DeliveryStatus::Pending, "user.created", Some("user_ada"), 1),
        delivery(DeliveryStatus::Dead, "user.created", None, 2),
        delivery(DeliveryStatus::Dead, "user.deleted", Some("user_bob"), 3),
        delivery(DeliveryStatus::Dead, "user.created", Some("user_ada"), 3),
    ];
    let any = DeliveryFilter::default;
    let whole = DeliveryFilter {
        status: Some(DeliveryStatus::Dead),
        event_type: Some("user.created".into()),
        user_id: Some(user("user_ada")),
        received_from: Some(at(2)),
        received_before: Some(at(4)),
    };
    let rows = [
        (any(), vec![0, 1, 2, 3]),
        (DeliveryFilter { status: whole.status, ..any() }, vec![1, 2, 3]),
        (DeliveryFilter { event_type: whole.event_type.clone(), ..any() }, vec![0, 1, 3]),
        (DeliveryFilter { event_type: Some("user".into()), ..any() }, vec![]),
        (DeliveryFilter { user_id: whole.user_id.clone(), ..any() }, vec![0, 3]),
        (DeliveryFilter { received_from: Some(at(2)), ..any() }, vec![1, 2, 3]),
        (DeliveryFilter { received_before: Some(at(3)), ..any() }, vec![0, 1]),
        (whole, vec![3]),
    ];
    for (filter, places) in rows {
        assert_eq!(found(&all, |one| filter.matches(one)), places, "{filter:?}");
    }
}

fn live(name: &str, email: Option<&str>, via: Via, version: Option<Timestamp>) -> Entry {
    let address = email.map(|text| EmailAddress::parse(text).unwrap());
    let email = address.map(|address| EmailClaim { address, verified: true });
    let profile = Profile { email, ..Profile::default() };
    let snapshot = Snapshot { id: user(name), version, profile, last_sign_in_at: None };
    decide(&View::default(), &Fact::Snapshot { snapshot, via }, at(5), &RolePolicy::None).entry.unwrap()
}

#[test]
fn a_filter_of_users_finds_those_that_meet_all_of_it() {
    let all = [
        live("user_ada", Some("Ada@x.org"), Via::Webhook, Some(at(1))),
        live("user_adam", Some("adam@x.org"), Via::Sweep, None), // without a version it is dirty
        live("user_bob", None, Via::Lookup { impersonated: false }, None),
        Entry::Gone(Tombstone { id: user("user_eve"), at: at(1), source: Source::Webhook }),
    ];
    let any = UserFilter::default;
    let rows = [
        (any(), vec![0, 1, 2, 3]),
        (UserFilter { deleted: Some(true), ..any() }, vec![3]),
        (UserFilter { deleted: Some(false), ..any() }, vec![0, 1, 2]),
        (UserFilter { dirty: Some(true), ..any() }, vec![1, 2]),
        (UserFilter { dirty: Some(false), ..any() }, vec![0, 3]),
        (UserFilter { source: Some(Source::Webhook), ..any() }, vec![0, 3]),
        (UserFilter { email_prefix: Some("ada".into()), ..any() }, vec![0, 1]),
        (UserFilter { email_prefix: Some("adam".into()), ..any() }, vec![1]),
        (UserFilter { deleted: Some(false), source: Some(Source::Webhook), ..any() }, vec![0]),
    ];
    for (filter, places) in rows {
        assert_eq!(found(&all, |one| filter.matches(one)), places, "{filter:?}");
    }
}

#[test]
fn a_prefix_of_addresses_ends_after_all_that_begin_with_it() {
    let filter = UserFilter { email_prefix: Some("ad".into()), ..UserFilter::default() };
    let end = filter.email_end().unwrap();
    for (key, within) in [("ad", true), ("ada@x.org", true), ("adé@x.org", true), ("ae", false)] {
        assert_eq!(key < end.as_str(), within, "{key}");
    }
    assert_eq!(UserFilter::default().email_end(), None);
}
