//! The suite on a file, and what is SQLite's own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod corrupt;
mod crash;
mod health;
mod locking;
mod processes;
mod schema;

use std::sync::Arc;

use clerk_sync_sqlite::{Options, SqliteStore};
use clerk_sync_testkit::conformance::Tested;
use tempfile::TempDir;

mod suite {
    use super::make;

    clerk_sync_testkit::conformance!(make);
}

async fn make() -> (Tested, TempDir) {
    let (store, directory) = open(Options::default());
    (Arc::new(store), directory)
}

fn open(options: Options) -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("test.db"), options).unwrap();
    (store, directory)
}

/// Another process, as far as SQLite can tell.
fn another(store: &SqliteStore) -> rusqlite::Connection {
    rusqlite::Connection::open(store.path()).unwrap()
}
