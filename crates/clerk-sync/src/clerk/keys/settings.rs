use clerk_sync_core::Timestamp;

use crate::clerk::secret::SecretKey;

/// Where an instance publishes its keys, and how patient to be.
#[derive(Debug, Clone)]
pub struct JwksSettings {
    /// The address: [`PublishableKey::jwks_url`](crate::clerk::PublishableKey::jwks_url), or the Backend API's
    /// `/v1/jwks`.
    pub url: String,
    /// The secret key, which only the Backend API asks for.
    pub secret_key: Option<SecretKey>,
    /// Whether plain HTTP is allowed to another machine, as to an emulator.
    pub allow_plain_http: bool,
    /// How long a connection may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long a fetch may take in all, in milliseconds.
    pub fetch_timeout_ms: u64,
    /// How long a set is used without looking for a newer one, in milliseconds. Clerk's SDK: five minutes.
    pub fresh_ms: i64,
    /// How long a set is used while no newer one can be had, in milliseconds.
    pub stale_ms: i64,
    /// The shortest time between two fetches while there are keys, in milliseconds, whatever `kid`s are sent.
    pub refetch_gap_ms: i64,
    /// The same while there are none.
    pub first_fetch_gap_ms: i64,
}

impl JwksSettings {
    /// The default patience: 2 s a fetch, 5 min fresh, 24 h in need, 10 s between fetches (1 s without keys).
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            secret_key: None,
            allow_plain_http: false,
            connect_timeout_ms: 2_000,
            fetch_timeout_ms: 2_000,
            fresh_ms: 5 * 60 * 1_000,
            stale_ms: 24 * 60 * 60 * 1_000,
            refetch_gap_ms: 10_000,
            first_fetch_gap_ms: 1_000,
        }
    }
}

/// How a JWKS is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JwksStatus {
    /// Usable keys; 0 when there are none or they are too old.
    pub keys: usize,
    /// When the set was fetched.
    pub fetched_at: Option<Timestamp>,
    /// Whether a newer set should have been had by now.
    pub stale: bool,
    /// Fetches begun since the start.
    pub fetches: u64,
    /// Fetches that brought no usable set.
    pub failures: u64,
}
