//! The Session object as in Clerk's OpenAPI document.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::Id;

/// How long a session lasts at most: 7 days (Clerk docs, "Session options").
pub(crate) const MAX_LIFETIME_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// When a session that is no longer used counts as abandoned: 30 days after its start, as in captured sessions.
pub(crate) const ABANDON_AFTER_MS: i64 = 30 * 24 * 3_600 * 1_000;

/// A session. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of Clerk's Session schema")]
pub struct Session {
    pub object: &'static str,
    pub id: Id,
    pub user_id: Id,
    pub client_id: Id,
    pub actor: Option<Value>,
    pub status: SessionStatus,
    pub last_active_organization_id: Option<String>,
    pub last_active_at: i64,
    pub expire_at: i64,
    pub abandon_at: i64,
    pub created_at: i64,
    pub updated_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<Value>>,
}

/// What became of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// Not used for too long.
    Abandoned,
    /// Signed in.
    Active,
    /// Signed out by the user.
    Ended,
    /// Lasted its whole life.
    Expired,
    /// Removed from the client.
    Removed,
    /// Replaced by another session of the client.
    Replaced,
    /// Ended from outside: by the API, or because the user was banned or deleted.
    Revoked,
    /// Signed in, but tasks such as choosing an organization are still open.
    Pending,
}

impl SessionStatus {
    /// Whether tokens are still given out for the session.
    pub(crate) fn live(self) -> bool {
        matches!(self, Self::Active | Self::Pending)
    }
}

/// A session to be made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// Whose session it is.
    pub user_id: String,
    /// The organization to be active in it.
    #[serde(default)]
    pub active_organization_id: Option<String>,
    /// Whether the session starts with a task still open: its tokens carry `sts: "pending"`.
    #[serde(default)]
    pub pending: bool,
    /// Who impersonates the user, as in the `act` claim: `{"sub": "user_…"}`.
    #[serde(default)]
    pub actor: Option<Value>,
}

impl NewSession {
    /// An ordinary session of the user.
    pub fn of(user_id: impl Into<String>) -> Self {
        Self { user_id: user_id.into(), active_organization_id: None, pending: false, actor: None }
    }
}
