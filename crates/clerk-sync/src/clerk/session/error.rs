use std::fmt;

/// Why a request has no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// No token was sent: 401.
    Missing,
    /// The token proves nothing: 401, one answer for every reason.
    Unauthenticated(Refusal),
    /// The key that would decide cannot be had now: 503. A key rotation or an outage at Clerk must not log
    /// valid users out.
    Undecidable {
        /// How long to wait before asking again, in milliseconds.
        retry_after_ms: u64,
    },
}

impl SessionError {
    /// The code callers may see.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing | Self::Unauthenticated(_) => "unauthenticated",
            Self::Undecidable { .. } => "keys_unavailable",
        }
    }

    /// What exactly was wrong, as a label of a metric; never for the caller.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unauthenticated(refusal) => refusal.as_str(),
            Self::Undecidable { .. } => "keys_unavailable",
        }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no session token was sent"),
            Self::Unauthenticated(refusal) => write!(f, "the session token is refused: {}", refusal.as_str()),
            Self::Undecidable { .. } => f.write_str("the key of the session token cannot be had now"),
        }
    }
}

impl std::error::Error for SessionError {}

impl From<Refusal> for SessionError {
    fn from(refusal: Refusal) -> Self {
        Self::Unauthenticated(refusal)
    }
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// The rule a token breaks; a metric label, never shown to the caller.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// The rule as a stable word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

refusals! {
    /// Two `Authorization` headers.
    TwoHeaders = "two_headers",
    /// An `Authorization` header that is not `Bearer` with a token.
    Scheme = "scheme",
    /// Over 8 KiB, refused before anything is decoded.
    TooLong = "too_long",
    /// Not three parts.
    Parts = "parts",
    /// Not base64url without padding, or with stray bits.
    Encoding = "encoding",
    /// The header is no JSON object, too deep, or names a member twice.
    Header = "header",
    /// `alg` is not `RS256`.
    Algorithm = "algorithm",
    /// `typ` is neither absent nor `JWT`.
    Type = "type",
    /// `cat` names another kind of token.
    Category = "category",
    /// `crit`, `b64` or `zip`: an extension we do not have.
    Extension = "extension",
    /// `kid` is missing or is none Clerk would give.
    KeyId = "key_id",
    /// No such key, and the keys are newer than the request.
    UnknownKey = "unknown_key",
    /// The signature is not of these bytes and this key.
    Signature = "signature",
    /// The payload is no JSON object, too deep, or names a member twice.
    Payload = "payload",
    /// `iss` is not the configured issuer.
    Issuer = "issuer",
    /// `sub` is no user's id.
    Subject = "subject",
    /// `sid` is missing: no session's token.
    SessionId = "session_id",
    /// `exp` is missing or no whole number.
    Expiry = "expiry",
    /// Expired.
    Expired = "expired",
    /// `nbf` is no whole number or in the future.
    NotBefore = "not_before",
    /// `iat` is missing, no whole number, or in the future.
    IssuedAt = "issued_at",
    /// Valid for longer than any session token may be.
    Lifetime = "lifetime",
    /// `azp` is missing or not in the allow-list.
    AuthorizedParty = "authorized_party",
    /// `sts` is a status we do not know.
    Status = "status",
}
