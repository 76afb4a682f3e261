use alloc::boxed::Box;
use alloc::string::String;
use core::error::Error;
use core::fmt;

/// Why a text is not the id, address or name it was taken for. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError {
    rule: &'static str,
}

impl ParseError {
    pub(crate) const fn new(rule: &'static str) -> Self {
        Self { rule }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)
    }
}

impl Error for ParseError {}

/// What kind of trouble a store is in; callers branch on this, logs get the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The database cannot be reached, is locked, full, read-only or too slow: trying later may help.
    Unavailable,
    /// A row breaks its own rules: trying again does not help.
    Corrupt,
    /// The database is not as this version needs it (missing index, pending migration).
    Schema,
}

/// An error of a [`Store`](crate::port::Store).
///
/// A lost race is no error: that is [`Commit::Stale`](crate::Commit::Stale).
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    context: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of `kind`; `context` says what was being done, and for a corrupt row its table and id.
    pub fn new(kind: StoreErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What to branch on.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether trying later may help.
    pub fn retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            StoreErrorKind::Unavailable => "the database is unavailable",
            StoreErrorKind::Corrupt => "a row breaks its own rules",
            StoreErrorKind::Schema => "the database schema is not as needed",
        };
        write!(f, "{kind}: {}", self.context)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn Error + 'static))
    }
}

/// Why Clerk could not be asked. That a user is *not found* is an answer (`Ok(None)`), not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Clerk, or our own budget below Clerk's limit, asks to wait.
    Throttled {
        /// How long, in milliseconds.
        retry_after_ms: u64,
    },
    /// No usable answer: unreachable, too slow, 5xx, not JSON, or the circuit breaker is open.
    Unavailable {
        /// How long to wait before asking again, in milliseconds.
        retry_after_ms: u64,
        /// What happened, without personal data.
        reason: String,
    },
    /// Clerk refuses the secret key: a matter of configuration, retrying does not help.
    RefusedKey,
    /// Clerk refuses the request itself (400, 403, 422, …): a fault of ours.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Clerk's error code, or an empty text.
        code: String,
    },
}

impl DirectoryError {
    /// How long a caller should wait before asking again, in milliseconds.
    pub fn retry_after_ms(&self) -> u64 {
        match self {
            Self::Throttled { retry_after_ms } | Self::Unavailable { retry_after_ms, .. } => *retry_after_ms,
            Self::RefusedKey | Self::Refused { .. } => 30_000,
        }
    }

    /// The kind as a stable word, for metrics and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
            Self::RefusedKey => "refused_key",
            Self::Refused { .. } => "refused",
        }
    }
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttled { retry_after_ms } => write!(f, "Clerk asks to wait {retry_after_ms} ms"),
            Self::Unavailable { reason, .. } => write!(f, "Clerk gives no usable answer: {reason}"),
            Self::RefusedKey => f.write_str("Clerk refuses the secret key; check CLERK_SECRET_KEY"),
            Self::Refused { status, code } => write!(f, "Clerk refuses the request: {status} {code}"),
        }
    }
}

impl Error for DirectoryError {}
