//! Raw values become a [`Config`], or every fault at once.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use axum::http::HeaderValue;
use clerk_sync::clerk::PublishableKey;
use clerk_sync::clerk::api::BudgetSettings;
use clerk_sync::clerk::keys::Keys;
use clerk_sync::clerk::secret::{SecretKey, WebhookSecrets};
use clerk_sync::core::{RolePolicy, UserId};
use clerk_sync::http::HttpLimits;
use clerk_sync::{BrakeSettings, EngineSettings, EqualSettings, Retention};

use reqwest::Url;

use super::{Config, Database, Fault, Faults, Raw, VARIABLES};

/// Loopback: whoever wants to be reached from elsewhere says so.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8787);
const DAY_MS: i64 = 24 * 3_600_000;
/// Claims that may be required; see the documentation of CLERK_SYNC_CLAIMS.
const CLAIMS: [&str; 7] =
    ["email", "email_verified", "username", "first_name", "last_name", "image_url", "ext"];

/// Values being checked, and what was wrong so far.
struct Check {
    raw: Raw,
    faults: Vec<Fault>,
}

pub(super) fn check(raw: Raw) -> Result<Config, Faults> {
    match examine(raw) {
        (Some(config), faults) if faults.is_empty() => Ok(config),
        (_, faults) => Err(Faults(faults)),
    }
}

/// The configuration, with defaults in place of what cannot be used, and what that is. Without a secret key
/// there is none.
pub(super) fn examine(raw: Raw) -> (Option<Config>, Vec<Fault>) {
    let mut check = Check { raw, faults: vec![] };
    let publishable_key = check.publishable_key();
    let secret_key = check.secret_key();
    let live = secret_key.as_ref().is_some_and(SecretKey::is_live);
    let default_budget = if live { BudgetSettings::PRODUCTION } else { BudgetSettings::DEVELOPMENT };
    let engine = EngineSettings {
        staleness_bound_ms: check.number("staleness_bound_ms", 2_000, 0..=60_000),
        ..EngineSettings::default()
    };
    let equality = EqualSettings {
        lease_ms: check.number("lease_ms", 15_000, 100..=600_000),
        catch_up_ms: check.number("catch_up_ms", 30_000, 0..=3_600_000),
        silence_ms: check.number::<u64>("silence_s", 600, 1..=604_800) * 1_000,
        sweep_every_ms: check.number::<u64>("sweep_every_s", 86_400, 0..=31_536_000) * 1_000,
        brake: BrakeSettings {
            users: check.number("brake_users", 5, 0..=1_000_000),
            percent: check.number("brake_percent", 1, 0..=100),
        },
        ..EqualSettings::default()
    };
    let http = HttpLimits {
        webhook_bytes: check.number("webhook_max_bytes", 1 << 20, 1_024..=(16 << 20)),
        webhooks_at_once: check.number("webhooks_at_once", 1_024, 1..=100_000),
        users_at_once: check.number("users_at_once", 4_096, 1..=100_000),
        held_at_once: check.number("held_at_once", 4_096, 0..=100_000),
        ..HttpLimits::default()
    };
    let retention = Retention {
        processed_ms: check.days("keep_processed_days", 30),
        dead_ms: check.days("keep_dead_days", 0),
    };
    let config = Config {
        listen: check.parsed("listen", DEFAULT_LISTEN, "an address and a port, such as 127.0.0.1:8787"),
        database: check.database(),
        webhook_secrets: check.webhook_secrets(),
        issuer: check.issuer(publishable_key.as_ref()),
        publishable_key,
        jwt_key: check.jwt_key(),
        api_url: check.api_url(),
        authorized_parties: check.list("authorized_parties"),
        allowed_origins: check.allowed_origins(),
        allow_missing_azp: check.parsed("allow_missing_azp", false, "true or false"),
        claims_required: check.claims(),
        roles: check.roles(),
        budget: BudgetSettings {
            requests: check.number("api_limit", default_budget.requests, 1..=100_000),
            share_percent: check.number("api_share", default_budget.share_percent, 1..=99),
            sweep_percent: check.number("api_sweep_share", default_budget.sweep_percent, 1..=100),
        },
        engine,
        equality,
        http,
        retention,
        unconfirmed_after_ms: check.number::<i64>("unconfirmed_after_s", 600, 1..=604_800) * 1_000,
        drain_s: check.number("drain_s", 30, 0..=3_600),
        migrate: check.parsed("migrate", true, "true or false"),
        secret_key: match secret_key {
            Some(key) => key,
            None => return (None, check.faults),
        },
    };
    (Some(config), check.faults)
}

