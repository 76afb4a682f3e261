//! Configuration: read once, checked as a whole, documented by itself.
//!
//! Sources, the later over the earlier: defaults, a TOML file, the environment, flags. Only this module reads
//! the environment.

mod check;
mod database;
mod raw;
mod variables;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;

use axum::http::HeaderValue;
use clerk_sync::clerk::PublishableKey;
use clerk_sync::clerk::api::BudgetSettings;
use clerk_sync::clerk::secret::{SecretKey, WebhookSecrets};
use clerk_sync::core::RolePolicy;
use clerk_sync::http::HttpLimits;
use clerk_sync::{EngineSettings, EqualSettings, Retention};

pub(crate) use database::Database;
pub(crate) use raw::Raw;
use variables::VARIABLES;
pub(crate) use variables::page;

/// Everything `serve` needs, checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) database: Database,
    pub(crate) secret_key: SecretKey,
    pub(crate) publishable_key: Option<PublishableKey>,
    pub(crate) jwt_key: Option<String>,
    pub(crate) api_url: String,
    pub(crate) webhook_secrets: Option<WebhookSecrets>,
    pub(crate) issuer: String,
    pub(crate) authorized_parties: Vec<String>,
    pub(crate) allowed_origins: Vec<HeaderValue>,
    pub(crate) allow_missing_azp: bool,
    pub(crate) claims_required: Vec<String>,
    pub(crate) roles: RolePolicy,
    pub(crate) budget: BudgetSettings,
    pub(crate) engine: EngineSettings,
    pub(crate) equality: EqualSettings,
    pub(crate) http: HttpLimits,
    pub(crate) retention: Retention,
    pub(crate) unconfirmed_after_ms: i64,
    pub(crate) drain_s: u64,
    pub(crate) migrate: bool,
}

/// Names other programs use for a webhook signing secret, which are not read here.
const LOOKALIKES: [&str; 7] = [
    "WEBHOOK_SECRET",
    "WEBHOOK_SIGNING_SECRET",
    "SIGNING_SECRET",
    "CLERK_SIGNING_SECRET",
    "CLERK_WEBHOOK_SIGNING_KEY",
    "SVIX_SECRET",
    "SVIX_WEBHOOK_SECRET",
];

/// A configuration that need not be one that can be served with.
#[derive(Debug)]
pub(crate) struct Examined {
    /// With defaults in place of what cannot be used; `None` without a secret key.
    pub(crate) config: Option<Config>,
    pub(crate) faults: Vec<Fault>,
    /// `None` where its address cannot be used.
    pub(crate) database: Option<Database>,
    /// The names under which webhook secrets were given.
    pub(crate) webhook_names: Vec<&'static str>,
    /// Variables of other names that hold something like a webhook secret.
    pub(crate) lookalikes: Vec<&'static str>,
}

/// A value that cannot be used: its name, what was seen, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) variable: &'static str,
    pub(crate) seen: String,
    pub(crate) fix: String,
}

/// Every value that cannot be used, at once.
#[derive(Debug, thiserror::Error)]
#[error("{}", render(.0))]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

fn render(faults: &[Fault]) -> String {
    let mut text = format!("the configuration has {} fault(s)", faults.len());
    for fault in faults {
        text.push_str(&format!("\n  {}: {}\n    fix: {}", fault.variable, fault.seen, fault.fix));
    }
    text
}

impl Config {
    /// Reads and checks.
    pub(crate) fn load(flags: Raw, file: Option<&Path>) -> anyhow::Result<Self> {
        Self::check(Self::gather(flags, file)?)
    }

    /// The database alone, for commands that need nothing else; from the same places.
    pub(crate) fn database(flags: Raw, file: Option<&Path>) -> anyhow::Result<Database> {
        Ok(check::database(Self::gather(flags, file)?)?)
    }

    /// The same, whatever is wrong with it.
    ///
    /// # Errors
    /// When the file cannot be read or is none.
    pub(crate) fn examine(flags: Raw, file: Option<&Path>) -> anyhow::Result<Examined> {
        let raw = Self::gather(flags, file)?;
        let names = [
            ("clerk_webhook_signing_secret", "CLERK_WEBHOOK_SIGNING_SECRET"),
            ("clerk_webhook_secret", "CLERK_WEBHOOK_SECRET"),
        ];
        let given = names.into_iter().filter(|(key, _)| raw.value(key).is_some());
        let is_secret = |name: &&str| std::env::var(name).is_ok_and(|value| value.starts_with("whsec_"));
        let (webhook_names, database) =
            (given.map(|(_, name)| name).collect(), check::database(raw.clone()).ok());
        let (config, faults) = check::examine(raw);
        let lookalikes = LOOKALIKES.into_iter().filter(is_secret).collect();
        Ok(Examined { config, faults, database, webhook_names, lookalikes })
    }

    fn gather(flags: Raw, file: Option<&Path>) -> anyhow::Result<Raw> {
        let file = Raw::from_file(file)?;
        let environment = Raw::from_environment(|name| std::env::var(name).ok());
        Ok(flags.or(environment).or(file))
    }

    /// Checks values that are all there is.
    pub(crate) fn check(raw: Raw) -> anyhow::Result<Self> {
        Ok(check::check(raw)?)
    }
}
