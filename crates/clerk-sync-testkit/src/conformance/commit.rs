//! What a commit changes, and when it is stale.

use clerk_sync_core::{Change, Entry, Repair, Revision, Subject};

use super::{Tested, about, bury, done, insert_all, is_absent, is_live, stale, stored, update, view, write};
use crate::sample::{NOW, at, delivery, delivery_id, dirty, next, record, tombstone, user_id};

/// What was inserted is there, under its id only.
pub async fn insert_then_record(store: Tested) {
    let ada = record("ada");
    is_absent(&store, &ada.id).await;
    done(&store, [Change::Insert(ada.clone())]).await;
    is_live(&store, &ada).await;
    is_absent(&store, &user_id("Ada")).await;
}

/// A second insert changes nothing.
pub async fn insert_on_a_record_is_stale(store: Tested) {
    let ada = record("ada");
    insert_all(&store, std::slice::from_ref(&ada)).await;
    let mut other = record("ada");
    other.profile.first_name = Some("Ada".into());
    stale(&store, [Change::Insert(other)]).await;
    is_live(&store, &ada).await;
}

/// Deleted is final for an insert.
pub async fn insert_on_a_tombstone_is_stale(store: Tested) {
    done(&store, [bury(tombstone("ada"), None)]).await;
    stale(&store, [Change::Insert(record("ada"))]).await;
}

/// An update at the revision replaces the whole record.
pub async fn update_at_the_revision(store: Tested) {
    let mut ada = record("ada");
    ada.profile.first_name = Some("Ada".into());
    insert_all(&store, std::slice::from_ref(&ada)).await;
    let mut after = next(record("ada"));
    after.profile.last_name = Some("Lovelace".into());
    done(&store, [update(after.clone(), ada.rev)]).await;
    is_live(&store, &after).await;
}

/// An update decided on another revision is stale, be it an older or a later one.
pub async fn update_at_another_revision_is_stale(store: Tested) {
    let ada = record("ada");
    insert_all(&store, std::slice::from_ref(&ada)).await;
    done(&store, [write(&ada)]).await;
    stale(&store, [write(&ada)]).await;
    stale(&store, [update(ada.clone(), Revision(3))]).await;
}

/// An update never inserts.
pub async fn update_without_a_record_is_stale(store: Tested) {
    stale(&store, [write(&record("ada"))]).await;
}

/// An update never lifts a tombstone.
pub async fn update_on_a_tombstone_is_stale(store: Tested) {
    let ada = record("ada");
    insert_all(&store, std::slice::from_ref(&ada)).await;
    done(&store, [bury(tombstone("ada"), Some(ada.rev))]).await;
    for rev in 0..4 {
        stale(&store, [update(next(ada.clone()), Revision(rev))]).await;
    }
}

/// A tombstone replaces the record.
pub async fn bury_a_record(store: Tested) {
    let ada = record("ada");
    insert_all(&store, std::slice::from_ref(&ada)).await;
    done(&store, [bury(tombstone("ada"), Some(ada.rev))]).await;
    assert_eq!(stored(&store, &ada.id).await, Some(Entry::Gone(tombstone("ada"))));
}

/// A tombstone is written where no record was.
pub async fn bury_without_a_record(store: Tested) {
    done(&store, [bury(tombstone("ada"), None)]).await;
    assert_eq!(stored(&store, &user_id("ada")).await, Some(Entry::Gone(tombstone("ada"))));
}

/// A burial decided on another revision, or on a record that is not there, is stale.
pub async fn bury_at_another_revision_is_stale(store: Tested) {
    insert_all(&store, &[record("ada")]).await;
    stale(&store, [bury(tombstone("ada"), Some(Revision(2)))]).await;
    stale(&store, [bury(tombstone("bob"), Some(Revision::FIRST))]).await;
}

/// A burial decided on an empty place is stale where something is.
pub async fn bury_expecting_nothing_on_something_is_stale(store: Tested) {
    insert_all(&store, &[record("ada")]).await;
    stale(&store, [bury(tombstone("ada"), None)]).await;
}

/// A tombstone is never replaced by another.
pub async fn bury_on_a_tombstone_is_stale(store: Tested) {
    done(&store, [bury(tombstone("ada"), None)]).await;
    let mut later = tombstone("ada");
    later.at = at(1);
    stale(&store, [bury(later.clone(), None)]).await;
    for rev in 0..3 {
        stale(&store, [bury(later.clone(), Some(Revision(rev)))]).await;
    }
}

