//! The store in memory means what the suite says.

use std::sync::Arc;

use clerk_sync_testkit::MemoryStore;
use clerk_sync_testkit::conformance::Tested;

async fn make() -> (Tested, ()) {
    (Arc::new(MemoryStore::new()), ())
}

clerk_sync_testkit::conformance!(make);
