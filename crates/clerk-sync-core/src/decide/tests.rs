//! Each row: what is stored, the fact, the outcome, and what is stored then.

use alloc::string::ToString;
use alloc::vec;

use super::*;
use crate::{EmailAddress, EmailClaim};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn id(n: u8) -> UserId {
    UserId::parse(&format_id(n)).unwrap()
}

fn format_id(n: u8) -> alloc::string::String {
    alloc::format!("user_{n:027}")
}

fn email(text: &str, verified: bool) -> Option<EmailClaim> {
    Some(EmailClaim { address: EmailAddress::parse(text).unwrap(), verified })
}

fn named(name: &str) -> Profile {
    Profile { first_name: Some(name.to_string()), ..Profile::default() }
}

fn with_email(text: &str) -> Profile {
    Profile { email: email(text, true), ..named("Ada") }
}

fn given(username: &str) -> Profile {
    Profile { username: Some(crate::Username::parse(username).unwrap()), ..named("Ada") }
}

fn snapshot(n: u8, version: i64, profile: Profile) -> Snapshot {
    Snapshot { id: id(n), version: Some(Timestamp::from_millis(version)), profile, last_sign_in_at: None }
}

fn webhook(n: u8, version: i64, profile: Profile) -> Fact {
    Fact::Snapshot { snapshot: snapshot(n, version, profile), via: Via::Webhook }
}

fn lookup(n: u8, version: i64, profile: Profile) -> Fact {
    Fact::Snapshot { snapshot: snapshot(n, version, profile), via: Via::Lookup { impersonated: false } }
}

/// The record that `fact` makes where there is none.
fn record(fact: &Fact) -> Record {
    let decision = decide(&View::default(), fact, NOW, &RolePolicy::FirstUserAdmin);
    assert_eq!(decision.outcome, Outcome::Created);
    let Some(Entry::Live(record)) = decision.entry else { panic!("no record") };
    record
}

fn seen(entry: Entry, rivals: vec::Vec<Record>) -> View {
    View { entry: Some(entry), rivals, first_admin: Some(id(9)), delivery: None }
}

fn check(view: &View, fact: &Fact, expected: Outcome) -> Decision {
    let decision = decide(view, fact, NOW, &RolePolicy::FirstUserAdmin);
    assert_eq!(decision.outcome, expected, "{fact:?}");
    decision
}

fn after(decision: &Decision) -> &Record {
    decision.entry.as_ref().and_then(Entry::live).unwrap()
}

