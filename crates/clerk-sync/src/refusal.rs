use thiserror::Error;

/// Why a request for a user is refused. Each has a stable code; what each becomes over HTTP is in
/// [`http`](crate::http).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no session token, or it does not hold. Why is in the metrics and logs, not in the answer.
    #[error("there is no valid session token")]
    Unauthenticated,
    /// The user was deleted.
    #[error("the user was deleted")]
    UserDeleted,
    /// The user is banned.
    #[error("the user is banned")]
    UserBanned,
    /// The company's directory has disabled the user.
    #[error("the user is disabled by their directory")]
    UserDeprovisioned,
    /// The session has tasks to finish before it counts as signed in.
    #[error("the session is pending")]
    SessionPending,
    /// Clerk, asked twice, does not know the user of a valid token (yet).
    #[error("Clerk does not know this user yet")]
    NotSynced {
        /// When asking again makes sense, in milliseconds.
        retry_after_ms: u64,
    },
    /// It cannot be decided now: the database or Clerk does not answer.
    #[error("this cannot be decided now: {cause}")]
    Unavailable {
        /// When asking again makes sense, in milliseconds.
        retry_after_ms: u64,
        /// What is in the way: `store`, `contended`, `deadline`, `busy`, `keys`, or a
        /// [`DirectoryError::kind`](clerk_sync_core::DirectoryError::kind).
        cause: &'static str,
    },
}

impl Refusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::UserDeleted => "user_deleted",
            Self::UserBanned => "user_banned",
            Self::UserDeprovisioned => "user_deprovisioned",
            Self::SessionPending => "session_pending",
            Self::NotSynced { .. } => "user_not_synced",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// When asking again makes sense, in milliseconds; `None` when it does not.
    pub const fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::NotSynced { retry_after_ms } | Self::Unavailable { retry_after_ms, .. } => {
                Some(*retry_after_ms)
            }
            _ => None,
        }
    }
}
