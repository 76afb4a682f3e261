use std::sync::Arc;

use super::*;
use crate::session::{NewSession, SessionStatus};
use crate::user::{NewUser, User, UserPatch};

fn state() -> State {
    State::new(1, "img.example".to_owned(), false)
}

fn tick(now_ms: i64) -> Tick {
    Tick { now_ms, grain_ms: 0 }
}

fn named(email: &str) -> NewUser {
    NewUser { email_address: vec![email.to_owned()], ..NewUser::default() }
}

fn create(state: &mut State, email: &str, now_ms: i64) -> Arc<User> {
    state.create_user(named(email), SignUp::Admin, tick(now_ms)).unwrap()
}

fn page(key: OrderKey, descending: bool, limit: usize) -> Page {
    Page { order: OrderBy { key, descending }, offset: 0, limit, starting_after: None }
}

fn emails(users: &[Arc<User>]) -> Vec<&str> {
    users.iter().map(|user| user.primary_email().unwrap().email_address.as_str()).collect()
}

const T: i64 = 1_769_500_800_000;

#[test]
fn versions_grow_strictly_unless_they_are_coarse() {
    let mut state = state();
    let user = create(&mut state, "a@example.com", T);
    let same_ms = state.set_banned(&user.id, true, tick(T)).unwrap();
    assert_eq!(same_ms.updated_at, user.updated_at + 1);
    let clock_went_back = state.set_banned(&user.id, false, tick(T - 500)).unwrap();
    assert_eq!(clock_went_back.updated_at, user.updated_at + 2);

    let coarse = Tick { now_ms: T + 1_999, grain_ms: 1_000 };
    let first = state.set_banned(&user.id, true, coarse).unwrap();
    let second = state.set_banned(&user.id, false, coarse).unwrap();
    assert_eq!((first.updated_at, second.updated_at), (T + 1_000, T + 1_000));
}

#[test]
fn claimed_addresses_are_unique_and_unverified_ones_are_not() {
    let mut state = state();
    let ada = create(&mut state, "ada@example.com", T);
    let taken = Refusal::Taken { param: "email_address" };
    assert_eq!(state.create_user(named("ADA@example.com"), SignUp::Admin, tick(T)), Err(taken.clone()));

    let bob = create(&mut state, "bob@example.com", T);
    let (_, at_ada) = state.add_email(&ada.id, "shared@example.com", false, false, tick(T)).unwrap();
    let (_, at_bob) = state.add_email(&bob.id, "shared@example.com", false, false, tick(T)).unwrap();
    state.update_email(&at_bob.id, Some(true), None, tick(T)).unwrap();
    assert_eq!(state.update_email(&at_ada.id, Some(true), None, tick(T)), Err(Refusal::Claimed));

    // A deleted user's address is free again.
    state.delete_user(&bob.id, tick(T)).unwrap();
    state.update_email(&at_ada.id, Some(true), None, tick(T)).unwrap();
}

#[test]
fn a_reserved_address_is_locked_though_nobody_verified_it() {
    let mut state = state();
    let status = vec![crate::user::IdentificationStatus::Reserved];
    let new = NewUser { email_address_identification_status: status, ..named("r@example.com") };
    let user = state.create_user(new, SignUp::Admin, tick(T)).unwrap();
    assert!(user.email_addresses[0].reserved && !user.email_addresses[0].verified());
    let taken = Refusal::Taken { param: "email_address" };
    assert_eq!(state.create_user(named("r@example.com"), SignUp::Admin, tick(T)), Err(taken));
}

