//! Faults planted in the server: what each is to a caller.

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, Commit, StoreErrorKind};
use clerk_sync_mongodb::MongoStore;
use clerk_sync_testkit::sample::{next, record};
use mongodb::bson::{Bson, Document, doc};

use super::server::Server;
use super::{another, patient};

/// A server of its own, since faults are planted for all its clients.
struct Faulty {
    store: MongoStore,
    admin: mongodb::Database,
    server: Server,
}

impl Faulty {
    async fn start() -> Self {
        let server = Server::start(&[]);
        // A real server that steps down tells the driver when that is over; a planted fault does not.
        let uri = format!("{}&heartbeatFrequencyMS=500", server.uri());
        let store = MongoStore::connect(&uri, patient()).await.unwrap();
        let admin = another(&store, &server.uri()).await.client().database("admin");
        Self { store, admin, server }
    }

    async fn plant(&self, mode: impl Into<Bson>, fault: Document) {
        let command = doc! { "configureFailPoint": "failCommand", "mode": mode.into(), "data": fault };
        self.admin.run_command(command).await.unwrap();
    }

    async fn heal(&self) {
        self.plant("off", doc! { "failCommands": [] }).await;
    }

    async fn commit(&self, name: &str, several: bool) -> Result<Commit, StoreErrorKind> {
        let mut changes = vec![Change::Insert(record(name))];
        if several {
            changes.push(Change::Insert(record(&format!("{name}_2"))));
            changes
                .push(Change::Log { delivery: clerk_sync_testkit::sample::delivery(name), expected: None });
        }
        self.store.commit(changes).await.map_err(|error| error.kind())
    }

    async fn stored(&self, name: &str) -> bool {
        self.store.record(&record(name).id).await.unwrap().is_some()
    }
}

fn times(n: i32) -> Document {
    doc! { "times": n }
}

/// An end of a transaction whose outcome is not known is asked for again, and not for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_of_a_commit_is_asked_for_again() {
    let faulty = Faulty::start().await;
    let unknown = doc! {
        "failCommands": ["commitTransaction"], "errorCode": 262,
        "errorLabels": ["UnknownTransactionCommitResult", "RetryableWriteError"],
    };
    for (n, name) in [(1, "one"), (3, "three")] {
        faulty.plant(times(n), unknown.clone()).await;
        assert_eq!(faulty.commit(name, true).await, Ok(Commit::Done), "after {n}");
        assert!(faulty.stored(name).await);
    }
    faulty.plant("alwaysOn", unknown).await;
    assert_eq!(faulty.commit("never", true).await, Err(StoreErrorKind::Unavailable));
    faulty.heal().await;
    assert!(!faulty.stored("never").await);
    // Nor is the transaction left open, which would keep others from the same user.
    assert_eq!(faulty.commit("never", true).await, Ok(Commit::Done));
}

/// A lost race is stale wherever in a transaction it shows, and nothing is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_race_is_stale() {
    let faulty = Faulty::start().await;
    for (i, command) in ["insert", "commitTransaction"].into_iter().enumerate() {
        for (j, code) in [112, 251, 246].into_iter().enumerate() {
            let name = format!("u{i}{j}");
            let labels = ["TransientTransactionError"];
            let fault =
                doc! { "failCommands": [command], "errorCode": code, "errorLabels": labels.as_slice() };
            faulty.plant(times(1), fault).await;
            assert_eq!(faulty.commit(&name, true).await, Ok(Commit::Stale), "{command} {code}");
            assert!(!faulty.stored(&name).await);
            assert_eq!(faulty.commit(&name, true).await, Ok(Commit::Done));
        }
    }
}

