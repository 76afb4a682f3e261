//! What is MongoDB's own about a commit.

use std::time::{Duration, Instant};

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, Commit, Delivery, Entry, StoreErrorKind};
use clerk_sync_testkit::sample::{NOW, at, delivery, dirty, holding_email, next, record, tombstone};
use mongodb::ClientSession;
use mongodb::bson::{Document, doc};

use super::{another, open, patient, server};

fn update(name: &str) -> Change {
    Change::Update { record: next(record(name)), expected: record(name).rev }
}

/// A transaction of somebody else that has written to the user and does not end.
async fn held(store: &clerk_sync_mongodb::MongoStore, name: &str) -> (ClientSession, mongodb::Database) {
    let other = another(store, &server::shared()).await;
    let mut session = other.client().start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let users = other.collection::<Document>("clerk_user");
    let id = record(name).id;
    let touch = users.update_one(doc! { "_id": id.as_str() }, doc! { "$set": { "touched": true } });
    assert_eq!(touch.session(&mut session).await.unwrap().matched_count, 1);
    (session, other)
}

/// Two transactions on one record: the second to write is stale at once, and can be done once the first is
/// over.
#[tokio::test]
async fn a_write_conflict_is_stale() {
    let store = open(patient()).await;
    store.commit(vec![Change::Insert(record("ada")), Change::Insert(record("bob"))]).await.unwrap();
    let (mut session, _other) = held(&store, "ada").await;
    let changes = || vec![update("bob"), update("ada")];
    assert_eq!(store.commit(changes()).await.unwrap(), Commit::Stale);
    session.abort_transaction().await.unwrap();
    assert_eq!(store.commit(changes()).await.unwrap(), Commit::Done);
}

/// A transaction nobody ends holds up a single write until its time is over, and no other record at all;
/// and where all places are taken, nobody waits long for one.
#[tokio::test]
async fn an_open_transaction_of_others_is_waited_for_within_limits() {
    open(patient()).await;
    let (timeout, wait) = (Duration::from_secs(3), Duration::from_millis(300));
    let database = patient().database.unwrap();
    let patient = open(patient().database(&database)).await;
    patient.commit(vec![Change::Insert(record("ada")), Change::Insert(record("bob"))]).await.unwrap();
    let store = open(super::patient().database(&database).timeout(timeout).pool_wait(wait).pool(1)).await;
    let (mut session, _other) = held(&store, "ada").await;
    let start = Instant::now();
    let blocked = tokio::spawn({
        let store = store.clone();
        async move { (store.commit(vec![update("ada")]).await, start.elapsed()) }
    });
    tokio::task::yield_now().await;
    let refused = store.record(&record("bob").id).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    assert!(start.elapsed() < timeout / 2, "{:?}", start.elapsed());
    let (answer, waited) = blocked.await.unwrap();
    assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(waited >= timeout && waited < timeout * 2, "{waited:?}");
    assert_eq!(store.commit(vec![update("bob")]).await.unwrap(), Commit::Done);
    session.abort_transaction().await.unwrap();
    // What was given up on may still have been written: its outcome was unknown.
    let answer = store.commit(vec![update("ada")]).await.unwrap();
    let Some(Entry::Live(ada)) = store.record(&record("ada").id).await.unwrap() else { panic!("no ada") };
    assert_eq!(ada.rev, next(record("ada")).rev, "{answer:?}");
}

/// Whoever goes away in the middle of a commit leaves nothing behind that others would have to wait for.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_commit_leaves_no_transaction_open() {
    let store = open(patient()).await;
    for round in 0..40 {
        let (ada, bob) = (format!("ada{round}"), format!("bob{round}"));
        let two = vec![Change::Insert(record(&ada)), Change::Insert(record(&bob))];
        store.commit(two).await.unwrap();
        let commit = store.commit(vec![update(&ada), update(&bob)]);
        // Each round a little later in its work.
        let cancelled = tokio::time::timeout(Duration::from_micros(round * 200), commit).await;
        let start = Instant::now();
        let mut answer = Commit::Stale;
        while answer == Commit::Stale {
            let Some(Entry::Live(now)) = store.record(&record(&ada).id).await.unwrap() else { panic!() };
            let Some(Entry::Live(two)) = store.record(&record(&bob).id).await.unwrap() else { panic!() };
            let changes = [now, two].map(|r| Change::Update { expected: r.rev, record: next(r) });
            answer = store.commit(changes.to_vec()).await.unwrap();
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{round}: {cancelled:?} {:?}", start.elapsed());
    }
}

