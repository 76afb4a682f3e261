//! The suite on a server, and what is MongoDB's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod changes;
mod commit;
mod corrupt;
mod failures;
mod first_admin;
mod outage;
mod schema;
mod server;
mod view;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clerk_sync_mongodb::{MongoStore, Options};
use clerk_sync_testkit::conformance::Tested;

mod suite {
    use super::make;

    clerk_sync_testkit::conformance!(make);
}

async fn make() -> (Tested, ()) {
    (Arc::new(open(patient()).await), ())
}

/// Time enough for a slow server that all tests share.
fn patient() -> Options {
    let long = Duration::from_secs(60);
    Options::default().connect_timeout(long).timeout(long).pool_wait(long).pool(16).database(fresh())
}

/// The name of a database nobody has.
fn fresh() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A client of its own, as any other program would have.
async fn another(store: &MongoStore, uri: &str) -> mongodb::Database {
    let client = mongodb::Client::with_uri_str(uri).await.unwrap();
    client.database(store.database().name())
}

async fn open(options: Options) -> MongoStore {
    MongoStore::connect(&server::shared(), options).await.unwrap()
}
