use clerk_sync_core::{DirectoryError, StoreError};
use thiserror::Error;

use crate::engine::AbsorbError;

/// Why a backfill, a sweep or a proof ended early. Nothing is lost: it can be started again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EqualError {
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// Clerk could not be asked.
    #[error("Clerk could not be asked")]
    Directory(#[from] DirectoryError),
    /// A difference could not be absorbed.
    #[error("a difference could not be absorbed")]
    Absorb(#[source] AbsorbError),
    /// Another process is at it.
    #[error("{holder} is at it; its lease ends in {wait_ms} ms unless it goes on")]
    Busy {
        /// Who, as it names itself.
        holder: String,
        /// When its lease ends, in milliseconds from now.
        wait_ms: u64,
    },
    /// Another process has taken over, since this one gave no sign of life for too long.
    #[error("another process has taken over")]
    Superseded,
    /// The secret key belongs to another instance than the one this database mirrors.
    #[error(
        "the secret key belongs to the Clerk instance {found}, and this database mirrors {recorded}; \
         against it every user would look deleted"
    )]
    WrongInstance {
        /// The instance the database mirrors.
        recorded: String,
        /// The instance of the secret key.
        found: String,
    },
    /// More users would be deleted than may be without somebody having looked.
    #[error(
        "{missing} of {users} users are missing in Clerk; more than {allowed} are not deleted without confirmation"
    )]
    Braked {
        /// Users of the database that Clerk does not list.
        missing: u64,
        /// How many may be deleted without confirmation.
        allowed: u64,
        /// Users in the database.
        users: u64,
    },
    /// A confirmation that is not about the deletions that are held back.
    #[error("{confirmed} deletions were confirmed, and {held_back} are held back")]
    NothingToConfirm {
        /// What was confirmed.
        confirmed: u64,
        /// What is held back.
        held_back: u64,
    },
    /// There are more users than a sweep can remember.
    #[error("there are more than {max_users} users")]
    TooManyUsers {
        /// The limit.
        max_users: u64,
    },
    /// A note in the database cannot be read by this version.
    #[error("the note {name} in clerk_meta cannot be read by this version")]
    Note {
        /// Its name.
        name: &'static str,
    },
}

impl EqualError {
    /// The error as a stable word.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Directory(_) => "directory",
            Self::Absorb(_) => "absorb",
            Self::Busy { .. } => "busy",
            Self::Superseded => "superseded",
            Self::WrongInstance { .. } => "wrong_instance",
            Self::Braked { .. } => "braked",
            Self::NothingToConfirm { .. } => "nothing_to_confirm",
            Self::TooManyUsers { .. } => "too_many_users",
            Self::Note { .. } => "note",
        }
    }

    /// What to do about it.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Store(_) => "look at the database, then start again: a backfill goes on where it was",
            Self::Directory(_) => "check Clerk's status and the secret key, then start again",
            Self::Absorb(_) => "start again; if it stays, look at the database's log",
            Self::Busy { .. } | Self::Superseded => "let the other one finish",
            Self::WrongInstance { .. } => {
                "set CLERK_SECRET_KEY to a key of the instance the database mirrors, or DATABASE_URL to another database"
            }
            Self::Braked { .. } => {
                "check in Clerk that these users are really gone; then confirm with clerk-sync sweep --confirm-deletions and their number"
            }
            Self::NothingToConfirm { .. } => "run clerk-sync sweep --check to see how many are missing",
            Self::TooManyUsers { .. } => "write to the maintainers: this limit is memory, and can be raised",
            Self::Note { .. } => "a later version wrote it: run that version",
        }
    }
}

impl From<AbsorbError> for EqualError {
    fn from(error: AbsorbError) -> Self {
        match error {
            AbsorbError::Store(error) => Self::Store(error),
            error @ AbsorbError::Contended => Self::Absorb(error),
        }
    }
}
