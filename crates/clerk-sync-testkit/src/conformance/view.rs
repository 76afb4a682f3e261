//! What a view shows.

use clerk_sync_core::{Change, DeliveryState, Entry, Record, Subject, View};

use super::{Tested, about, bury, done, insert_all, view};
use crate::sample::{
    NOW, at, claiming_email, claiming_username, delivery, delivery_id, deriving_username, email,
    holding_email, holding_username, record, tombstone, user_id, username,
};

fn by_email(name: &str, address: &str) -> Subject {
    Subject { email_keys: vec![address.into()], ..about(&user_id(name)) }
}

fn by_username(name: &str, keys: &[&str]) -> Subject {
    Subject { username_keys: keys.iter().map(|key| (*key).into()).collect(), ..about(&user_id(name)) }
}

fn ids(view: &View) -> Vec<&str> {
    view.rivals.iter().map(|record| record.id.suffix()).collect()
}

/// An empty store shows nothing.
pub async fn nothing_stored(store: Tested) {
    let subject = Subject {
        id: Some(user_id("ada")),
        email_keys: vec!["x@x.test".into()],
        username_keys: vec!["x".into()],
        delivery: Some(delivery_id("1")),
    };
    assert_eq!(view(&store, &subject).await, View::default());
}

/// A delivery that is about no user still shows its state and the first administrator.
pub async fn subject_without_a_user(store: Tested) {
    let log = Change::Log { delivery: delivery("1"), expected: None };
    done(&store, [Change::Insert(record("ada")), Change::ClaimFirstAdmin(user_id("ada")), log]).await;
    let subject = Subject {
        id: None,
        email_keys: Vec::new(),
        username_keys: Vec::new(),
        delivery: Some(delivery_id("1")),
    };
    let seen = view(&store, &subject).await;
    assert_eq!(seen.entry, None);
    assert_eq!(seen.rivals, []);
    assert_eq!(seen.first_admin, Some(user_id("ada")));
    assert_eq!(seen.delivery.map(|state| state.attempts), Some(0));
}

/// The entry under the id, and who has the claim.
pub async fn entry_and_first_admin(store: Tested) {
    let ada = record("ada");
    insert_all(&store, std::slice::from_ref(&ada)).await;
    let seen = view(&store, &about(&ada.id)).await;
    assert_eq!((seen.entry, seen.first_admin), (Some(Entry::Live(ada.clone())), None));
    done(&store, [Change::ClaimFirstAdmin(ada.id.clone())]).await;
    assert_eq!(view(&store, &about(&user_id("bob"))).await.first_admin, Some(ada.id));
}

/// A deleted user is seen as deleted.
pub async fn a_tombstone_is_an_entry(store: Tested) {
    done(&store, [bury(tombstone("ada"), None)]).await;
    assert_eq!(view(&store, &about(&user_id("ada"))).await.entry, Some(Entry::Gone(tombstone("ada"))));
}

/// A known delivery shows how far it has come; an unknown one shows nothing.
pub async fn delivery_state(store: Tested) {
    let mut known = delivery("1");
    known.attempts = 3;
    known.digest = [9; 32];
    let expected = DeliveryState { status: known.status, attempts: known.attempts, digest: known.digest };
    done(&store, [Change::Log { delivery: known, expected: None }]).await;
    let subject = |name| Subject { delivery: Some(delivery_id(name)), ..about(&user_id("ada")) };
    assert_eq!(view(&store, &subject("1")).await.delivery, Some(expected));
    assert_eq!(view(&store, &subject("2")).await.delivery, None);
    assert_eq!(view(&store, &about(&user_id("ada"))).await.delivery, None);
}

/// Who holds the address, and the highest claim of anyone else.
pub async fn email_holder_and_best_other_claim(store: Tested) {
    let claim = |name, version| claiming_email(record(name), "x@x.test", version);
    let mut holder = claim("holder", at(9));
    holder.email = Some(email("x@x.test"));
    insert_all(&store, &[claim("low", at(1)), holder.clone(), claim("high", at(3)), record("other")]).await;
    let seen = view(&store, &by_email("new", "x@x.test")).await;
    assert_eq!(seen.rivals, [claim("high", at(3)), holder]);
}

/// Verified before unverified, then newest, then id; without a version lowest.
pub async fn email_claims_rank_by_verified_version_id(store: Tested) {
    let claim = |name: &str, verified, version| {
        let mut record = claiming_email(record(name), "x@x.test", at(0));
        record.version = version;
        if let Some(claim) = &mut record.profile.email {
            claim.verified = verified;
        }
        record
    };
    // From the lowest to the highest: each new one is the one seen.
    let rising = [
        claim("m", false, None),
        claim("n", false, None),
        claim("a", false, Some(at(-9_999_999_999_999))),
        claim("e", false, Some(at(1))),
        claim("d", false, Some(at(2))),
        claim("f", false, Some(at(2))),
        claim("c", true, None),
        claim("b", true, Some(at(1))),
        claim("z", true, Some(at(1))),
    ];
    for record in rising {
        insert_all(&store, std::slice::from_ref(&record)).await;
        assert_eq!(view(&store, &by_email("new", "x@x.test")).await.rivals, [record]);
    }
}

