use clerk_sync_core::{
    Delivery, DeliveryId, DeliveryStatus, EmailAddress, EmailClaim, Profile, Record, Repair, Revision, Role,
    Source, Timestamp, UserId, Username,
};
use proptest::array::uniform32;
use proptest::option;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// `count` values of a strategy, the same ones each time.
///
/// # Panics
/// When the strategy refuses to give a value.
pub fn generated<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("a value").current()).collect()
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    // Each millisecond counts, and the time before 1970 is a time too.
    (-1_000_000_000_000_i64..4_000_000_000_000).prop_map(Timestamp::from_millis)
}

/// Texts that have broken databases before.
const KNOWN_TEXTS: &[&str] =
    &["", " ", "Ada", "Zoë", "محمد", "李小龍", "👩🏽‍🚀", "O'Brien; DROP TABLE x", "\u{202e}abc"];

fn text() -> impl Strategy<Value = String> {
    proptest::prop_oneof![
        select(KNOWN_TEXTS).prop_map(String::from),
        "\\PC{0,40}",
        (1_usize..3_000).prop_map(|n| "ß".repeat(n)),
    ]
}

fn email() -> impl Strategy<Value = EmailAddress> {
    "[A-Za-zÄÖÜİ+'.]{1,20}@[A-Za-zé-]{1,20}"
        .prop_filter_map("an address", |text| EmailAddress::parse(&text).ok())
}

fn username() -> impl Strategy<Value = Username> {
    "\\PC{1,64}".prop_filter_map("a name", |text| Username::parse(&text).ok())
}

/// Any profile.
pub fn any_profile() -> impl Strategy<Value = Profile> {
    let claim = (email(), any::<bool>()).prop_map(|(address, verified)| EmailClaim { address, verified });
    let names = (option::of(claim), option::of(username()), option::of(text()), option::of(text()));
    let links = (option::of(text()), option::of(text()), option::of(text()), text());
    let state = (any::<bool>(), any::<bool>(), any::<bool>(), option::of(timestamp()));
    (names, links, state).prop_map(|(names, links, state)| {
        let (email, username, first_name, last_name) = names;
        let (image_url, phone, external_id, public_metadata) = links;
        let (banned, locked, deprovisioned, created_at) = state;
        Profile {
            email,
            username,
            first_name,
            last_name,
            image_url,
            phone,
            external_id,
            public_metadata,
            banned,
            locked,
            deprovisioned,
            created_at,
        }
    })
}

/// Any record, held values and claims independent of each other.
pub fn any_record() -> impl Strategy<Value = Record> {
    let id = "user_[A-Za-z0-9]{27}".prop_filter_map("an id", |text| UserId::parse(&text).ok());
    let role = "[a-z_-]{1,32}".prop_filter_map("a role", |text| Role::parse(&text).ok());
    let repair = (timestamp(), any::<u32>()).prop_map(|(due_at, attempts)| Repair { due_at, attempts });
    let rev = (1_u64..=i64::MAX as u64).prop_map(Revision);
    let ours = (option::of(email()), option::of(username()), option::of(role), option::of(repair));
    let times = (option::of(timestamp()), option::of(timestamp()), timestamp(), timestamp());
    let rest = (select(&Source::ALL[..]), option::of(timestamp()));
    (id, rev, any_profile(), ours, times, rest).prop_map(|(id, rev, profile, ours, times, rest)| {
        let (email, username, role, repair) = ours;
        let (version, last_sign_in_at, recorded_at, changed_at) = times;
        let (source, webhook_at) = rest;
        Record {
            id,
            rev,
            version,
            profile,
            email,
            username,
            role,
            last_sign_in_at,
            repair,
            source,
            recorded_at,
            changed_at,
            webhook_at,
        }
    })
}

/// Any delivery.
pub fn any_delivery() -> impl Strategy<Value = Delivery> {
    let id =
        "[!#-&(-\\-/-\\[\\]-~]{1,256}".prop_filter_map("a delivery id", |text| DeliveryId::parse(&text).ok());
    let user = "user_[A-Za-z0-9]{27}".prop_filter_map("an id", |text| UserId::parse(&text).ok());
    let words = (text(), option::of(user), option::of(text()), option::of(text()), option::of(text()));
    let times = (timestamp(), option::of(timestamp()), option::of(timestamp()));
    let rest = (uniform32(any::<u8>()), select(&DeliveryStatus::ALL[..]), any::<u32>());
    (id, words, times, rest).prop_map(|(id, words, times, rest)| {
        let (event_type, user_id, body, outcome, error) = words;
        let (received_at, processed_at, due_at) = times;
        let (digest, status, attempts) = rest;
        Delivery {
            id,
            event_type,
            user_id,
            received_at,
            digest,
            body,
            status,
            attempts,
            outcome,
            error,
            processed_at,
            due_at,
        }
    })
}
