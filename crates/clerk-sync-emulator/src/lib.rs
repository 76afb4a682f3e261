//! An offline Clerk: Frontend API, Backend API, session tokens and signed webhooks, with weather.
//!
//! One [`Emulator`] is one Clerk instance on a loopback port. It speaks Clerk's APIs well enough for Clerk's own SDKs, in
//! the browser and behind it, signs session tokens with a key of its own, and sends webhooks the way Svix does for Clerk,
//! retries and all. A [`Weather`] makes it late, lossy, stale or unreachable, by seed. Users live in memory and go with it.
//!
//! It listens on loopback only and sends to loopback only.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use clerk_sync_emulator::{NewUser, Options, start};
//!
//! let clerk = start(Options::default()).await?;
//! let new = NewUser { email_address: vec!["ada@example.com".into()], ..NewUser::default() };
//! let user_id = clerk.create_user(new)?;
//! let session_id = clerk.create_session(&user_id)?;
//! let jwt = clerk.session_token(&session_id)?;
//! assert_eq!(jwt.split('.').count(), 3);
//! clerk.shutdown().await;
//! # Ok(()) }
//! ```

mod api_error;
mod app;
mod backend_api;
mod calls;
mod client;
mod clock;
mod control;
mod deliver;
mod emulator;
mod frontend_api;
mod id;
mod limit;
mod metadata;
mod options;
mod rfc3339;
mod serve;
mod session;
mod state;
mod timeline;
mod token;
mod user;
mod weather;

pub use app::TokenError;
pub use calls::Calls;
pub use deliver::{Deliveries, InvalidSecret, NotLoopback};
pub use emulator::{Emulator, start};
pub use id::Id;
pub use limit::RateLimit;
pub use options::{Options, StartError};
pub use session::{NewSession, Session, SessionStatus};
pub use state::Refusal;
pub use timeline::{Entry, Event, Outcome};
pub use token::TokenOptions;
pub use user::{
    EmailAddress, IdentificationStatus, MetadataChange, NewUser, PhoneNumber, User, UserPatch, Verification,
    Web3Wallet,
};
pub use weather::{InvalidWeather, Weather};
