//! Session tokens: from a request's headers to a [`Session`].
//!
//! [`token_from`] finds the token, [`SessionVerifier::verify`] proves it. The rules are stricter than those of
//! Clerk's own `verifyToken`, which lets other kinds of tokens signed by the same key pass; each rule is a
//! [`Refusal`].
//!
//! ```
//! use clerk_sync::clerk::keys::Keys;
//! use clerk_sync::clerk::session::{Session, SessionError, SessionVerifier, token_from};
//! use clerk_sync_core::Timestamp;
//! use std::sync::Arc;
//!
//! async fn session(
//!     headers: &http::HeaderMap,
//!     verifier: &SessionVerifier,
//!     keys: &Keys,
//!     now: Timestamp,
//! ) -> Result<Arc<Session>, SessionError> {
//!     let token = token_from(headers, Some("naoXFJnI"))?.ok_or(SessionError::Missing)?;
//!     verifier.verify(token, keys, now).await
//! }
//! ```

mod cache;
mod claims;
mod error;
mod extract;
mod organization;
mod profile;
mod token;
mod verify;

use std::fmt;

use clerk_sync_core::{Timestamp, UserId};
use serde_json::{Map, Value};

pub use error::{Refusal, SessionError};
pub use extract::token_from;
pub use profile::ClaimsMapping;
pub use token::MAX_TOKEN_BYTES;
pub use verify::{SessionRules, SessionVerifier};

/// Who a verified token speaks for.
#[derive(Clone, PartialEq)]
pub struct Session {
    /// The user (`sub`).
    pub user_id: UserId,
    /// The session (`sid`).
    pub session_id: String,
    /// Whether the user has finished signing in.
    pub status: SessionStatus,
    /// Who acts in the user's place; `None` for the user in person.
    pub actor: Option<Actor>,
    /// The organization the session is active in.
    pub organization: Option<Organization>,
    /// When the token was issued; its claims may be older.
    pub issued_at: Timestamp,
    /// When the token expires; a few seconds of leeway are allowed beyond it.
    pub expires_at: Timestamp,
    /// The claims that are not Clerk's own: those configured for the session token.
    pub claims: Map<String, Value>,
}

impl Session {
    /// Whether somebody else acts in the user's place. Such a session is no sign-in of the user's and makes
    /// nobody an administrator.
    pub fn is_impersonated(&self) -> bool {
        self.actor.is_some()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Custom claims hold addresses and names, which do not belong in logs.
        f.debug_struct("Session")
            .field("user_id", &self.user_id)
            .field("session_id", &self.session_id)
            .field("status", &self.status)
            .field("actor", &self.actor)
            .field("organization", &self.organization)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// How far a sign-in has come (`sts`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStatus {
    /// Signed in. Tokens of version 1 carry no status and count as this.
    Active,
    /// Something is still asked of the user; not signed in yet (403 `session_pending`).
    Pending,
}

/// Who acts in a user's place (`act`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The impersonator's id; `None` when the claim names none, which is impersonation all the same.
    pub subject: Option<String>,
    /// Where the impersonation was started, such as `https://dashboard.clerk.com`.
    pub issuer: Option<String>,
    /// The impersonator's own session.
    pub session_id: Option<String>,
}

/// The organization a session is active in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// `org_…`
    pub id: String,
    /// The name in addresses.
    pub slug: Option<String>,
    /// The user's role in it, with its prefix: `org:admin`.
    pub role: Option<String>,
    /// What the role may do, such as `org:invoices:read`; Clerk's system permissions are never in a token.
    pub permissions: Vec<String>,
}
