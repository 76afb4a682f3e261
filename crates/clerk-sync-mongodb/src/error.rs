//! The driver's errors as the port's.

use clerk_sync_core::{StoreError, StoreErrorKind};
use mongodb::bson::Document;
use mongodb::error::{Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, WriteFailure};

use crate::schema;

const DUPLICATE_KEY: i32 = 11_000;

/// Answers of a server that say: somebody else was there first, nothing of this was done.
/// `LockTimeout`, `WriteConflict`, `SnapshotTooOld`, `SnapshotUnavailable`, `NoSuchTransaction`,
/// `PreparedTransactionInProgress`.
const LOST: [i32; 6] = [24, 112, 239, 246, 251, 267];

/// Answers of a server that steps down, shuts down or is not the primary, or that was too slow. Inside a
/// transaction they carry the label of a lost race too, but looking again at once would not help.
const ELSEWHERE: [i32; 18] =
    [6, 7, 50, 64, 89, 91, 189, 202, 262, 317, 358, 9_001, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436];

/// Answers that say what is asked for is not there: a missing command, stage, collection or index.
const SCHEMA: [i32; 8] = [26, 27, 48, 59, 67, 85, 86, 115];

/// A value refused by the database itself: a validator, a document too large.
const CORRUPT: [i32; 4] = [121, 10_334, 17_280, 17_419];

pub(crate) fn unavailable(context: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, context)
}

pub(crate) fn schema_error(context: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Schema, context)
}

pub(crate) fn corrupt(context: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, context)
}

/// The answer to a write command of our own, in which the driver does not look for what was refused.
struct Refused(Document);

impl Refused {
    fn error(&self) -> Option<&Document> {
        let write = self.0.get_array("writeErrors").ok().and_then(|errors| errors.first()?.as_document());
        write.or(self.0.get_document("writeConcernError").ok())
    }

    fn is_transient(&self) -> bool {
        let labels = self.0.get_array("errorLabels");
        labels.is_ok_and(|labels| labels.iter().any(|it| it.as_str() == Some(TRANSIENT_TRANSACTION_ERROR)))
    }
}

/// How many documents an update command met.
///
/// # Errors
/// What it was refused with, which is judged like the driver's own errors.
pub(crate) fn matched(answer: Document) -> Result<usize, Error> {
    let count = answer.get_i32("n").ok().and_then(|n| usize::try_from(n).ok());
    let refused = Refused(answer);
    match count {
        Some(count) if refused.error().is_none() => Ok(count),
        _ => Err(Error::custom(refused)),
    }
}

/// A driver's error as the port's; `doing` says what was being done.
pub(crate) fn store_error(doing: &str, error: Error) -> StoreError {
    let kind = match code(&error) {
        Some(code) if SCHEMA.contains(&code) => StoreErrorKind::Schema,
        Some(code) if CORRUPT.contains(&code) => StoreErrorKind::Corrupt,
        Some(_) => StoreErrorKind::Unavailable,
        None => match *error.kind {
            ErrorKind::Bson(_) | ErrorKind::InvalidResponse { .. } => StoreErrorKind::Corrupt,
            ErrorKind::IncompatibleServer { .. } | ErrorKind::SessionsNotSupported => StoreErrorKind::Schema,
            _ => StoreErrorKind::Unavailable,
        },
    };
    let context = match code(&error) {
        Some(code) => format!("{doing} (the server answers {code} {})", code_name(&error)),
        None => doing.into(),
    };
    let reported = StoreError::new(kind, context);
    // The server's own words may repeat a value of a document, such as an address: they are not for logs.
    if code(&error).is_some() { reported } else { reported.caused_by(error) }
}

/// Whether a commit lost a race and did nothing, so that looking again is right.
///
/// # Errors
/// When a unique index refuses that is none of this store: looking again would end the same way for ever.
pub(crate) fn is_lost(error: &Error) -> Result<bool, StoreError> {
    let Some(code) = code(error) else { return Ok(false) };
    if code == DUPLICATE_KEY {
        return if is_own_key(error) {
            Ok(true)
        } else {
            Err(schema_error("a unique index that is not of clerk-sync refuses a value"))
        };
    }
    let transient = error.contains_label(TRANSIENT_TRANSACTION_ERROR)
        || error.get_custom::<Refused>().is_some_and(Refused::is_transient);
    Ok(LOST.contains(&code) || transient && !ELSEWHERE.contains(&code))
}

/// Whether one of our indexes refused a value that somebody holds, who may be about to let it go.
pub(crate) fn is_held(error: &Error) -> bool {
    is_duplicate_key(error) && is_of_index(error, &schema::UNIQUE_FIELDS[1..], &schema::UNIQUE_INDEXES[1..])
}

/// The code of what the server answered; `None` where no server answered.
pub(crate) fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::InsertMany(many) => {
            let write = many.write_errors.iter().flatten().map(|write| write.code).next();
            write.or(many.write_concern_error.as_ref().map(|concern| concern.code))
        }
        // An answer without a code is one all the same.
        _ => refused(error).map(|refused| refused.get_i32("code").unwrap_or_default()),
    }
}

fn refused(error: &Error) -> Option<&Document> {
    error.get_custom::<Refused>()?.error()
}

pub(crate) fn is_duplicate_key(error: &Error) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

fn code_name(error: &Error) -> &str {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => &command.code_name,
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => &concern.code_name,
        _ => "",
    }
}

/// Whether the duplicate key is of an index of ours.
///
/// The key pattern is asked, which every MongoDB since 4.4 gives. Where an engine leaves it out, the name of
/// the index has to be found in its words.
fn is_own_key(error: &Error) -> bool {
    is_of_index(error, &schema::UNIQUE_FIELDS, &schema::UNIQUE_INDEXES)
}

fn is_of_index(error: &Error, fields: &[&str], indexes: &[&str]) -> bool {
    match key_pattern(error) {
        Some(found) => found.iter().all(|field| fields.contains(&field.as_str())),
        None => {
            let words = message(error);
            indexes.iter().any(|index| words.contains(&format!("index: {index} ")))
        }
    }
}

fn key_pattern(error: &Error) -> Option<Vec<String>> {
    if let Some(refused) = refused(error) {
        return refused.get_document("keyPattern").ok().map(|pattern| pattern.keys().cloned().collect());
    }
    let response = error.server_response()?;
    let top = response.get_document("keyPattern").ok();
    let inner = || {
        let first = response.get_array("writeErrors").ok()?.into_iter().next()?.ok()?;
        first.as_document()?.get_document("keyPattern").ok()
    };
    let pattern = top.or_else(inner)?;
    pattern.iter().map(|field| field.ok().map(|(name, _)| name.to_string())).collect()
}

fn message(error: &Error) -> &str {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => &command.message,
        ErrorKind::Write(WriteFailure::WriteError(write)) => &write.message,
        ErrorKind::InsertMany(many) => {
            many.write_errors.iter().flatten().map(|w| w.message.as_str()).next().unwrap_or("")
        }
        _ => refused(error).and_then(|refused| refused.get_str("errmsg").ok()).unwrap_or(""),
    }
}