#[test]
fn usernames_and_external_ids_are_unique_but_can_be_kept_and_moved() {
    let mut state = state();
    let new = |email: &str| NewUser {
        username: Some("ada_king".into()),
        external_id: Some("7".into()),
        ..named(email)
    };
    let ada = state.create_user(new("a@example.com"), SignUp::Admin, tick(T)).unwrap();
    let taken = state.create_user(new("b@example.com"), SignUp::Admin, tick(T));
    assert_eq!(taken, Err(Refusal::Taken { param: "username" }));
    let keep = UserPatch { username: Some(Some("Ada_King".into())), ..UserPatch::default() };
    state.update_user(&ada.id, keep, tick(T)).unwrap();
    let give_up = UserPatch { username: Some(None), external_id: Some(None), ..UserPatch::default() };
    state.update_user(&ada.id, give_up, tick(T)).unwrap();
    state.create_user(new("b@example.com"), SignUp::Admin, tick(T)).unwrap();
}

#[test]
fn pages_by_cursor_meet_everybody_once_in_both_directions() {
    let mut state = state();
    // Three of each millisecond, so that the order inside a tie matters.
    let all: Vec<_> =
        (0..25).map(|n| create(&mut state, &format!("u{n}@example.com"), T + n / 3).id.clone()).collect();
    for descending in [false, true] {
        let mut seen = Vec::new();
        let mut page = page(OrderKey::CreatedAt, descending, 4);
        loop {
            let users = state.list_users(&UserQuery::default(), &page, None).unwrap();
            seen.extend(users.iter().map(|user| user.id.clone()));
            if users.len() < page.limit {
                break;
            }
            page.starting_after = users.last().map(|user| user.id.to_string());
        }
        assert_eq!(seen.len(), 25);
        seen.sort();
        let mut expected = all.clone();
        expected.sort();
        assert_eq!(seen, expected);
    }
    let lost = Page { starting_after: Some("user_gone".into()), ..page(OrderKey::CreatedAt, true, 4) };
    assert!(matches!(state.list_users(&UserQuery::default(), &lost, None), Err(Refusal::NotFound { .. })));
}

#[test]
fn every_order_gives_the_same_list_in_parts_and_through_a_filter() {
    let mut state = state();
    for n in 0..23 {
        let user = create(&mut state, &format!("u{}@example.com", n * 7 % 23), T + n / 3);
        if n % 2 == 0 {
            let first_name = Some(Some(format!("N{}", n % 5)));
            let patch = UserPatch { first_name, ..UserPatch::default() };
            state.update_user(&user.id, patch, tick(T + 100 - n)).unwrap();
        }
    }
    let everybody = UserQuery { banned: Some(false), ..UserQuery::default() };
    for key in [OrderKey::CreatedAt, OrderKey::UpdatedAt, OrderKey::EmailAddress, OrderKey::FirstName] {
        for descending in [false, true] {
            let list = |query: &UserQuery, offset, limit| {
                let page = Page { offset, ..page(key, descending, limit) };
                let users = state.list_users(query, &page, None).unwrap();
                users.iter().map(|user| user.id.clone()).collect::<Vec<_>>()
            };
            let whole = list(&UserQuery::default(), 0, 500);
            assert_eq!((whole.len(), &list(&everybody, 0, 500)), (23, &whole), "{key:?}");
            for offset in 0..25 {
                let part: Vec<_> = whole.iter().skip(offset).take(4).cloned().collect();
                assert_eq!(list(&UserQuery::default(), offset, 4), part, "{key:?} from {offset}");
                assert_eq!(list(&everybody, offset, 4), part, "{key:?} from {offset}, filtered");
            }
        }
    }
}

