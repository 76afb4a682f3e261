//! The suite on a file, and what is SQLite's own.

mod suite {
    use std::sync::Arc;

    use clerk_sync_sqlite::{Options, SqliteStore};
    use clerk_sync_testkit::conformance::Tested;
    use tempfile::TempDir;

    async fn make() -> (Tested, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path().join("test.db"), Options::default()).unwrap();
        (Arc::new(store), directory)
    }

    clerk_sync_testkit::conformance!(make);
}
