//! Two records never hold one e-mail address or one username.
//!
//! It is judged once all changes of a commit are made, so their order does not matter.

use clerk_sync_core::{Change, Record};

use super::{Tested, bury, done, insert_all, is_live, stale, stored, write};
use crate::sample::{
    NOW, claiming_email, claiming_username, email, holding_email, holding_username, next, record, tombstone,
    user_id, username,
};

/// An address another record holds cannot be taken, in whatever letter case.
pub async fn a_held_email_is_stale(store: Tested) {
    let bob = record("bob");
    insert_all(&store, &[holding_email(record("ada"), "Ada@x.test"), bob.clone()]).await;
    stale(&store, [Change::Insert(holding_email(record("cid"), "ada@X.test"))]).await;
    stale(&store, [write(&holding_email(bob, "ada@x.test"))]).await;
}

/// A name another record holds cannot be taken, in whatever letter case.
pub async fn a_held_username_is_stale(store: Tested) {
    let bob = record("bob");
    insert_all(&store, &[holding_username(record("ada"), "Äda"), bob.clone()]).await;
    stale(&store, [Change::Insert(holding_username(record("cid"), "äda"))]).await;
    stale(&store, [write(&holding_username(bob, "äDA"))]).await;
}

/// Any number of records may claim what one holds, or nobody.
pub async fn claims_may_be_shared(store: Tested) {
    let claim = |name| claiming_username(claiming_email(record(name), "x@x.test", NOW), "x", NOW);
    insert_all(
        &store,
        &[claim("ada"), claim("bob"), holding_username(holding_email(record("cid"), "x@x.test"), "x")],
    )
    .await;
}

/// Commits both orders of `changes` on a fresh pair and sees the result each time.
async fn both_orders(store: &Tested, before: [Record; 2], after: [Record; 2]) {
    insert_all(store, &before).await;
    let changes = [0, 1].map(|i: usize| Change::Update { record: after[i].clone(), expected: before[i].rev });
    done(store, changes).await;
    for record in &after {
        is_live(store, record).await;
    }
    // And back again, in the other order.
    let back = [1, 0].map(|i: usize| {
        let mut record = before[i].clone();
        record.rev = after[i].rev.next();
        Change::Update { record, expected: after[i].rev }
    });
    done(store, back).await;
    for (record, now) in before.iter().zip(&after) {
        let mut record = record.clone();
        record.rev = now.rev.next();
        is_live(store, &record).await;
    }
}

/// Two records swap an address, the giver first and the taker first.
pub async fn swap_an_email(store: Tested) {
    let mut free = next(record("ada"));
    free.profile = holding_email(record("ada"), "x@x.test").profile;
    let before = [holding_email(record("ada"), "x@x.test"), record("bob")];
    both_orders(&store, before, [free, next(holding_email(record("bob"), "x@x.test"))]).await;
}

/// Two records swap a name, the giver first and the taker first.
pub async fn swap_a_username(store: Tested) {
    let before = [holding_username(record("ada"), "x"), record("bob")];
    let after = [next(record("ada")), next(holding_username(record("bob"), "x"))];
    both_orders(&store, before, after).await;
}

/// Two records exchange two addresses and two names at once.
pub async fn swap_both_in_both_directions(store: Tested) {
    let with = |name, address, nick| holding_username(holding_email(record(name), address), nick);
    let before = [with("ada", "a@x.test", "a"), with("bob", "b@x.test", "b")];
    let after = [next(with("ada", "b@x.test", "b")), next(with("bob", "a@x.test", "a"))];
    both_orders(&store, before, after).await;
}

/// Three records pass an address around in a circle.
pub async fn rotate_among_three(store: Tested) {
    let names = ["ada", "bob", "cid"];
    let addresses = ["a@x.test", "b@x.test", "c@x.test"];
    let before = [0, 1, 2].map(|i: usize| holding_email(record(names[i]), addresses[i]));
    insert_all(&store, &before).await;
    let after = [0, 1, 2].map(|i: usize| next(holding_email(record(names[i]), addresses[(i + 1) % 3])));
    let changes =
        [0, 1, 2].map(|i: usize| Change::Update { record: after[i].clone(), expected: before[i].rev });
    done(&store, changes).await;
    for record in &after {
        is_live(&store, record).await;
    }
}

/// A new record takes what its holder lets go in the same commit, whichever change comes first.
pub async fn hand_over_to_a_new_record(store: Tested) {
    let ada = holding_email(record("ada"), "x@x.test");
    insert_all(&store, std::slice::from_ref(&ada)).await;
    let mut without = next(ada.clone());
    without.email = None;
    let bob = holding_email(record("bob"), "x@x.test");
    done(&store, [Change::Insert(bob.clone()), write(&Record { email: None, ..ada })]).await;
    is_live(&store, &without).await;
    is_live(&store, &bob).await;
}

/// What a buried record held is taken in the same commit, whichever change comes first.
pub async fn hand_over_from_a_buried_record(store: Tested) {
    let with = |name| holding_username(holding_email(record(name), "x@x.test"), "x");
    let (ada, bob) = (with("ada"), record("bob"));
    insert_all(&store, &[ada.clone(), bob.clone()]).await;
    let heir = next(with("bob"));
    let take = Change::Update { record: heir.clone(), expected: bob.rev };
    done(&store, [take, bury(tombstone("ada"), Some(ada.rev))]).await;
    is_live(&store, &heir).await;

    let cid = record("cid");
    insert_all(&store, std::slice::from_ref(&cid)).await;
    let heir = next(with("cid"));
    let take = Change::Update { record: heir.clone(), expected: cid.rev };
    done(&store, [bury(tombstone("bob"), Some(next(bob).rev)), take]).await;
    is_live(&store, &heir).await;
}

/// A commit that would leave two records with one key is stale, also if both are of this commit.
pub async fn two_records_of_one_commit_with_one_key_are_stale(store: Tested) {
    let with_email = |name| holding_email(record(name), "x@x.test");
    let with_name = |name| holding_username(record(name), "x");
    stale(&store, [Change::Insert(with_email("ada")), Change::Insert(with_email("bob"))]).await;
    stale(&store, [Change::Insert(with_name("ada")), Change::Insert(with_name("bob"))]).await;
    let (ada, bob) = (record("ada"), record("bob"));
    insert_all(&store, &[ada.clone(), bob.clone()]).await;
    stale(&store, [write(&with_email("ada")), write(&with_email("bob"))]).await;
    stale(&store, [write(&with_name("bob")), write(&with_name("ada"))]).await;
    is_live(&store, &ada).await;
    is_live(&store, &bob).await;
}

/// What a deleted user held is free.
pub async fn a_tombstone_holds_nothing(store: Tested) {
    let ada = holding_username(holding_email(record("ada"), "x@x.test"), "x");
    insert_all(&store, std::slice::from_ref(&ada)).await;
    done(&store, [bury(tombstone("ada"), Some(ada.rev))]).await;
    let mut bob = record("bob");
    bob.email = Some(email("x@x.test"));
    bob.username = Some(username("x"));
    insert_all(&store, std::slice::from_ref(&bob)).await;
    assert!(stored(&store, &user_id("bob")).await.is_some());
}
