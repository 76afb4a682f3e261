//! Keeps the whole table equal to Clerk: what no webhook told is found by listing and counting.
//!
//! Every difference found becomes a fact and goes through the engine like any other; nothing here writes a
//! user. What is remembered between steps and processes is in notes of the database.

mod backfill;
mod brake;
mod catch_up;
mod compared;
mod error;
mod instance;
mod lease;
mod listing;
mod note;
mod prove;
mod settle;
mod silence;
mod state;
mod sweep;
mod walk;
mod work;

use std::sync::Arc;

use clerk_sync_core::port::{Inspect, PageOf};
use tokio::sync::Notify;

use crate::engine::Engine;
pub use backfill::{BackfillOptions, BackfillReport};
pub use brake::{Brake, BrakeSettings};
pub use error::EqualError;
pub use prove::{Certificate, Drift};
pub use silence::SilenceCause;
pub use state::{EqualState, Silent};
pub use sweep::{SweepOptions, SweepReport};

/// Periods and limits of what keeps the whole table equal.
#[derive(Debug, Clone)]
pub struct EqualSettings {
    /// How long a process has a backfill or a sweep without a sign of life, in milliseconds; after that
    /// another takes over. Default 15 000.
    pub lease_ms: u64,
    /// How often the newest changes are asked for, in milliseconds; a third of it while webhooks are silent, twice
    /// as long while they flow. 0: never, and neither is anybody missed by counting. Default 30 000.
    pub catch_up_ms: u64,
    /// How long sign-ups may be without any webhook until that is an alarm, in milliseconds. Default 600 000.
    pub silence_ms: u64,
    /// How often everything is compared, in milliseconds; 0: only when counting says that somebody was missed.
    /// Default a day.
    pub sweep_every_ms: u64,
    /// Above what a sweep deletes nobody and asks for confirmation.
    pub brake: BrakeSettings,
    /// How many users are asked for at once, from 2 to [`PageOf::MAX`]; fewer where each is so large that an answer
    /// takes too long. Default 500.
    pub page_users: u32,
    /// The most users a sweep compares; their ids are kept in memory for it, 16 bytes each. Default 20 000 000.
    pub max_users: u64,
}

impl Default for EqualSettings {
    fn default() -> Self {
        Self {
            lease_ms: 15_000,
            catch_up_ms: 30_000,
            silence_ms: 600_000,
            sweep_every_ms: 24 * 3_600_000,
            brake: BrakeSettings::default(),
            page_users: PageOf::MAX,
            max_users: 20_000_000,
        }
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
    /// Whether webhooks can be verified at all.
    has_secret: bool,
    /// Rung when counting says that somebody was missed.
    wanted: Notify,
}

impl Equality {
    pub(crate) fn new(
        engine: Arc<Engine>,
        inspect: Arc<dyn Inspect>,
        settings: EqualSettings,
        expected_instance: Option<String>,
        has_secret: bool,
    ) -> Self {
        let settings = EqualSettings { page_users: settings.page_users.clamp(2, PageOf::MAX), ..settings };
        Self { engine, inspect, settings, expected_instance, has_secret, wanted: Notify::new() }
    }
}