/// Many updates are one command, and a command has its largest size: what is larger is several.
#[tokio::test]
async fn a_commit_larger_than_a_command_is_done() {
    let store = open(patient()).await;
    let body = "x".repeat(1_500_000);
    let log = |attempts: u32, expected| {
        (0..14).map(move |i| {
            let delivery = Delivery { attempts, ..delivery(&format!("{i}")) };
            Change::Log { delivery, expected }
        })
    };
    assert_eq!(store.commit(log(0, None).collect()).await.unwrap(), Commit::Done);
    let large: Vec<Change> = log(1, Some(0))
        .map(|change| match change {
            Change::Log { delivery, expected } => {
                Change::Log { delivery: Delivery { body: Some(body.clone()), ..delivery }, expected }
            }
            other => other,
        })
        .collect();
    assert_eq!(store.commit(large.clone()).await.unwrap(), Commit::Done);
    let last = store.delivery(&delivery("13").id).await.unwrap().unwrap();
    assert_eq!((last.attempts, last.body.map(|body| body.len())), (1, Some(body.len())));
    // One in the first of the commands is not as expected.
    let mut stale: Vec<Change> = log(2, Some(1)).collect();
    stale[0] = large[0].clone();
    assert_eq!(store.commit(stale).await.unwrap(), Commit::Stale);
    assert_eq!(store.delivery(&delivery("13").id).await.unwrap().unwrap().attempts, 1);
}

/// In a commit of many, one who takes what somebody outside of it holds loses a race, however it is written.
#[tokio::test]
async fn a_key_held_by_an_outsider_is_stale() {
    let store = open(patient()).await;
    let held = holding_email(record("held"), "x@x.test");
    let two = [record("ada"), record("bob")];
    let insert = [held].into_iter().chain(two.clone()).map(Change::Insert).collect();
    assert_eq!(store.commit(insert).await.unwrap(), Commit::Done);
    let taking = two.map(|record| {
        let expected = record.rev;
        let address = format!("{}@x.test", if record == self::record("bob") { "x" } else { "free" });
        Change::Update { record: next(holding_email(record, &address)), expected }
    });
    assert_eq!(store.commit(taking.to_vec()).await.unwrap(), Commit::Stale);
    let ada = store.record(&record("ada").id).await.unwrap();
    assert_eq!(ada, Some(Entry::Live(record("ada"))));
}

/// What an app keeps beside the fields of a user stays with each update, and goes with the user.
#[tokio::test]
async fn fields_of_the_app_stay_until_the_user_goes() {
    let store = open(patient()).await;
    let ada = dirty(holding_email(record("ada"), "ada@x.test"), NOW);
    store.commit(vec![Change::Insert(ada.clone())]).await.unwrap();
    let users = store.database().collection::<Document>("clerk_user");
    let by_id = doc! { "_id": "user_ada" };
    users.update_one(by_id.clone(), doc! { "$set": { "plan": "gold" } }).await.unwrap();
    let clean = next(record("ada"));
    store.commit(vec![Change::Update { record: clean.clone(), expected: ada.rev }]).await.unwrap();
    let stored = users.find_one(by_id.clone()).await.unwrap().unwrap();
    assert_eq!(stored.get_str("plan").unwrap(), "gold");
    assert!(!stored.contains_key("email") && !stored.contains_key("repair_due_at"), "{stored}");
    store
        .commit(vec![Change::Bury { tombstone: tombstone("ada"), expected: Some(clean.rev) }])
        .await
        .unwrap();
    let stored = users.find_one(by_id).await.unwrap().unwrap();
    let fields: Vec<&String> = stored.keys().collect();
    assert_eq!(fields, ["_id", "deleted_at", "source"]);
}

/// A lease that is over before it begins gives nothing twice in one call.
#[tokio::test]
async fn a_lease_into_the_past_ends() {
    let store = open(patient()).await;
    store.commit(vec![Change::Insert(dirty(record("ada"), NOW))]).await.unwrap();
    assert_eq!(store.take_repairs(at(10), at(5), 100).await.unwrap().len(), 1);
}
