//! The meaning of a clerk-sync store, as a test suite, and the fakes that tests share.
//!
//! [`conformance`](mod@conformance) says what [`Store`] and
//! [`Inspect`] mean; every store passes it. [`State`] is the same meaning as
//! plain, synchronous data, and [`MemoryStore`] puts it behind the ports.

pub mod conformance;
mod fake;
mod memory;
pub mod sample;

pub use fake::{Answer, FakeDirectory, Fault, FaultyStore, ManualClock};
pub use memory::{MemoryStore, State};

use clerk_sync_core::port::{Inspect, Store};

/// A store with both of its faces, as tests need it.
pub trait StoreAndInspect: Store + Inspect {}

impl<T: Store + Inspect> StoreAndInspect for T {}
