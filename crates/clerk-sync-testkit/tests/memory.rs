//! The store in memory means what the suite says.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use clerk_sync_core::port::Store;
use clerk_sync_testkit::MemoryStore;
use clerk_sync_testkit::conformance::Tested;

async fn make() -> (Tested, ()) {
    (Arc::new(MemoryStore::new()), ())
}

clerk_sync_testkit::conformance!(make);

/// Nobody else commits to it; an answer would make whoever listens ask again at once, for ever.
#[test]
fn it_never_hears_of_a_change() {
    let store = MemoryStore::new();
    let heard = store.changed().as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(heard, Poll::Pending));
}
