//! How an emulator is set up.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::deliver::{InvalidSecret, NotLoopback};
use crate::limit::RateLimit;
use crate::weather::{InvalidWeather, Weather};

/// What an emulator starts with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; loopback only. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// Makes ids, weather and retry times repeatable. The signing key is random all the same.
    pub seed: u64,
    /// The secret key callers of the Backend API must send.
    pub secret_key: String,
    /// `whsec_` and the base64 of 24 to 75 bytes.
    pub webhook_secret: String,
    /// Host of the Frontend API: it is in the publishable key, and `https://` before it is the issuer of tokens.
    pub issuer_host: String,
    /// The `azp` claim of tokens; without it, that of a browser's tokens is the origin of its page. Pages of this origin
    /// and of loopback may use the Frontend API.
    pub authorized_party: Option<String>,
    /// How long a session token lasts, in whole seconds; Clerk's last 60 s.
    pub token_lifetime: Duration,
    /// Whether a browser may be signed in as several users at once.
    pub multi_session: bool,
    /// The folder of an installed `@clerk/clerk-js`, to be served to pages.
    pub clerk_js: Option<PathBuf>,
    /// Custom claims of session tokens; shortcodes such as `{{user.primary_email_address}}` are filled in.
    pub session_claims: Map<String, Value>,
    /// JWT templates by name.
    pub jwt_templates: BTreeMap<String, Map<String, Value>>,
    /// The rate limit of the Backend API; `None` switches it off, together with the limits per user.
    pub rate_limit: Option<RateLimit>,
    /// Where webhooks go; loopback only. Without one they are kept but not sent.
    pub webhook_url: Option<String>,
    /// How long a receiver has for its whole answer to a webhook.
    pub webhook_timeout: Duration,
    /// How many webhooks may be in flight at once.
    pub webhook_concurrency: usize,
    /// How much faster than Svix's retries ours are; 1.0 is the real schedule over 27 hours.
    pub speed: f64,
    /// The first weather.
    pub weather: Weather,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            secret_key: "sk_test_b2ZmbGluZS5jbGVyay5leGFtcGxlLmtleQ".to_owned(),
            webhook_secret: "whsec_b2ZmbGluZS1jbGVyay13ZWJob29rLWtl".to_owned(),
            issuer_host: "offline.clerk.example".to_owned(),
            authorized_party: None,
            token_lifetime: Duration::from_secs(60),
            multi_session: false,
            clerk_js: None,
            session_claims: Map::new(),
            jwt_templates: BTreeMap::new(),
            rate_limit: Some(RateLimit::PRODUCTION),
            webhook_url: None,
            // Svix docs, "Retries".
            webhook_timeout: Duration::from_secs(15),
            webhook_concurrency: 64,
            speed: 1.0,
            weather: Weather::default(),
        }
    }
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not on loopback.
    #[error("the emulator listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The port could not be had.
    #[error("listening on {address} failed")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The webhook target is not on loopback.
    #[error(transparent)]
    WebhookUrl(#[from] NotLoopback),
    /// The webhook secret cannot be used.
    #[error(transparent)]
    WebhookSecret(#[from] InvalidSecret),
    /// The weather cannot be.
    #[error(transparent)]
    Weather(#[from] InvalidWeather),
    /// An option has a value that cannot work.
    #[error("option {name}: {rule}")]
    Option {
        /// The option.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The folder of the browser SDK has no SDK in it.
    #[error("{} has no dist/clerk.browser.js: name the folder of an installed @clerk/clerk-js, such as node_modules/@clerk/clerk-js", .0.display())]
    ClerkJs(PathBuf),
    /// The system could not make an RSA key.
    #[error("making the signing key failed")]
    Key,
}

impl Options {
    /// Checks what needs no system.
    pub(crate) fn validate(&self) -> Result<(), StartError> {
        if !self.bind.ip().is_loopback() {
            return Err(StartError::NotLoopback(self.bind));
        }
        let host_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let rules = [
            ("speed", self.speed.is_finite() && self.speed > 0.0, "a positive number"),
            ("secret_key", self.secret_key.starts_with("sk_"), "must begin with sk_"),
            (
                "issuer_host",
                self.issuer_host.contains('.') && self.issuer_host.bytes().all(host_allowed),
                "a host name with a dot in it",
            ),
            ("token_lifetime", (1..=86_400).contains(&self.token_lifetime.as_secs()), "1 s to a day"),
            ("webhook_timeout", !self.webhook_timeout.is_zero(), "longer than nothing"),
            ("webhook_concurrency", (1..=1_024).contains(&self.webhook_concurrency), "1 to 1024"),
            (
                "rate_limit",
                self.rate_limit.is_none_or(|limit| limit.requests > 0 && limit.window_ms > 0),
                "at least one request and one millisecond",
            ),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((name, _, rule)) => Err(StartError::Option { name, rule }),
            None => Ok(self.weather.validate()?),
        }
    }
}
