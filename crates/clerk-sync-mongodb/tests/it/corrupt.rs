//! Documents that break their own rules, and numbers as shells write them.

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, Entry, StoreError, StoreErrorKind};
use clerk_sync_mongodb::MongoStore;
use clerk_sync_testkit::sample::{
    NOW, at, claiming_username, delivery, dirty, holding_email, record, user_id,
};
use mongodb::bson::{Bson, Document, doc};

use super::{open, patient};

fn names(error: &StoreError, collection: &str, id: &str) {
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
    let text = error.to_string();
    assert!(text.contains(collection) && text.contains(id), "{text}");
    assert!(!text.contains("x.test"), "{text}");
}

async fn set(store: &MongoStore, collection: &str, id: &str, field: &str, value: impl Into<Bson>) {
    let found = store.database().collection::<Document>(collection);
    let set = doc! { "$set": { field: value.into() } };
    assert_eq!(found.update_one(doc! { "_id": id }, set).await.unwrap().matched_count, 1);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_named() {
    let store = open(patient()).await;
    let faults: [(&str, Bson); 9] = [
        ("source", "nobody".into()),
        ("role", "ADMIN".into()),
        ("email", "no address".into()),
        ("username", "".into()),
        ("rev", (-1_i64).into()),
        ("rev", 1.5.into()),
        ("repair_attempts", (-1_i64).into()),
        ("banned", "no".into()),
        ("updated_at", mongodb::bson::DateTime::now().into()),
    ];
    for (i, (field, value)) in faults.into_iter().enumerate() {
        let id = format!("ada{i}");
        let ada = holding_email(record(&id), &format!("{id}@x.test"));
        let ada = dirty(claiming_username(ada, "ada", NOW), NOW);
        store.commit(vec![Change::Insert(ada.clone())]).await.unwrap();
        set(&store, "clerk_user", ada.id.as_str(), field, value).await;
        names(&store.record(&ada.id).await.unwrap_err(), "clerk_user", ada.id.as_str());
    }
    names(&store.entries(None, 10).await.unwrap_err(), "clerk_user", "user_ada0");
}

/// Shells write numbers as doubles.
#[tokio::test]
async fn whole_numbers_of_any_type_are_read() {
    let store = open(patient()).await;
    let ada = dirty(record("ada"), NOW);
    store.commit(vec![Change::Insert(ada.clone())]).await.unwrap();
    set(&store, "clerk_user", "user_ada", "rev", 1_i32).await;
    set(&store, "clerk_user", "user_ada", "repair_attempts", 0.0).await;
    #[expect(clippy::cast_precision_loss, reason = "what a shell would do")]
    set(&store, "clerk_user", "user_ada", "recorded_at", NOW.as_millis() as f64).await;
    assert_eq!(store.record(&ada.id).await.unwrap(), Some(Entry::Live(ada)));
}

/// A document that cannot be read must not keep the others from being repaired.
#[tokio::test]
async fn work_that_cannot_be_read_is_put_off() {
    let store = open(patient()).await;
    let users = [("ada", 0), ("bob", 1), ("cid", 2)].map(|(name, ms)| dirty(record(name), at(ms)));
    store.commit(users.map(Change::Insert).to_vec()).await.unwrap();
    let log = ["1", "2"].map(|name| Change::Log { delivery: delivery(name), expected: None });
    store.commit(log.to_vec()).await.unwrap();
    set(&store, "clerk_user", "user_ada", "source", "nobody").await;
    set(&store, "clerk_delivery", "msg_1", "user_id", "nobody").await;
    let taken = store.take_repairs(at(10), at(100), 2).await.unwrap();
    assert_eq!(taken.iter().map(|record| record.id.suffix()).collect::<Vec<_>>(), ["bob"]);
    assert_eq!(store.take_repairs(at(10), at(100), 2).await.unwrap().len(), 1);
    assert_eq!(store.take_repairs(at(10), at(100), 2).await.unwrap(), []);
    // Where there is nothing else, it is heard of.
    let error = store.take_repairs(at(100), at(200), 1).await.unwrap_err();
    names(&error, "clerk_user", user_id("ada").as_str());
    assert_eq!(store.take_deliveries(at(10), at(100), 9).await.unwrap().len(), 1);
    let late = store.take_deliveries(at(100), at(200), 1).await.unwrap_err();
    names(&late, "clerk_delivery", "msg_1");
}