/// A commit without changes is done.
pub async fn nothing_to_do_is_done(store: Tested) {
    done(&store, []).await;
}

/// One stale change, wherever it stands, keeps all others from being made.
pub async fn all_or_nothing(store: Tested) {
    let (ada, bob) = (record("ada"), record("bob"));
    insert_all(&store, &[ada.clone(), bob.clone()]).await;
    done(&store, [bury(tombstone("eve"), None)]).await;
    let good = [
        Change::Insert(record("cid")),
        write(&ada),
        bury(tombstone("bob"), Some(bob.rev)),
        bury(tombstone("dan"), None),
        Change::ClaimFirstAdmin(user_id("cid")),
        Change::Log { delivery: delivery("1"), expected: None },
        Change::PostponeRepair {
            id: user_id("ada"),
            expected: Revision(2),
            repair: Repair { due_at: NOW, attempts: 1 },
        },
    ];
    for position in 0..=good.len() {
        let mut changes = good.to_vec();
        changes.insert(position, Change::Insert(record("eve")));
        stale(&store, changes).await;
        let subject = Subject { delivery: Some(delivery_id("1")), ..about(&user_id("cid")) };
        let seen = view(&store, &subject).await;
        assert_eq!((seen.entry, seen.first_admin, seen.delivery), (None, None, None));
    }
    done(&store, good).await;
    assert_eq!(
        stored(&store, &user_id("ada")).await.and_then(|e| e.live().map(|r| r.rev)),
        Some(Revision(2))
    );
    assert_eq!(view(&store, &about(&ada.id)).await.first_admin, Some(user_id("cid")));
    assert!(store.delivery(&delivery_id("1")).await.expect("a delivery").is_some());
}

/// The claim to be the first administrator is given once, and stays when its record goes.
pub async fn first_admin_is_claimed_once(store: Tested) {
    let ada = record("ada");
    done(&store, [Change::Insert(ada.clone()), Change::ClaimFirstAdmin(ada.id.clone())]).await;
    stale(&store, [Change::Insert(record("bob")), Change::ClaimFirstAdmin(user_id("bob"))]).await;
    stale(&store, [Change::ClaimFirstAdmin(ada.id.clone())]).await;
    done(&store, [bury(tombstone("ada"), Some(ada.rev))]).await;
    stale(&store, [Change::ClaimFirstAdmin(user_id("bob"))]).await;
    assert_eq!(view(&store, &about(&user_id("bob"))).await.first_admin, Some(ada.id));
}

/// A repair is postponed without a new revision and without touching anything else.
pub async fn postpone_repair_at_the_revision(store: Tested) {
    let mut ada = dirty(record("ada"), NOW);
    insert_all(&store, std::slice::from_ref(&ada)).await;
    let repair = Repair { due_at: at(5_000), attempts: 3 };
    done(&store, [Change::PostponeRepair { id: ada.id.clone(), expected: ada.rev, repair }]).await;
    ada.repair = Some(repair);
    is_live(&store, &ada).await;
}

/// A record that has changed is left as it is.
pub async fn postpone_repair_at_another_revision_does_nothing(store: Tested) {
    let ada = dirty(record("ada"), NOW);
    insert_all(&store, std::slice::from_ref(&ada)).await;
    let repair = Repair { due_at: at(5_000), attempts: 3 };
    done(&store, [Change::PostponeRepair { id: ada.id.clone(), expected: Revision(2), repair }]).await;
    is_live(&store, &ada).await;
}

/// Where there is no record, be it gone or never known, nothing happens.
pub async fn postpone_repair_without_a_record_does_nothing(store: Tested) {
    done(&store, [bury(tombstone("ada"), None)]).await;
    let repair = Repair { due_at: at(5_000), attempts: 3 };
    for name in ["ada", "bob"] {
        let id = user_id(name);
        done(&store, [Change::PostponeRepair { id, expected: Revision::FIRST, repair }]).await;
    }
    assert_eq!(stored(&store, &user_id("ada")).await, Some(Entry::Gone(tombstone("ada"))));
    is_absent(&store, &user_id("bob")).await;
}