/// Who holds the name, and the highest claim by a given name of anyone else.
pub async fn username_holder_and_best_given_claim(store: Tested) {
    let claim = |name, version| claiming_username(record(name), "x", version);
    let mut holder = claim("holder", at(9));
    holder.username = Some(username("x"));
    insert_all(&store, &[claim("low", at(1)), holder.clone(), claim("high", at(3)), record("other")]).await;
    assert_eq!(view(&store, &by_username("new", &["x"])).await.rivals, [claim("high", at(3)), holder]);
}

/// Newest, then id; without a version lowest.
pub async fn username_claims_rank_by_version_id(store: Tested) {
    let claim = |name: &str, version| Record { version, ..claiming_username(record(name), "x", at(0)) };
    let rising = [
        claim("m", None),
        claim("n", None),
        claim("c", Some(at(-9_999_999_999_999))),
        claim("b", Some(at(1))),
        claim("z", Some(at(1))),
        claim("a", Some(at(2))),
    ];
    for record in rising {
        insert_all(&store, std::slice::from_ref(&record)).await;
        assert_eq!(view(&store, &by_username("new", &["x"])).await.rivals, [record]);
    }
}

/// A derived name is seen while it is held; a record that has lost one does not claim it.
pub async fn derived_usernames_are_holders_and_no_claims(store: Tested) {
    let holder = deriving_username(record("ada"), "Ada");
    let mut waiting = record("bob");
    waiting.profile.first_name = Some("Ada".into());
    insert_all(&store, &[holder.clone(), waiting]).await;
    assert_eq!(view(&store, &by_username("new", &["ada", "ada_new"])).await.rivals, [holder]);
}

/// What the stored record claims or holds counts, although the fact does not name it.
pub async fn keys_of_the_stored_record_count(store: Tested) {
    let ada = holding_username(holding_email(record("ada"), "a@x.test"), "a");
    let by_email = claiming_email(record("bob"), "a@x.test", NOW);
    let by_name = claiming_username(record("cid"), "a", NOW);
    insert_all(&store, &[ada.clone(), by_email, by_name]).await;
    assert_eq!(ids(&view(&store, &about(&ada.id)).await), ["bob", "cid"]);
}

/// A record that holds something else than it claims brings the rivals of both.
pub async fn keys_held_and_claimed_apart(store: Tested) {
    let mut ada = claiming_username(claiming_email(record("ada"), "a@x.test", NOW), "a", NOW);
    ada.email = Some(email("b@x.test"));
    ada.username = Some(username("b"));
    let others = [
        holding_email(record("r1"), "a@x.test"),
        claiming_email(record("r2"), "b@x.test", NOW),
        holding_username(record("r3"), "a"),
        claiming_username(record("r4"), "b", NOW),
    ];
    insert_all(&store, &others).await;
    insert_all(&store, std::slice::from_ref(&ada)).await;
    assert_eq!(ids(&view(&store, &about(&ada.id)).await), ["r1", "r2", "r3", "r4"]);
}

/// The subject's own record never is among the rivals, and does not hide the best of them.
pub async fn the_subject_is_no_rival(store: Tested) {
    let ada = claiming_username(claiming_email(record("ada"), "x@x.test", at(9)), "x", at(9));
    let bob = claiming_username(claiming_email(record("bob"), "x@x.test", at(1)), "x", at(1));
    insert_all(&store, &[ada, bob.clone()]).await;
    let subject = Subject {
        email_keys: vec!["x@x.test".into()],
        username_keys: vec!["x".into()],
        ..about(&user_id("ada"))
    };
    assert_eq!(view(&store, &subject).await.rivals, [bob]);
}

/// A record that matters for several reasons is there once.
pub async fn a_rival_is_named_once(store: Tested) {
    let bob = holding_username(holding_email(record("bob"), "x@x.test"), "x");
    let ada = claiming_username(claiming_email(record("ada"), "x@x.test", at(1)), "x", at(1));
    insert_all(&store, &[ada, bob.clone()]).await;
    let subject = Subject {
        email_keys: vec!["x@x.test".into(), "x@x.test".into()],
        username_keys: vec!["x".into(), "x".into()],
        ..about(&user_id("ada"))
    };
    assert_eq!(view(&store, &subject).await.rivals, [bob]);
}

