//! Keeps an app's `users` table equal to Clerk.
//!
//! After sign-up the browser calls the app before Clerk's webhook has arrived; or the webhook never arrives,
//! arrives twice, out of order, or while the database is down. With this library a person who can sign in
//! always has exactly one correct row, and nobody else has one.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod chain;
pub mod clerk;
mod clock;
mod engine;
mod equal;
#[cfg(feature = "axum")]
pub mod http;
mod lull;
mod metrics;
mod refusal;
mod sync;

pub use clerk_sync_core as core;
#[cfg(feature = "mongodb")]
pub use clerk_sync_mongodb as mongodb;
#[cfg(feature = "postgres")]
pub use clerk_sync_postgres as postgres;
#[cfg(feature = "sqlite")]
pub use clerk_sync_sqlite as sqlite;

pub use clock::SystemClock;
pub use engine::{AbsorbError, Absorbed, EngineSettings, RefetchError};
pub use equal::{
    BackfillOptions, BackfillReport, Brake, BrakeSettings, Certificate, Drift, EqualError, EqualSettings,
    EqualState, Progress, SilenceCause, Silent, SweepOptions, SweepReport,
};
pub use refusal::Refusal;
pub use sync::{
    BuildError, Builder, ClerkSync, EraseError, Erasure, Receipt, ReplayError, Retention, User,
    WebhookRefusal, erase,
};

/// The README's example compiles.
#[cfg(all(doctest, feature = "axum", feature = "sqlite"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