/// A transaction that nobody could end, as after a kill, keeps everybody from its users until whoever starts next
/// ends it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_open_is_ended_by_whoever_starts_next() {
    let faulty = Faulty::start().await;
    let insert = vec![Change::Insert(record("ada")), Change::Insert(record("bob"))];
    assert_eq!(faulty.store.commit(insert).await.unwrap(), Commit::Done);
    let changes = || {
        let update = |name| Change::Update { record: next(record(name)), expected: record(name).rev };
        vec![update("ada"), update("bob")]
    };
    let ends = ["commitTransaction", "abortTransaction", "killSessions"];
    faulty.plant("alwaysOn", doc! { "failCommands": ends.as_slice(), "closeConnection": true }).await;
    let cut_off = faulty.store.commit(changes()).await;
    assert_eq!(cut_off.map_err(|error| error.kind()), Err(StoreErrorKind::Unavailable));
    faulty.heal().await;

    let started = || async {
        let options = patient().database(faulty.store.database().name());
        MongoStore::connect(&faulty.server.uri(), options).await.unwrap()
    };
    let next_one = started().await;
    let users = next_one.database().collection::<Document>("clerk_user");
    let mut session = next_one.database().client().start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let touch = users.update_one(doc! { "_id": "user_ada" }, doc! { "$set": { "touched": true } });
    let held = touch.session(&mut session).await;
    assert!(held.is_err(), "nothing is left open, so this shows nothing");
    let _ = session.abort_transaction().await;

    assert_eq!(next_one.commit(changes()).await.unwrap(), Commit::Done);
    // Whoever lives and is ended loses a race, and goes on.
    assert_eq!(faulty.commit("cid", true).await, Ok(Commit::Done));
    let third = started().await.commit(vec![Change::Insert(record("dan"))]).await;
    assert_eq!(third.unwrap(), Commit::Done);
    assert_eq!(faulty.commit("eve", true).await, Ok(Commit::Done));
}

/// A server that steps down in a transaction labels it as transient too; it is no race.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_steps_down_is_unavailable() {
    let faulty = Faulty::start().await;
    for (i, code) in [10_107, 11_602, 91, 189].into_iter().enumerate() {
        let fault = doc! {
            "failCommands": ["insert"], "errorCode": code, "errorLabels": ["TransientTransactionError"],
        };
        faulty.plant(times(1), fault).await;
        let name = format!("u{i}");
        assert_eq!(faulty.commit(&name, true).await, Err(StoreErrorKind::Unavailable), "{code}");
        faulty.heal().await;
        assert!(!faulty.stored(&name).await);
    }
    assert_eq!(faulty.commit("after", true).await, Ok(Commit::Done));
}

/// The driver sends a write again once where the connection broke; a second fault is an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_tried_once_more() {
    let faulty = Faulty::start().await;
    let cut = doc! { "failCommands": ["insert", "find"], "closeConnection": true };
    faulty.plant(times(1), cut.clone()).await;
    assert_eq!(faulty.commit("ada", false).await, Ok(Commit::Done));
    faulty.plant("alwaysOn", cut).await;
    assert_eq!(faulty.commit("bob", false).await, Err(StoreErrorKind::Unavailable));
    assert_eq!(faulty.commit("cid", true).await, Err(StoreErrorKind::Unavailable));
    let error = faulty.store.record(&record("ada").id).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    faulty.heal().await;
    assert_eq!(faulty.commit("bob", false).await, Ok(Commit::Done));
    assert_eq!(faulty.commit("cid", true).await, Ok(Commit::Done));
}

/// A majority that does not answer in time leaves the outcome open: that is neither done nor stale.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_concern_that_is_not_met_is_unavailable() {
    let faulty = Faulty::start().await;
    let late = doc! { "code": 64, "codeName": "WriteConcernTimeout", "errmsg": "waiting timed out" };
    let fault = doc! { "failCommands": ["insert", "update"], "writeConcernError": late };
    faulty.plant("alwaysOn", fault).await;
    assert_eq!(faulty.commit("ada", false).await, Err(StoreErrorKind::Unavailable));
    assert_eq!(faulty.store.ping().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    faulty.heal().await;
    // It was written all the same, and whoever looks again sees it.
    assert_eq!(faulty.commit("ada", false).await, Ok(Commit::Stale));
}
