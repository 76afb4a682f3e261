//! What a database has to have.

use clerk_sync_core::port::Store;
use clerk_sync_core::{Change, Commit, Duplicates, Record, StoreErrorKind};
use clerk_sync_mongodb::{Migrate, MongoStore, Options, health};
use clerk_sync_testkit::sample::{holding_email, next, record};
use mongodb::bson::{Document, doc};
use mongodb::{Database, IndexModel, options::IndexOptions};

use super::{fresh, open, patient, server};

async fn refusal(options: Options) -> String {
    let error = MongoStore::connect(&server::shared(), options).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
    error.to_string()
}

/// A database in which a unique index was dropped; the options to open it again.
async fn without_unique_index() -> (Options, Database) {
    let options = patient();
    let store = open(options.clone()).await;
    let users = store.database().collection::<Document>("clerk_user");
    users.drop_index("clerk_user_email_key").await.unwrap();
    (options, store.database().clone())
}

async fn create(database: &Database, collection: &str, key: Document, options: IndexOptions) {
    let model = IndexModel::builder().keys(key).options(options).build();
    database.collection::<Document>(collection).create_index(model).await.unwrap();
}

fn named(name: &str) -> IndexOptions {
    IndexOptions::builder().name(name.to_owned()).build()
}

/// What would be refused can be examined, each fault in its own list, and nothing is made by that.
#[tokio::test]
async fn health_is_told_of_what_cannot_be_opened() {
    let options = patient();
    let empty = health(&server::shared(), &options).await.unwrap();
    assert_eq!(empty.pending, ["collections and indexes"]);
    assert!(empty.faults.is_empty() && empty.unwritable.is_none());
    refusal(options.migrate(Migrate::Refuse)).await;

    let (options, database) = without_unique_index().await;
    let users = database.collection::<Document>("clerk_user");
    for id in ["user_1", "user_2"] {
        users.insert_one(doc! { "_id": id, "email_key": "x@x.test" }).await.unwrap();
    }
    let broken = health(&server::shared(), &options).await.unwrap();
    assert!(broken.faults.len() == 1 && broken.faults[0].contains("clerk_user_email_key"), "{broken:?}");
    assert_eq!(broken.duplicates, [Duplicates { column: "email_key".into(), values: 1 }]);
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    let options = patient();
    open(options.clone()).await;
    open(options.clone()).await;
    open(options.migrate(Migrate::Refuse)).await;
}

/// Any number of replicas may start at once on an empty database.
#[tokio::test(flavor = "multi_thread")]
async fn many_open_at_once() {
    let options = patient();
    let starts: Vec<_> = (0..8).map(|_| tokio::spawn(open(options.clone()))).collect();
    for start in starts {
        start.await.unwrap();
    }
}

#[tokio::test]
async fn an_empty_database_is_refused_where_nothing_may_be_made() {
    let text = refusal(patient().migrate(Migrate::Refuse)).await;
    assert!(text.contains("collection clerk_user is missing"), "{text}");
}

#[tokio::test]
async fn a_missing_index_is_made_or_refused() {
    let (options, _) = without_unique_index().await;
    let text = refusal(options.clone().migrate(Migrate::Refuse)).await;
    assert!(text.contains("index clerk_user_email_key is missing"), "{text}");
    open(options.clone()).await;
    open(options.migrate(Migrate::Refuse)).await;
}

/// What an index would have prevented is counted, not shown.
#[tokio::test]
async fn duplicates_are_counted_and_not_named() {
    let (options, database) = without_unique_index().await;
    let users = database.collection::<Document>("clerk_user");
    for (id, key) in [("a", "x@x.test"), ("b", "x@x.test"), ("c", "y@x.test"), ("d", "y@x.test")] {
        users.insert_one(doc! { "_id": id, "email_key": key }).await.unwrap();
    }
    for migrate in [Migrate::Apply, Migrate::Refuse] {
        let text = refusal(options.clone().migrate(migrate)).await;
        assert!(text.contains("clerk_user_email_key"), "{text}");
        assert!(text.contains('2') && text.contains("held more than once"), "{text}");
        assert!(!text.contains("x.test"), "{text}");
    }
}

