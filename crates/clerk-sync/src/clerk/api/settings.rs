use crate::clerk::secret::SecretKey;

/// How the Backend API is asked.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The address without `/v1`; `https://api.clerk.com` by default.
    pub base_url: String,
    /// The secret key, which selects the instance.
    pub secret_key: SecretKey,
    /// Whether plain HTTP is allowed to another machine, as to an emulator. To this machine it always is.
    pub allow_plain_http: bool,
    /// How long a connection may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long one attempt may take in all, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// How often a call is tried.
    pub max_attempts: u32,
    /// How long a call waits before an attempt, for its turn or for `Retry-After`, in milliseconds. What would
    /// take longer is an error at once.
    pub max_wait_ms: u64,
    /// The largest body read, in bytes.
    pub max_body_bytes: usize,
    /// How long an attempt to get a page of users may take in all, in milliseconds.
    pub page_timeout_ms: u64,
    /// The largest page of users read, in bytes: 500 users with all the metadata Clerk allows are 14 MB.
    pub max_page_bytes: usize,
    /// The share of Clerk's rate limit that is used.
    pub budget: BudgetSettings,
    /// When calls are given up on for a while.
    pub breaker: BreakerSettings,
    /// What the jitter of retries starts from. Give every process another one: with the default of 0 replicas
    /// that fail together ask again together.
    pub jitter_seed: u64,
}

impl ApiSettings {
    /// The defaults, with the rate limit of the key's kind of instance.
    pub fn new(secret_key: SecretKey) -> Self {
        let budget =
            if secret_key.is_live() { BudgetSettings::PRODUCTION } else { BudgetSettings::DEVELOPMENT };
        Self {
            base_url: String::from("https://api.clerk.com"),
            secret_key,
            allow_plain_http: false,
            connect_timeout_ms: 2_000,
            attempt_timeout_ms: 2_000,
            max_attempts: 3,
            max_wait_ms: 2_000,
            max_body_bytes: 2 * 1024 * 1024,
            page_timeout_ms: 15_000,
            max_page_bytes: 32 * 1024 * 1024,
            budget,
            breaker: BreakerSettings::default(),
            jitter_seed: 0,
        }
    }
}

/// The share of Clerk's rate limit that is used; the rest is left to the app's own calls.
///
/// Calls never exceed `requests` in any ten seconds, and over time stay at `share_percent` of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetSettings {
    /// Clerk's limit: requests in ten seconds, for the instance.
    pub requests: u32,
    /// The share used over time, in percent, 1 to 99.
    pub share_percent: u32,
    /// The part of that share pages of users may take, in percent, 1 to 100.
    pub sweep_percent: u32,
}

impl BudgetSettings {
    /// 80 % of the 1000 requests in 10 s of production instances (Clerk's page "System limits").
    pub const PRODUCTION: Self = Self { requests: 1_000, share_percent: 80, sweep_percent: 50 };

    /// 80 % of the 100 requests in 10 s of development instances (Clerk's page "System limits").
    pub const DEVELOPMENT: Self = Self { requests: 100, share_percent: 80, sweep_percent: 50 };
}

/// When calls are given up on for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// After how many failed attempts in a row.
    pub failures: u32,
    /// For how long at first, in milliseconds; it doubles each time the probe fails too.
    pub open_ms: u64,
    /// For how long at most, in milliseconds.
    pub max_open_ms: u64,
}

impl Default for BreakerSettings {
    /// After five failures, for 5 s to a minute.
    fn default() -> Self {
        Self { failures: 5, open_ms: 5_000, max_open_ms: 60_000 }
    }
}
