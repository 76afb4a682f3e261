//! Keeps the whole table equal to Clerk: what no webhook told is found by listing and counting.
//!
//! Every difference found becomes a fact and goes through the engine like any other; nothing here writes a
//! user. What is remembered between steps and processes is in notes of the database.

mod backfill;
mod brake;
mod compared;
mod error;
mod instance;
mod lease;
mod listing;
mod note;
mod settle;
mod sweep;
mod walk;

use std::sync::Arc;

use clerk_sync_core::port::Inspect;

use crate::engine::Engine;
pub use backfill::{BackfillOptions, BackfillReport};
pub use brake::{Brake, BrakeSettings};
pub use error::EqualError;
pub use sweep::{SweepOptions, SweepReport};

/// Periods and limits of what keeps the whole table equal.
#[derive(Debug, Clone)]
pub struct EqualSettings {
    /// How long a process has a backfill or a sweep without a sign of life, in milliseconds; after that
    /// another takes over. Default 15 000.
    pub lease_ms: u64,
    /// Above what a sweep deletes nobody and asks for confirmation.
    pub brake: BrakeSettings,
    /// The most users a sweep compares; their ids are kept in memory for it, 16 bytes each. Default 20 000 000.
    pub max_users: u64,
}

impl Default for EqualSettings {
    fn default() -> Self {
        Self { lease_ms: 15_000, brake: BrakeSettings::default(), max_users: 20_000_000 }
    }
}

/// How far a walk through all users is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Users compared so far.
    pub users: u64,
    /// How many Clerk had when it began.
    pub total: u64,
}

/// Who is told how far it is.
pub(crate) type Told<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// The parts equality is kept with.
pub(crate) struct Equality {
    engine: Arc<Engine>,
    inspect: Arc<dyn Inspect>,
    settings: EqualSettings,
    /// The id we were told, or `None` to take whichever Clerk names first.
    expected_instance: Option<String>,
}

impl Equality {
    pub(crate) fn new(
        engine: Arc<Engine>,
        inspect: Arc<dyn Inspect>,
        settings: EqualSettings,
        expected_instance: Option<String>,
    ) -> Self {
        Self { engine, inspect, settings, expected_instance }
    }
}
