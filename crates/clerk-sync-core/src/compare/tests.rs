use alloc::string::ToString;
use alloc::vec;

use super::*;
use crate::{EmailClaim, Fact, Profile, RolePolicy, Timestamp, UserId, Via, decide};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn snapshot() -> Snapshot {
    let text = |text: &str| Some(text.to_string());
    Snapshot {
        id: UserId::parse("user_ada").unwrap(),
        version: Some(NOW),
        profile: Profile {
            email: Some(EmailClaim {
                address: EmailAddress::parse("ada@example.com").unwrap(),
                verified: true,
            }),
            username: Username::parse("ada").ok(),
            first_name: text("Ada"),
            last_name: text("King"),
            image_url: text("https://img.example.com/ada"),
            phone: text("+15555550100"),
            external_id: text("a-1"),
            created_at: Some(NOW),
            ..Profile::default()
        },
        last_sign_in_at: Some(NOW),
    }
}

fn view(snapshot: &Snapshot) -> View {
    let fact = Fact::Snapshot { snapshot: snapshot.clone(), via: Via::Webhook };
    let entry = decide(&View::default(), &fact, NOW, &RolePolicy::None).entry;
    View { entry, ..View::default() }
}

fn record(view: &mut View) -> &mut Record {
    match &mut view.entry {
        Some(Entry::Live(record)) => record,
        _ => panic!("no record"),
    }
}

#[test]
fn what_was_absorbed_differs_in_nothing() {
    assert_eq!(differences(&view(&snapshot()), &snapshot()), []);
    assert_eq!(differences(&View::default(), &snapshot()), []);
}

#[test]
fn a_change_of_any_field_is_that_fields_difference() {
    type Change = fn(&mut Snapshot);
    let table: [(Field, Change); 15] = [
        (Field::Email, |s| {
            let address = EmailAddress::parse("a@example.org").unwrap();
            s.profile.email = Some(EmailClaim { address, verified: true });
        }),
        (Field::EmailVerified, |s| s.profile.email.as_mut().unwrap().verified = false),
        (Field::Username, |s| s.profile.username = Some(Username::parse("bea").unwrap())),
        (Field::FirstName, |s| s.profile.first_name = None),
        (Field::LastName, |s| s.profile.last_name = Some("Lovelace".to_string())),
        (Field::ImageUrl, |s| s.profile.image_url = None),
        (Field::Phone, |s| s.profile.phone = None),
        (Field::ExternalId, |s| s.profile.external_id = None),
        (Field::PublicMetadata, |s| s.profile.public_metadata = "{\"a\":1}".to_string()),
        (Field::Banned, |s| s.profile.banned = true),
        (Field::Locked, |s| s.profile.locked = true),
        (Field::Deprovisioned, |s| s.profile.deprovisioned = true),
        (Field::CreatedAt, |s| s.profile.created_at = None),
        (Field::UpdatedAt, |s| s.version = Some(NOW.plus_millis(1))),
        (Field::LastSignInAt, |s| s.last_sign_in_at = Some(NOW.plus_millis(1))),
    ];
    assert_eq!(table.map(|(field, _)| field), Field::ALL);
    for (field, change) in table {
        let mut changed = snapshot();
        change(&mut changed);
        assert_eq!(differences(&view(&snapshot()), &changed), [field]);
    }
}

#[test]
fn a_later_sign_in_of_ours_is_no_difference() {
    let mut view = view(&snapshot());
    record(&mut view).last_sign_in_at = Some(NOW.plus_millis(5));
    assert_eq!(differences(&view, &snapshot()), []);
}

#[test]
fn an_address_not_held_is_a_difference_unless_a_rival_holds_it() {
    let mut view = view(&snapshot());
    let holder = record(&mut view).clone();
    record(&mut view).email = None;
    assert_eq!(differences(&view, &snapshot()), [Field::Email]);
    view.rivals = vec![Record { id: UserId::parse("user_bob").unwrap(), ..holder }];
    assert_eq!(differences(&view, &snapshot()), []);
    // Another address than the claim is one whoever else there is.
    record(&mut view).email = Some(EmailAddress::parse("x@example.com").unwrap());
    assert_eq!(differences(&view, &snapshot()), [Field::Email]);
}

#[test]
fn a_given_username_not_held_is_a_difference_unless_a_rival_holds_it() {
    let mut view = view(&snapshot());
    let holder = record(&mut view).clone();
    record(&mut view).username = None;
    let rival = |username| Record { id: UserId::parse("user_bob").unwrap(), username, ..holder.clone() };
    for (held, expected) in [("Ada", &[][..]), ("bob", &[Field::Username])] {
        view.rivals = vec![rival(Username::parse(held).ok())];
        assert_eq!(differences(&view, &snapshot()), expected, "{held}");
    }
}

#[test]
fn a_derived_username_is_one_of_those_that_can_be_derived() {
    let mut snapshot = snapshot();
    snapshot.profile.username = None;
    let mut view = view(&snapshot);
    for (name, expected) in
        [("Ada", &[][..]), ("Ada_ada", &[]), ("user_ada", &[]), ("eve", &[Field::Username])]
    {
        record(&mut view).username = Some(Username::parse(name).unwrap());
        assert_eq!(differences(&view, &snapshot), expected, "{name}");
    }
    record(&mut view).username = None;
    assert_eq!(differences(&view, &snapshot), [Field::Username]);
}