/// The record of user `n` as one of the changes leaves it.
fn changed(decision: &Decision, n: u8) -> &Record {
    let found = decision.changes.iter().find_map(|change| match change {
        Change::Insert(record) | Change::Update { record, .. } if record.id == id(n) => Some(record),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn a_first_snapshot_creates_a_clean_record_and_the_first_admin() {
    let decision = check(&View::default(), &webhook(1, 10, with_email("a@x.org")), Outcome::Created);
    let record = after(&decision);
    assert_eq!((record.rev, record.is_dirty(), record.webhook_at), (Revision::FIRST, false, Some(NOW)));
    assert_eq!(record.email_key(), Some("a@x.org"));
    assert_eq!(record.role, Some(Role::admin()));
    assert!(decision.changes.contains(&Change::ClaimFirstAdmin(id(1))));
}

#[test]
fn the_second_user_is_no_admin_and_an_impersonated_session_makes_none() {
    let view = View { first_admin: Some(id(9)), ..View::default() };
    assert_eq!(
        after(&check(&view, &webhook(1, 10, named("Ada")), Outcome::Created)).role,
        Some(Role::user())
    );
    let fact =
        Fact::Snapshot { snapshot: snapshot(1, 10, named("Ada")), via: Via::Lookup { impersonated: true } };
    let decision = check(&View::default(), &fact, Outcome::Created);
    assert_eq!((after(&decision).role.clone(), decision.changes.len()), (Some(Role::user()), 1));
}

#[test]
fn newest_version_wins_and_every_event_not_older_moves_the_revision() {
    let stored = record(&webhook(1, 10, named("Ada")));
    let view = seen(Entry::Live(stored.clone()), vec![]);
    // (version, first name, outcome, name afterwards, dirty, revision)
    let rows = [
        (9, "Old", Outcome::Older, "Ada", false, 1),
        (10, "Ada", Outcome::Unchanged, "Ada", false, 2),
        (10, "Other", Outcome::Tie, "Ada", true, 2),
        (11, "New", Outcome::Updated, "New", false, 2),
        (11, "Ada", Outcome::Updated, "Ada", false, 2),
        (1_000_000 + MAX_AHEAD_MS, "Ahead", Outcome::Updated, "Ahead", false, 2),
        (1_000_001 + MAX_AHEAD_MS, "Far", Outcome::Unversioned, "Ada", true, 2),
    ];
    for (version, name, outcome, name_after, dirty, rev) in rows {
        let decision = check(&view, &webhook(1, version, named(name)), outcome);
        let record = after(&decision);
        let seen = (record.profile.first_name.as_deref(), record.is_dirty(), record.rev.0);
        assert_eq!(seen, (Some(name_after), dirty, rev), "version {version} {name}");
        assert_eq!(decision.changes.is_empty(), rev == 1);
    }
}

#[test]
fn a_snapshot_without_version_creates_a_dirty_record_and_never_overwrites() {
    let fact = Fact::Snapshot {
        snapshot: Snapshot { version: None, ..snapshot(1, 0, named("Ada")) },
        via: Via::Webhook,
    };
    let created = record(&fact);
    assert_eq!((created.version, created.is_dirty()), (None, true));
    let stored = record(&webhook(1, 10, named("Bea")));
    let decision = check(&seen(Entry::Live(stored), vec![]), &fact, Outcome::Unversioned);
    assert_eq!(after(&decision).profile.first_name.as_deref(), Some("Bea"));
    assert!(after(&decision).is_dirty());
}

#[test]
fn claims_create_a_dirty_record_that_any_snapshot_supersedes() {
    let claims = Fact::Claims { id: id(1), profile: with_email("a@x.org"), impersonated: false };
    let created = record(&claims);
    assert_eq!((created.source, created.version, created.is_dirty()), (Source::Claims, None, true));
    let view = seen(Entry::Live(created), vec![]);
    assert!(check(&view, &claims, Outcome::AlreadyKnown).changes.is_empty());
    let decision = check(&view, &webhook(1, -5, named("Bea")), Outcome::Updated);
    assert_eq!(after(&decision).profile.first_name.as_deref(), Some("Bea"));
    // The record stays dirty until the repair it waits for has been made.
    assert!(after(&decision).is_dirty());
}

#[test]
fn a_lookup_only_creates() {
    let stored = record(&webhook(1, 10, named("Ada")));
    let view = seen(Entry::Live(stored), vec![]);
    assert!(check(&view, &lookup(1, 99, named("Bea")), Outcome::AlreadyKnown).changes.is_empty());
}

#[test]
fn deleted_is_final_and_written_where_no_row_was() {
    let deleted = Fact::Deleted { id: id(1), at: NOW, source: Source::Webhook };
    let first = check(&View::default(), &deleted, Outcome::Deleted);
    let tombstone = Tombstone { id: id(1), at: NOW, source: Source::Webhook };
    assert_eq!(first.changes, [Change::Bury { tombstone: tombstone.clone(), expected: None }]);
    let gone = seen(Entry::Gone(tombstone), vec![]);
    let claims = Fact::Claims { id: id(1), profile: named("Ada"), impersonated: false };
    let late = [webhook(1, 99, named("Ada")), lookup(1, 99, named("Ada")), claims];
    for fact in late.iter().chain([
        &Fact::SignedIn { id: id(1), at: NOW },
        &Fact::Repaired { snapshot: snapshot(1, 99, named("Ada")), fence: Revision(1) },
    ]) {
        assert!(check(&gone, fact, Outcome::Gone).changes.is_empty());
    }
    assert!(check(&gone, &deleted, Outcome::AlreadyDeleted).changes.is_empty());
}

#[test]
fn a_repair_is_fenced_settles_ties_and_refuses_older_answers() {
    let mut stored = record(&webhook(1, 10, named("Ada")));
    stored.rev = Revision(7);
    stored.repair = Some(Repair { due_at: NOW, attempts: 0 });
    let view = seen(Entry::Live(stored), vec![]);
    let repaired = |version, name, fence| Fact::Repaired {
        snapshot: snapshot(1, version, named(name)),
        fence: Revision(fence),
    };
    assert!(check(&view, &repaired(10, "Bea", 6), Outcome::Fenced).changes.is_empty());
    assert!(check(&view, &repaired(9, "Bea", 7), Outcome::StaleAnswer).changes.is_empty());
    for version in [10, 11] {
        let decision = check(&view, &repaired(version, "Bea", 7), Outcome::Repaired);
        let record = after(&decision);
        assert_eq!((record.rev.0, record.is_dirty()), (8, false));
        assert_eq!(record.profile.first_name.as_deref(), Some("Bea"));
    }
    // A version ahead of our clock is kept as now, so that it cannot block later ones.
    let decision = check(&view, &repaired(i64::MAX, "Bea", 7), Outcome::Repaired);
    assert_eq!(after(&decision).version, Some(NOW));
}

#[test]
fn absence_by_id_buries_only_behind_the_fence_and_only_a_record() {
    let stored = record(&webhook(1, 10, named("Ada")));
    let absent = |fence| Fact::Absent { id: id(1), at: NOW, fence: Revision(fence) };
    assert!(check(&View::default(), &absent(1), Outcome::Fenced).changes.is_empty());
    let view = seen(Entry::Live(stored), vec![]);
    assert!(check(&view, &absent(2), Outcome::Fenced).changes.is_empty());
    let decision = check(&view, &absent(1), Outcome::Deleted);
    let tombstone = Tombstone { id: id(1), at: NOW, source: Source::Repair };
    assert_eq!(decision.changes, [Change::Bury { tombstone, expected: Some(Revision(1)) }]);
}

#[test]
fn sign_ins_are_a_maximum_and_need_a_record() {
    let at = |millis| Fact::SignedIn { id: id(1), at: Timestamp::from_millis(millis) };
    assert!(check(&View::default(), &at(5), Outcome::Unknown).changes.is_empty());
    let mut stored = record(&webhook(1, 10, named("Ada")));
    stored.last_sign_in_at = Some(Timestamp::from_millis(5));
    let view = seen(Entry::Live(stored), vec![]);
    assert!(check(&view, &at(5), Outcome::Older).changes.is_empty());
    let decision = check(&view, &at(6), Outcome::SignedIn);
    assert_eq!(after(&decision).last_sign_in_at, Some(Timestamp::from_millis(6)));
    // Not content: a snapshot of the same version with another sign-in is no tie.
    let mut later = snapshot(1, 10, named("Ada"));
    later.last_sign_in_at = Some(Timestamp::from_millis(8));
    let decision = check(&view, &Fact::Snapshot { snapshot: later, via: Via::Webhook }, Outcome::Unchanged);
    assert_eq!(after(&decision).last_sign_in_at, Some(Timestamp::from_millis(8)));
}

#[test]
fn an_address_goes_to_the_highest_claim_and_both_are_dirty() {
    let claim = |verified| Profile { email: email("A@x.org", verified), ..named("Ada") };
    // (holder's version, verified, newcomer's version, verified, newcomer wins)
    let rows = [
        (10, true, 11, true, true),
        (10, true, 9, true, false),
        (10, true, 11, false, false),
        (10, false, 9, true, true),
        (10, true, 10, true, true), // equal but for the id: the higher one
    ];
    for (theirs, their_verified, ours, our_verified, wins) in rows {
        let holder =
            record(&webhook(1, theirs, Profile { email: email("a@x.org", their_verified), ..named("Bea") }));
        let view = View { rivals: vec![holder], first_admin: Some(id(9)), ..View::default() };
        let decision = check(&view, &webhook(2, ours, claim(our_verified)), Outcome::Created);
        assert_eq!(after(&decision).email_key(), wins.then_some("a@x.org"));
        assert!(after(&decision).is_dirty());
        let rival = changed(&decision, 1);
        assert_eq!(rival.email_key(), (!wins).then_some("a@x.org"));
        assert!(rival.is_dirty() && rival.rev == Revision(2));
        assert!(rival.profile.email.is_some(), "the claim stays");
    }
}

#[test]
fn a_claim_known_before_clashes_only_where_the_holder_changes() {
    // (we hold it, their version, our next version, verified, we hold it then)
    let rows = [
        (true, 5, 11, true, true),
        (false, 20, 11, true, false),
        (false, 20, 21, true, true),
        (true, 5, 11, false, false),
    ];
    for (held, theirs, ours, verified, holds) in rows {
        let mut stored = record(&webhook(1, 10, with_email("a@x.org")));
        let mut rival = record(&webhook(2, theirs, with_email("a@x.org")));
        if held { &mut rival } else { &mut stored }.email = None;
        let view = seen(Entry::Live(stored), vec![rival]);
        let next = Profile { email: email("a@x.org", verified), ..named("Ada") };
        let decision = check(&view, &webhook(1, ours, next), Outcome::Updated);
        let clash = held != holds;
        assert_eq!(after(&decision).email_key(), holds.then_some("a@x.org"));
        assert_eq!((after(&decision).is_dirty(), decision.changes.len()), (clash, 1 + usize::from(clash)));
        if clash {
            let rival = changed(&decision, 2);
            assert_eq!((rival.email_key(), rival.is_dirty()), ((!holds).then_some("a@x.org"), true));
        }
    }
}

#[test]
fn an_address_let_go_returns_to_the_next_claim() {
    let holder = record(&webhook(1, 10, with_email("a@x.org")));
    let mut waiting = record(&webhook(2, 9, with_email("a@x.org")));
    waiting.email = None;
    let view = seen(Entry::Live(holder), vec![waiting]);
    let moved = check(&view, &webhook(1, 11, with_email("b@x.org")), Outcome::Updated);
    assert_eq!(after(&moved).email_key(), Some("b@x.org"));
    assert_eq!(changed(&moved, 2).email_key(), Some("a@x.org"));
    let deleted = Fact::Deleted { id: id(1), at: NOW, source: Source::Webhook };
    assert_eq!(changed(&check(&view, &deleted, Outcome::Deleted), 2).email_key(), Some("a@x.org"));
    let none = check(&view, &webhook(1, 11, named("Ada")), Outcome::Updated);
    assert_eq!(after(&none).email_key(), None);
    assert_eq!(changed(&none, 2).email_key(), Some("a@x.org"));
}

#[test]
fn two_johns_without_username_both_have_a_name() {
    let first = record(&webhook(1, 10, named("John")));
    assert_eq!(first.username.as_ref().unwrap().as_str(), "John");
    let view = View { rivals: vec![first.clone()], first_admin: Some(id(9)), ..View::default() };
    let decision = check(&view, &webhook(2, 10, named("john")), Outcome::Created);
    assert_eq!(after(&decision).username.as_ref().unwrap().as_str(), "john_00000002");
    assert!(!after(&decision).is_dirty() && decision.changes.len() == 1);
    // Without any name: `user_` and the end of the id.
    let nameless = record(&webhook(3, 10, Profile::default()));
    assert_eq!(nameless.username.unwrap().as_str(), "user_00000003");
}

#[test]
fn a_derived_name_yields_to_a_given_one_and_is_derived_anew_by_the_repair() {
    let derived = record(&webhook(1, 10, named("John")));
    let view = View { rivals: vec![derived], first_admin: Some(id(9)), ..View::default() };
    let decision = check(&view, &webhook(2, 5, given("john")), Outcome::Created);
    assert_eq!(after(&decision).username_key(), Some("john"));
    let yielded = changed(&decision, 1).clone();
    assert_eq!((yielded.username_key(), yielded.is_dirty()), (None, true));
    let fence = yielded.rev;
    let view = seen(Entry::Live(yielded), vec![after(&decision).clone()]);
    let fact = Fact::Repaired { snapshot: snapshot(1, 10, named("John")), fence };
    let repaired = check(&view, &fact, Outcome::Repaired);
    assert_eq!(after(&repaired).username.as_ref().unwrap().as_str(), "John_00000001");
}

#[test]
fn of_two_given_usernames_the_newest_keeps_it() {
    let older = record(&webhook(1, 10, given("ada")));
    let view = View { rivals: vec![older], first_admin: Some(id(9)), ..View::default() };
    let decision = check(&view, &webhook(2, 11, given("Ada")), Outcome::Created);
    assert_eq!(after(&decision).username.as_ref().unwrap().as_str(), "Ada");
    assert_eq!((changed(&decision, 1).username_key(), changed(&decision, 1).is_dirty()), (None, true));
}

#[test]
fn a_derived_name_follows_the_first_name_and_otherwise_stays() {
    let stored = record(&webhook(1, 10, named("Ada")));
    let view = seen(Entry::Live(stored), vec![]);
    let same = check(
        &view,
        &webhook(1, 11, Profile { last_name: Some("King".into()), ..named("Ada") }),
        Outcome::Updated,
    );
    assert_eq!(after(&same).username.as_ref().unwrap().as_str(), "Ada");
    let renamed = check(&view, &webhook(1, 11, named("Bea")), Outcome::Updated);
    assert_eq!(after(&renamed).username.as_ref().unwrap().as_str(), "Bea");
}

#[test]
fn a_role_by_policy_is_given_with_the_first_whole_user_and_never_again() {
    let policy = RolePolicy::PublicMetadata { field: "role".into() };
    let staff = Profile { public_metadata: r#"{"role":"staff"}"#.into(), ..named("Ada") };
    let claims = Fact::Claims { id: id(1), profile: named("Ada"), impersonated: false };
    let decision = decide(&View::default(), &claims, NOW, &policy);
    assert_eq!(after(&decision).role, Some(Role::user()));
    let view = seen(decision.entry.unwrap(), vec![]);
    let decision = decide(&view, &webhook(1, 10, staff), NOW, &policy);
    assert_eq!(after(&decision).role.as_ref().unwrap().as_str(), "staff");
    let view = seen(decision.entry.unwrap(), vec![]);
    let decision = decide(&view, &webhook(1, 11, named("Ada")), NOW, &policy);
    assert_eq!(after(&decision).role.as_ref().unwrap().as_str(), "staff");
}

#[test]
fn an_allow_list_counts_verified_addresses_only() {
    let policy = RolePolicy::AllowList { ids: [id(1)].into(), emails: ["boss@x.org".to_string()].into() };
    let role = |n, verified| {
        let profile = Profile { email: email("Boss@x.org", verified), ..named("Ada") };
        after(&decide(&View::default(), &webhook(n, 10, profile), NOW, &policy)).role.clone().unwrap()
    };
    assert_eq!((role(1, false), role(2, true), role(3, false)), (Role::admin(), Role::admin(), Role::user()));
}

#[test]
fn a_doubt_makes_a_record_dirty_and_nothing_else() {
    let doubt = Fact::Doubted { id: id(1) };
    assert!(check(&View::default(), &doubt, Outcome::Unknown).changes.is_empty());
    let stored = record(&webhook(1, 10, named("Ada")));
    let decision = check(&seen(Entry::Live(stored.clone()), vec![]), &doubt, Outcome::Doubted);
    let record = after(&decision);
    assert_eq!((record.is_dirty(), record.rev, &record.profile), (true, Revision(2), &stored.profile));
}

#[test]
fn a_fact_without_a_profile_derives_no_username() {
    let mut waiting = record(&webhook(1, 10, named("John")));
    waiting.username = None;
    let view = seen(Entry::Live(waiting), vec![]);
    // Who holds "john" is not in the view of a sign-in, so the record goes on waiting for its repair.
    let fact = Fact::SignedIn { id: id(1), at: NOW };
    assert_eq!(after(&check(&view, &fact, Outcome::SignedIn)).username, None);
}

#[test]
fn an_older_snapshot_still_tells_of_a_later_sign_in() {
    let stored = record(&webhook(1, 10, named("Ada")));
    let view = seen(Entry::Live(stored), vec![]);
    let mut older = snapshot(1, 9, named("Old"));
    older.last_sign_in_at = Some(Timestamp::from_millis(7));
    let decision = check(&view, &Fact::Snapshot { snapshot: older, via: Via::Webhook }, Outcome::Older);
    let record = after(&decision);
    assert_eq!(record.last_sign_in_at, Some(Timestamp::from_millis(7)));
    assert_eq!(record.profile.first_name.as_deref(), Some("Ada"));
}

#[test]
fn the_first_webhook_is_noted_once_and_by_webhooks_alone() {
    let stored = record(&lookup(1, 10, named("Ada")));
    assert_eq!(stored.webhook_at, None);
    let view = seen(Entry::Live(stored.clone()), vec![]);
    let listed = Fact::Snapshot { snapshot: snapshot(1, 11, named("Ada")), via: Via::Sweep };
    assert_eq!(after(&check(&view, &listed, Outcome::Updated)).webhook_at, None);
    let repaired = Fact::Repaired { snapshot: snapshot(1, 11, named("Ada")), fence: stored.rev };
    assert_eq!(after(&check(&view, &repaired, Outcome::Repaired)).webhook_at, None);
    let told = webhook(1, 11, named("Ada"));
    assert_eq!(after(&check(&view, &told, Outcome::Updated)).webhook_at, Some(NOW));
    let before = Timestamp::from_millis(1);
    let view = seen(Entry::Live(Record { webhook_at: Some(before), ..stored }), vec![]);
    assert_eq!(after(&check(&view, &told, Outcome::Updated)).webhook_at, Some(before));
}