/// However many claim one address and one name, a view stays small.
pub async fn many_claimants_stay_bounded(store: Tested) {
    let all: Vec<Record> = (0..300)
        .map(|i| {
            let record = claiming_email(record(&format!("u{i:03}")), "x@x.test", at(i));
            claiming_username(record, "x", at(i))
        })
        .collect();
    insert_all(&store, &all).await;
    let subject = Subject {
        email_keys: vec!["x@x.test".into()],
        username_keys: vec!["x".into()],
        ..about(&user_id("u299"))
    };
    assert_eq!(ids(&view(&store, &subject).await), ["u298"]);
}

/// Keys are the lower-cased forms, beyond ASCII too.
pub async fn keys_are_compared_lower_cased(store: Tested) {
    let ada = holding_username(holding_email(record("ada"), "ÄDA@X.test"), "ÉVA");
    insert_all(&store, std::slice::from_ref(&ada)).await;
    assert_eq!(view(&store, &by_email("new", "äda@x.test")).await.rivals, std::slice::from_ref(&ada));
    assert_eq!(view(&store, &by_username("new", &["éva"])).await.rivals, [ada]);
}

/// A deleted user claims nothing.
pub async fn tombstones_are_no_rivals(store: Tested) {
    let ada = holding_username(holding_email(record("ada"), "x@x.test"), "x");
    insert_all(&store, std::slice::from_ref(&ada)).await;
    done(&store, [bury(tombstone("ada"), Some(ada.rev))]).await;
    let subject = Subject { username_keys: vec!["x".into()], ..by_email("new", "x@x.test") };
    assert_eq!(view(&store, &subject).await.rivals, []);
}

/// Many at once see what each sees alone, in the order asked for: also where they are of one user, share their keys or
/// are each other's rivals.
pub async fn many_see_what_each_sees(store: Tested) {
    let ada = holding_username(holding_email(record("ada"), "a@x.test"), "a");
    let bob = claiming_username(claiming_email(record("bob"), "a@x.test", at(2)), "a", at(2));
    let cid = claiming_username(claiming_email(record("cid"), "a@x.test", at(1)), "a", at(1));
    let mut apart = claiming_email(record("dan"), "d@x.test", NOW);
    apart.email = Some(email("b@x.test"));
    insert_all(&store, &[ada, bob, cid, apart]).await;
    let log = Change::Log { delivery: delivery("1"), expected: None };
    let gone = bury(tombstone("gone"), None);
    done(&store, [gone, log, Change::ClaimFirstAdmin(user_id("ada"))]).await;
    let keys = |address: &str, name: &str| Subject {
        username_keys: vec![name.into(), "b".into()],
        ..by_email("new", address)
    };
    let subjects = [
        about(&user_id("unknown")),
        keys("a@x.test", "a"),
        Subject { id: Some(user_id("bob")), ..keys("b@x.test", "a") },
        Subject { id: None, ..keys("d@x.test", "a") },
        about(&user_id("dan")),
        Subject { delivery: Some(delivery_id("1")), ..about(&user_id("gone")) },
        Subject { delivery: Some(delivery_id("1")), ..about(&user_id("ada")) },
        about(&user_id("ada")),
        Subject { delivery: Some(delivery_id("2")), ..about(&user_id("cid")) },
        keys("a@x.test", "a"),
    ];
    let mut seen = store.views(&subjects).await.expect("views");
    seen.iter_mut().for_each(|view| view.rivals.sort_by(|a, b| a.id.cmp(&b.id)));
    let mut alone = vec![];
    for subject in &subjects {
        alone.push(view(&store, subject).await);
    }
    assert_eq!(seen, alone);
    assert_eq!(ids(&seen[1]), ["ada", "bob"]);
    assert_eq!(ids(&seen[2]), ["ada", "cid", "dan"]);
    assert_eq!(store.views(&[]).await.expect("views"), []);
}

/// A whole page at once, each with its own.
pub async fn a_page_of_views(store: Tested) {
    let name = |i: usize| format!("u{i:03}");
    let user = |i: usize| holding_email(record(&name(i)), &format!("{i}@x.test"));
    insert_all(&store, &(0..500).map(user).collect::<Vec<_>>()).await;
    // Each claims the address of the next.
    let subject = |i: usize| by_email(&name(i), &format!("{}@x.test", (i + 1) % 500));
    let seen = store.views(&(0..500).map(subject).collect::<Vec<_>>()).await.expect("views");
    assert_eq!(seen.len(), 500);
    for (i, view) in seen.iter().enumerate() {
        assert_eq!(view.entry, Some(Entry::Live(user(i))));
        assert_eq!(ids(view), [name((i + 1) % 500)]);
    }
}