#[test]
fn filters_restrict_together() {
    let mut state = state();
    let a = create(&mut state, "a@one.example", T);
    let b = create(&mut state, "b@one.example", T + 1);
    let c = create(&mut state, "c@two.example", T + 2);
    state.set_banned(&b.id, true, tick(T + 9)).unwrap();
    let check = |query: UserQuery, expected: &[&str]| {
        let users = state.list_users(&query, &page(OrderKey::CreatedAt, false, 10), None).unwrap();
        assert_eq!(emails(&users), expected, "{query:?}");
        assert_eq!(state.count_users(&query, None), expected.len(), "{query:?}");
    };
    let some = |text: &str| Some(text.to_owned());
    check(UserQuery::default(), &["a@one.example", "b@one.example", "c@two.example"]);
    check(
        UserQuery { email_address_query: some("ONE."), ..Default::default() },
        &["a@one.example", "b@one.example"],
    );
    check(UserQuery { query: some("one.ex"), banned: Some(false), ..Default::default() }, &["a@one.example"]);
    check(UserQuery { query: some(&c.id), ..Default::default() }, &["c@two.example"]);
    check(UserQuery { created_at_after: Some(T), ..Default::default() }, &["b@one.example", "c@two.example"]);
    check(UserQuery { created_at_before: Some(T), ..Default::default() }, &[]);
    check(UserQuery { last_sign_in_at_before: Some(i64::MAX), ..Default::default() }, &[]);
    let include = Signed { include: vec![a.id.to_string(), "user_unknown".into()], exclude: vec![] };
    check(UserQuery { user_id: include, ..Default::default() }, &["a@one.example"]);
    let exclude = Signed { include: vec![], exclude: vec![a.id.to_string()] };
    check(UserQuery { user_id: exclude, ..Default::default() }, &["b@one.example", "c@two.example"]);
    check(
        UserQuery { email_address: vec!["B@ONE.example".into()], ..Default::default() },
        &["b@one.example"],
    );
    let member = Signed { include: vec!["org_1".into()], exclude: vec![] };
    check(UserQuery { organization_id: member, ..Default::default() }, &[]);
}

#[test]
fn the_past_is_shown_whole() {
    let mut state = state();
    let kept = create(&mut state, "kept@example.com", T);
    let gone = create(&mut state, "gone@example.com", T + 1);
    state.set_banned(&kept.id, true, tick(T + 100)).unwrap();
    state.delete_user(&gone.id, tick(T + 101)).unwrap();
    let new = create(&mut state, "new@example.com", T + 102);

    let at = |as_of| {
        let listed =
            state.list_users(&UserQuery::default(), &page(OrderKey::UpdatedAt, true, 10), as_of).unwrap();
        listed.iter().map(|user| (user.id.clone(), user.banned)).collect::<Vec<_>>()
    };
    assert_eq!(at(Some(T + 50)), [(gone.id.clone(), false), (kept.id.clone(), false)]);
    assert_eq!(at(Some(T + 100)), [(kept.id.clone(), true), (gone.id.clone(), false)]);
    assert_eq!(at(None), [(new.id.clone(), false), (kept.id.clone(), true)]);
    assert_eq!(state.count_users(&UserQuery::default(), Some(T)), 1);
    assert!(state.user_as_of(&new.id, T + 50).is_err());
    assert!(!state.user_as_of(&gone.id, T + 50).unwrap().banned);
    assert!(state.user(&gone.id).is_err());
}

#[test]
fn a_lock_runs_out_by_itself_and_a_ban_ends_sessions() {
    let mut state = state();
    let user = create(&mut state, "a@example.com", T);
    let locked = state.set_locked(&user.id, true, tick(T)).unwrap();
    assert_eq!(locked.seen_at(T + 1_500).lockout_expires_in_seconds, Some(3_599));
    let refused = state.create_session(NewSession::of(&*user.id), None, tick(T + 10));
    assert_eq!(refused.unwrap_err(), Refusal::Locked);
    let (signed_in, session) =
        state.create_session(NewSession::of(&*user.id), None, tick(T + 3_600_000)).unwrap();
    assert_eq!(signed_in.last_sign_in_at, Some(T + 3_600_000));
    assert!(signed_in.updated_at > locked.updated_at);

    let revoked = state.revoke_sessions(&user.id, T + 3_600_001);
    assert_eq!(revoked.len(), 1);
    assert_eq!(state.session(&session.id, T + 3_600_002).unwrap().status, SessionStatus::Revoked);
    assert!(state.revoke_sessions(&user.id, T + 3_600_003).is_empty());
}