/// The database, whatever the other values are.
pub(super) fn database(raw: Raw) -> Result<Database, Faults> {
    let mut check = Check { raw, faults: vec![] };
    let database = check.database();
    if check.faults.is_empty() { Ok(database) } else { Err(Faults(check.faults)) }
}

impl Check {
    fn fault(&mut self, key: &'static str, seen: impl Into<String>, fix: impl Into<String>) {
        let name = VARIABLES.iter().find(|variable| variable.key == key).map_or(key, |v| v.name);
        self.faults.push(Fault { variable: name, seen: seen.into(), fix: fix.into() });
    }

    fn value(&self, key: &str) -> Option<String> {
        self.raw.value(key).map(|value| value.trim().to_owned())
    }

    /// A value that is no secret, so it may be repeated.
    fn parsed<T: std::str::FromStr>(&mut self, key: &'static str, default: T, rule: &str) -> T {
        let Some(text) = self.value(key) else { return default };
        text.parse().unwrap_or_else(|_| {
            self.fault(key, format!("{text:?} was given"), format!("give {rule}"));
            default
        })
    }

    fn number<T>(&mut self, key: &'static str, default: T, range: std::ops::RangeInclusive<T>) -> T
    where
        T: std::str::FromStr + PartialOrd + Copy + std::fmt::Display,
    {
        let Some(text) = self.value(key) else { return default };
        if let Some(number) = text.parse().ok().filter(|number| range.contains(number)) {
            return number;
        }
        let fix = format!("give a whole number from {} to {}", range.start(), range.end());
        self.fault(key, format!("{text:?} was given"), fix);
        default
    }

    fn days(&mut self, key: &'static str, default: i64) -> Option<i64> {
        let days = self.number(key, default, 0..=36_500);
        (days > 0).then_some(days * DAY_MS)
    }

    fn list(&self, key: &str) -> Vec<String> {
        let text = self.value(key).unwrap_or_default();
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn secret_key(&mut self) -> Option<SecretKey> {
        let Some(text) = self.value("clerk_secret_key") else {
            self.fault(
                "clerk_secret_key",
                "nothing was given",
                "copy the secret key (sk_test_… or sk_live_…) from Clerk's Dashboard, API keys; or run `clerk-sync dev`, which needs none",
            );
            return None;
        };
        match SecretKey::parse("CLERK_SECRET_KEY", &text) {
            Ok(key) => Some(key),
            Err(error) => {
                // The value is a secret, or was meant to be one: it is not repeated.
                self.fault(
                    "clerk_secret_key",
                    format!("{} characters were given; {}", text.chars().count(), error.problem),
                    "copy the secret key from Clerk's Dashboard, API keys",
                );
                None
            }
        }
    }

    fn publishable_key(&mut self) -> Option<PublishableKey> {
        let text = self.value("clerk_publishable_key")?;
        match PublishableKey::parse(&text) {
            Ok(key) => Some(key),
            Err(error) => {
                self.fault(
                    "clerk_publishable_key",
                    format!("{text:?} is {error}"),
                    "copy the publishable key from Clerk's Dashboard, API keys",
                );
                None
            }
        }
    }

    fn jwt_key(&mut self) -> Option<String> {
        let text = self.value("clerk_jwt_key")?;
        if let Err(error) = Keys::from_pem(&text) {
            self.fault(
                "clerk_jwt_key",
                format!("{} characters were given: {error}", text.chars().count()),
                "copy the JWKS public key as PEM from Clerk's Dashboard, or leave it out",
            );
        }
        Some(text)
    }

    fn api_url(&mut self) -> String {
        let url = self.value("clerk_api_url").unwrap_or_else(|| "https://api.clerk.com".to_owned());
        let url = url.trim_end_matches('/').to_owned();
        if url.ends_with("/v1") || !(url.starts_with("https://") || url.starts_with("http://")) {
            self.fault(
                "clerk_api_url",
                format!("{url:?} was given"),
                "give the address with https:// and without /v1, such as https://api.clerk.com",
            );
        }
        url
    }

    fn issuer(&mut self, key: Option<&PublishableKey>) -> String {
        match (self.value("issuer"), key) {
            (Some(issuer), _) if issuer.starts_with("https://") && !issuer.ends_with('/') => issuer,
            (Some(issuer), _) => {
                self.fault(
                    "issuer",
                    format!("{issuer:?} was given"),
                    "give it exactly as in the tokens: https:// and the host, without a slash at the end",
                );
                String::new()
            }
            (None, Some(key)) => key.issuer(),
            (None, None) => {
                if self.value("clerk_publishable_key").is_none() {
                    self.fault(
                        "clerk_publishable_key",
                        "nothing was given, and no CLERK_SYNC_ISSUER either",
                        "copy the publishable key (pk_test_… or pk_live_…) from Clerk's Dashboard, API keys",
                    );
                }
                String::new()
            }
        }
    }

    fn webhook_secrets(&mut self) -> Option<WebhookSecrets> {
        let mut named = vec![];
        for (key, name) in [
            ("clerk_webhook_signing_secret", "CLERK_WEBHOOK_SIGNING_SECRET"),
            ("clerk_webhook_secret", "CLERK_WEBHOOK_SECRET"),
        ] {
            named.extend(self.list(key).into_iter().map(|secret| (key, name, secret)));
        }
        for (key, name, secret) in &named {
            if let Err(error) = WebhookSecrets::parse([(*name, secret.as_str())]) {
                self.fault(
                    key,
                    format!("{} characters were given: {}", secret.chars().count(), error.problem),
                    "copy the endpoint's signing secret (whsec_…) from Clerk's Dashboard, Webhooks",
                );
            }
        }
        WebhookSecrets::parse(named.iter().map(|(_, name, secret)| (*name, secret.as_str()))).ok()
    }

    fn allowed_origins(&mut self) -> Vec<HeaderValue> {
        let (mut origins, mut refused) = (vec![], vec![]);
        for word in self.list("allowed_origins") {
            match origin(&word) {
                Some(origin) => origins.push(origin),
                None => refused.push(word),
            }
        }
        if !refused.is_empty() {
            self.fault(
                "allowed_origins",
                format!("{} is no origin", refused.join(", ")),
                "name each as a browser does, such as https://app.example.com; there is no wildcard, because users are answered",
            );
        }
        origins
    }

    fn claims(&mut self) -> Vec<String> {
        let claims = self.list("claims");
        let unknown: Vec<_> = claims.iter().filter(|c| !CLAIMS.contains(&c.as_str())).cloned().collect();
        if !unknown.is_empty() {
            self.fault(
                "claims",
                format!("{} is not among the known claims", unknown.join(", ")),
                format!("name any of {}", CLAIMS.join(", ")),
            );
        }
        claims
    }

    fn roles(&mut self) -> RolePolicy {
        let text = self.value("roles").unwrap_or_else(|| "first-user-admin".to_owned());
        if let Some(policy) = role_policy(&text) {
            return policy;
        }
        self.fault("roles", format!("{text:?} was given"), "give first-user-admin, none, metadata:FIELD, or admins: and ids or e-mail addresses separated by commas");
        RolePolicy::None
    }

    fn database(&mut self) -> Database {
        let url = self.value("database_url").unwrap_or_else(|| "sqlite:clerk-sync.db".to_owned());
        match Database::parse(&url) {
            Ok(database) => database,
            Err(fix) => {
                // A database address may hold a password: only its scheme is repeated.
                let scheme = url.split(':').next().unwrap_or_default().to_owned();
                self.fault("database_url", format!("an address of {scheme:?} was given"), fix.0);
                Database::Sqlite { path: PathBuf::new(), durable: true }
            }
        }
    }
}

/// An origin exactly as browsers send it: `*`, `null`, a path or a slash at the end would never be equal to one.
fn origin(text: &str) -> Option<HeaderValue> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    (!text.contains('*') && url.origin().ascii_serialization() == text)
        .then(|| HeaderValue::from_str(text).ok())
        .flatten()
}

fn role_policy(text: &str) -> Option<RolePolicy> {
    if let Some(field) = text.strip_prefix("metadata:") {
        return (!field.is_empty()).then(|| RolePolicy::PublicMetadata { field: field.to_owned() });
    }
    if let Some(list) = text.strip_prefix("admins:") {
        let (mut ids, mut emails) = (BTreeSet::new(), BTreeSet::new());
        for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match UserId::parse(word) {
                Ok(id) => drop(ids.insert(id)),
                Err(_) if word.contains('@') => drop(emails.insert(word.to_lowercase())),
                Err(_) => return None,
            }
        }
        return (!ids.is_empty() || !emails.is_empty()).then_some(RolePolicy::AllowList { ids, emails });
    }
    match text {
        "first-user-admin" => Some(RolePolicy::FirstUserAdmin),
        "none" => Some(RolePolicy::None),
        _ => None,
    }
}
