//! Clerk's wire: bytes to facts, tokens to sessions.
//!
//! Everything Clerk sends is read here and nowhere else: a webhook's signature and then its body
//! ([`receive`]), a session token ([`session`]) with the keys that prove it ([`keys`]), and the answers of the
//! Backend API ([`api`]). The shapes of the wire stay inside; what leaves is a
//! [`Fact`](clerk_sync_core::Fact), a [`Snapshot`](clerk_sync_core::Snapshot) or a
//! [`Session`](session::Session).
//!
//! Nothing here stores or decides. Only [`api`] and [`keys`] talk to the network. Time is an argument, or the
//! [`Clock`](clerk_sync_core::port::Clock) port where something has to be waited for.

pub mod api;
mod jitter;
mod json;
pub mod keys;
mod pasted;
mod publishable_key;
pub mod receive;
pub mod secret;
pub mod session;
mod transport;
mod user;

pub use publishable_key::{InstanceType, InvalidPublishableKey, PublishableKey};
pub use transport::ConnectError;
pub use user::{UnreadableUser, snapshot_from_user};
