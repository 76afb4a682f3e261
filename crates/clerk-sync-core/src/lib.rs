//! What is known of a user, and what follows from a new fact.
//!
//! Everything learnt about a user is a [`Fact`]: a full snapshot (from a webhook, the Backend API or a
//! sweep), a partial one from token claims, a deletion, a sign-in. A user's [`Record`] is the *join* of its
//! facts, so order and repetition cannot matter. [`decide`] is that join: a total, pure function from a
//! [`View`] of the database and a fact to the [`Change`]s that must be committed together.
//!
//! This crate has no clock, no randomness and no I/O, and it is `no_std` so that the compiler keeps it so.
//! The world is reached through the ports in [`port`].
//!
//! ```
//! use clerk_sync_core::*;
//!
//! let id = UserId::parse("user_38peB5uMEQeCed7i5Nq9Ifj6Kd2").unwrap();
//! let snapshot = Snapshot {
//!     id: id.clone(),
//!     version: Some(Timestamp::from_millis(1_769_500_800_016)),
//!     profile: Profile { first_name: Some("Ada".into()), ..Profile::default() },
//!     last_sign_in_at: None,
//! };
//! let fact = Fact::Snapshot { snapshot, via: Via::Webhook };
//! let now = Timestamp::from_millis(1_769_500_801_000);
//! let decision = decide(&View::default(), &fact, now, &RolePolicy::FirstUserAdmin);
//! assert_eq!(decision.outcome, Outcome::Created);
//! // The record and the claim to be the first administrator are committed together.
//! assert_eq!(decision.changes.len(), 2);
//! ```
#![no_std]
extern crate alloc;

mod change;
mod compare;
mod decide;
mod delivery;
mod error;
mod fact;
mod id;
mod identifier;
mod policy;
pub mod port;
mod record;
mod time;

pub use change::{Change, Commit, Subject, View};
pub use compare::{Field, differences};
pub use decide::{Decision, MAX_AHEAD_MS, Outcome, decide};
pub use delivery::{Content, Delivery, DeliveryState, DeliveryStatus, MAX_ATTEMPTS, receive, retry_after_ms};
pub use error::{DirectoryError, ParseError, StoreError, StoreErrorKind};
pub use fact::{Fact, Snapshot, Via};
pub use id::{DeliveryId, UserId};
pub use identifier::{EmailAddress, Username};
pub use policy::{Role, RolePolicy};
pub use record::{EmailClaim, Entry, Profile, Record, Repair, Revision, Source, Tombstone};
pub use time::Timestamp;