/// An index of the right name that is not unique, over another field, or over other documents.
#[tokio::test]
async fn an_index_of_another_definition_is_refused() {
    let name = "clerk_user_email_key";
    let mut loose = named(name);
    loose.sparse = Some(true);
    let mut unique = named(name);
    unique.unique = Some(true);
    let mut other = unique.clone();
    other.sparse = Some(true);
    let mut fewer = unique.clone();
    fewer.partial_filter_expression = Some(doc! { "email_key": { "$type": "string" } });
    for (key, index, fault) in [
        (doc! { "email_key": 1 }, loose, "is not unique"),
        (doc! { "phone": 1 }, other, "is over { \"phone\""),
        (doc! { "email_key": 1 }, unique, "is not sparse"),
        (doc! { "email_key": 1 }, fewer, "other documents"),
    ] {
        let (options, database) = without_unique_index().await;
        create(&database, "clerk_user", key, index).await;
        for migrate in [Migrate::Apply, Migrate::Refuse] {
            let text = refusal(options.clone().migrate(migrate)).await;
            assert!(text.contains(name) && text.contains(fault), "{text}");
        }
    }
}

/// Whatever removes tombstones or ids by age would bring the deleted back.
#[tokio::test]
async fn an_index_that_removes_by_age_is_refused() {
    for collection in ["clerk_user", "clerk_delivery", "clerk_claim"] {
        let options = patient();
        let store = open(options.clone()).await;
        let mut ttl = named("expires");
        ttl.expire_after = Some(std::time::Duration::from_secs(1));
        create(store.database(), collection, doc! { "deleted_at": 1_i32, "x": 1_i32 }, named("harmless"))
            .await;
        open(options.clone()).await;
        create(store.database(), collection, doc! { "at": 1_i32 }, ttl).await;
        let text = refusal(options).await;
        assert!(text.contains("expires") && text.contains("by age"), "{text}");
    }
}

/// A unique index of the app's own is not a race that looking again would win.
#[tokio::test]
async fn a_unique_index_of_others_is_no_lost_race() {
    let store = open(patient()).await;
    let mut unique = named("app_phone");
    unique.unique = Some(true);
    create(store.database(), "clerk_user", doc! { "first_name": 1 }, unique).await;
    let named = |id: &str| {
        let mut record = holding_email(record(id), &format!("{id}@x.test"));
        record.profile.first_name = Some("Secret".into());
        record
    };
    assert_eq!(store.commit(vec![Change::Insert(named("ada"))]).await.unwrap(), Commit::Done);
    let several = vec![Change::Insert(named("bob")), Change::ClaimFirstAdmin(named("bob").id)];
    let others = ["cid", "dan"].map(|id| {
        let mut record = record(id);
        record.profile.first_name = Some(id.into());
        record
    });
    store.commit(others.clone().map(Change::Insert).to_vec()).await.unwrap();
    let updates = others.map(|record| {
        let taking = next(Record { rev: record.rev, ..named(record.id.suffix()) });
        Change::Update { record: taking, expected: record.rev }
    });
    for changes in [vec![Change::Insert(named("bob"))], several, updates.to_vec()] {
        let error = store.commit(changes).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Schema);
        assert!(!format!("{error:?}").contains("Secret"), "{error:?}");
    }
}

/// A server that stands alone is refused with what to do about it.
#[tokio::test]
async fn a_server_that_stands_alone_is_refused() {
    let alone = server::Server::start(&["--standalone"]);
    let error = MongoStore::connect(&alone.uri(), Options::default().database(fresh())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema);
    assert!(error.to_string().contains("--replSet"), "{error}");
}

#[tokio::test]
async fn a_wrong_connection_string_keeps_its_password() {
    for uri in ["mongodb://ada:secret@@x/", "mongodb://ada:sec ret:x@h:99999/", "http://ada:secret@x"] {
        let error = MongoStore::connect(uri, Options::default()).await.unwrap_err();
        assert!(!format!("{error:?} {error}").contains("sec"), "{error:?}");
    }
}
