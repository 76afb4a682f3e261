//! PostgreSQL's errors as the port's.
//!
//! What the server says of a value may repeat the value, and an address does not belong in a log: of such
//! errors only the code and the constraint are kept.

use clerk_sync_core::{StoreError, StoreErrorKind};
use deadpool_postgres::{HookError, PoolError, TimeoutType};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// What can go wrong with a statement and the rows it gives.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// PostgreSQL refuses, or cannot be reached.
    #[error(transparent)]
    Postgres(#[from] Error),
    /// A row breaks its own rules.
    #[error(transparent)]
    Row(#[from] StoreError),
}

impl Failure {
    /// The port's error; `doing` says what was being done.
    pub(crate) fn into_store_error(self, doing: &str) -> StoreError {
        match self {
            Self::Postgres(error) => store_error(doing, error),
            Self::Row(error) => error,
        }
    }

    /// Whether a race was lost: nothing is wrong, and looking again will tell.
    pub(crate) fn is_lost_race(&self) -> bool {
        matches!(self, Self::Postgres(error) if is_lost_race(error))
    }
}

pub(crate) fn unavailable(context: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, context)
}

pub(crate) fn schema(context: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Schema, context)
}

pub(crate) fn store_error(doing: &str, error: Error) -> StoreError {
    let kind = kind(&error);
    match error.as_db_error() {
        Some(said) => StoreError::new(kind, format!("{doing}: {}", without_values(said))),
        None => StoreError::new(kind, doing).caused_by(error),
    }
}

/// What the pool says when it has no connection to give.
pub(crate) fn pool_error(doing: &str, error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
            store_error(doing, error)
        }
        PoolError::Timeout(TimeoutType::Wait) => unavailable(format!("{doing}: all connections are in use")),
        PoolError::Timeout(_) => unavailable(format!("{doing}: connecting takes too long")),
        error => unavailable(doing).caused_by(error),
    }
}

fn without_values(said: &DbError) -> String {
    let code = said.code().code();
    let place = said.constraint().or(said.table()).unwrap_or_default();
    match class(said.code()) {
        "22" | "23" => format!("SQLSTATE {code} {place}"),
        _ => format!("SQLSTATE {code}: {}", said.message()),
    }
}

/// The first two characters of a code: what it is about.
fn class(code: &SqlState) -> &str {
    code.code().get(..2).unwrap_or_default()
}

fn kind(error: &Error) -> StoreErrorKind {
    let Some(said) = error.as_db_error() else {
        // A value that is no such type comes with its own cause, as does a connection that broke.
        let unreadable = error.to_string().starts_with("error deserializing column");
        return if unreadable { StoreErrorKind::Corrupt } else { StoreErrorKind::Unavailable };
    };
    match class(said.code()) {
        // An index an app has added refuses what Clerk allows.
        "23" if said.code() == &SqlState::UNIQUE_VIOLATION => StoreErrorKind::Schema,
        "22" | "23" | "XX" => StoreErrorKind::Corrupt,
        // Something is missing, of another type, or not allowed to this role; also a wrong password or a
        // database that is not there, which no retry mends.
        "42" | "3F" | "28" | "3D" | "0A" => StoreErrorKind::Schema,
        _ => StoreErrorKind::Unavailable,
    }
}

/// The unique constraints by which commits race.
const RACED: [&str; 6] = [
    "clerk_user_pkey",
    "clerk_meta_pkey",
    "clerk_user_email_key",
    "clerk_user_username_key",
    "clerk_delivery_pkey",
    "clerk_claim_pkey",
];

fn is_lost_race(error: &Error) -> bool {
    let Some(said) = error.as_db_error() else { return false };
    match *said.code() {
        SqlState::UNIQUE_VIOLATION => said.constraint().is_some_and(|name| RACED.contains(&name)),
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::LOCK_NOT_AVAILABLE => true,
        _ => false,
    }
}
