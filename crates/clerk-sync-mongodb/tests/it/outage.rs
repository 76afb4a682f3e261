//! A server that dies, and one that hangs.

use std::time::{Duration, Instant};

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, Commit, StoreError, StoreErrorKind, Subject};
use clerk_sync_mongodb::{MongoStore, Options};
use clerk_sync_testkit::sample::{NOW, at, delivery, record};

use super::fresh;
use super::server::Server;

/// The two seconds a call may take, and what a busy machine needs beyond.
const SOON: Duration = Duration::from_secs(4);

#[derive(Debug, Clone, Copy)]
enum Call {
    Record,
    View,
    Commit,
    CommitSeveral,
    Take,
    Ping,
}

impl Call {
    const ALL: [Self; 6] =
        [Self::Record, Self::View, Self::Commit, Self::CommitSeveral, Self::Take, Self::Ping];

    async fn make(self, store: &MongoStore) -> Result<(), StoreError> {
        let id = record("ada").id;
        let log = |name| Change::Log { delivery: delivery(name), expected: None };
        let subject =
            Subject { id: Some(id.clone()), email_keys: vec![], username_keys: vec![], delivery: None };
        match self {
            Self::Record => store.record(&id).await.map(drop),
            Self::View => store.view(&subject).await.map(drop),
            Self::Commit => store.commit(vec![log("lost_1")]).await.map(drop),
            Self::CommitSeveral => {
                store.commit(vec![Change::Insert(record("lost")), log("lost_2")]).await.map(drop)
            }
            Self::Take => store.take_deliveries(NOW, at(1), 1).await.map(drop),
            Self::Ping => store.ping().await,
        }
    }
}

async fn every_call_is_refused_soon(store: &MongoStore) {
    for call in Call::ALL {
        let start = Instant::now();
        let kind = call.make(store).await.map_err(|error| error.kind());
        assert_eq!(kind, Err(StoreErrorKind::Unavailable), "{call:?}");
        assert!(start.elapsed() < SOON, "{call:?} took {:?}", start.elapsed());
    }
}

/// Until the driver has noticed, a call may still be refused.
async fn every_call_works_again(store: &MongoStore) {
    let start = Instant::now();
    for call in Call::ALL {
        while let Err(error) = call.make(store).await {
            assert!(start.elapsed() < Duration::from_secs(30), "{call:?}: {error}");
        }
    }
}

/// A server killed and started again: refused quickly meanwhile, and nothing acknowledged is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_and_started_again() {
    let storage = tempfile::tempdir().unwrap();
    let path = storage.path().join("data");
    let path = path.to_str().unwrap();
    let server = Server::start_at(0, path, &["--sync-on-commit"]);
    let (port, uri) = (server.port(), server.uri());
    let store = MongoStore::connect(&uri, Options::default().database(fresh())).await.unwrap();
    let mut acknowledged = Vec::new();
    for i in 0..20 {
        let name = format!("u{i}");
        let log = Change::Log { delivery: delivery(&name), expected: None };
        if store.commit(vec![Change::Insert(record(&name)), log]).await.unwrap() == Commit::Done {
            acknowledged.push(name);
        }
    }
    drop(server);
    every_call_is_refused_soon(&store).await;
    let error = MongoStore::connect(&uri, Options::default().database(fresh())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let _server = Server::start_at(port, path, &["--sync-on-commit"]);
    every_call_works_again(&store).await;
    for name in acknowledged {
        assert!(store.record(&record(&name).id).await.unwrap().is_some(), "{name} is lost");
        assert!(store.delivery(&delivery(&name).id).await.unwrap().is_some(), "{name} is lost");
    }
}

/// A server that keeps its connections and says nothing is refused as quickly as one that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs() {
    let server = Server::start(&[]);
    let store = MongoStore::connect(&server.uri(), Options::default().database(fresh())).await.unwrap();
    store.commit(vec![Change::Insert(record("ada"))]).await.unwrap();
    server.freeze(true);
    every_call_is_refused_soon(&store).await;
    let start = Instant::now();
    let error = MongoStore::connect(&server.uri(), Options::default().database(fresh())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(start.elapsed() < SOON * 2, "{:?}", start.elapsed());
    server.freeze(false);
    every_call_works_again(&store).await;
}
