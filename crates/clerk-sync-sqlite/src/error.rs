//! SQLite's errors as the port's.

use clerk_sync_core::{StoreError, StoreErrorKind};
use rusqlite::{Error, ErrorCode, ffi};

/// What can go wrong with a statement and the rows it gives.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// SQLite refuses.
    #[error(transparent)]
    Sqlite(#[from] Error),
    /// A row breaks its own rules.
    #[error(transparent)]
    Row(#[from] StoreError),
}

impl Failure {
    /// The port's error; `doing` says what was being done.
    pub(crate) fn into_store_error(self, doing: &str) -> StoreError {
        match self {
            Self::Sqlite(error) => store_error(doing, error),
            Self::Row(error) => error,
        }
    }
}

pub(crate) fn unavailable(context: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, context)
}

pub(crate) fn store_error(doing: &str, error: Error) -> StoreError {
    StoreError::new(kind(&error), doing).caused_by(error)
}

/// Which kind of trouble `error` is.
pub(crate) fn kind(error: &Error) -> StoreErrorKind {
    match error {
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig => StoreErrorKind::Corrupt,
            // SQLITE_ERROR: a table or column is missing.
            ErrorCode::Unknown | ErrorCode::SchemaChanged => StoreErrorKind::Schema,
            _ => StoreErrorKind::Unavailable,
        },
        Error::SqlInputError { .. } => StoreErrorKind::Schema,
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    }
}

/// Whether a value that has to be unique is taken.
pub(crate) fn is_taken(error: &Error) -> bool {
    let Error::SqliteFailure(failure, _) = error else { return false };
    let unique = [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY];
    unique.contains(&failure.extended_code)
}

/// Whether another connection has the lock.
pub(crate) fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether the statement was refused because of its values; the transaction can go on.
pub(crate) fn is_constraint(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// Whether another connection may do better: after a failed sync a page may wrongly count as written, and a
/// connection opened while the file was read-only stays so.
pub(crate) fn is_for_another_connection(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::ReadOnly
        )
    )
}
