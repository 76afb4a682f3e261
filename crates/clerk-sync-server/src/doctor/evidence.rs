//! Everything the checks judge, gathered once, each part within a time of its own.

mod clerk;
mod database;
mod public;
mod server;

use std::time::Duration;

use clerk_sync::SystemClock;
use clerk_sync::clerk::keys::Keys;
use clerk_sync::core::port::Clock;
use clerk_sync::core::{DirectoryError, Timestamp};

use crate::compose;
use crate::config::{Config, Examined};
pub(super) use clerk::ClerkSaid;
pub(super) use database::{DatabaseHolds, EventLog};
pub(super) use public::{Answer, Forwarded, Said, Unanswered};
pub(super) use server::Figures;

/// How long asking Clerk, or the database, may take.
const PART_TIME: Duration = Duration::from_secs(12);

/// What whoever calls the doctor has said.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) settings: Examined,
    /// The set-up is meant for production.
    pub(crate) production: bool,
    /// Where browsers and Clerk reach it.
    pub(crate) url: Option<reqwest::Url>,
    /// A session token to judge.
    pub(crate) token: Option<String>,
    /// How long the public address has to answer.
    pub(crate) answer_time: Duration,
}

/// What there is to judge. `None`: not asked for, or not possible with these settings.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(super) asked: Asked,
    pub(super) now: Timestamp,
    pub(super) clerk: Option<ClerkSaid>,
    pub(super) published: Option<Published>,
    /// The reason the token is refused for, or that it is not.
    pub(super) token: Option<Result<(), &'static str>>,
    pub(super) server: Option<Figures>,
    pub(super) endpoint: Option<Answer>,
    pub(super) forwarded: Option<Forwarded>,
    pub(super) database: Option<DatabaseHolds>,
}

/// The keys Clerk publishes.
#[derive(Debug)]
pub(super) struct Published {
    /// Whether there are any.
    pub(super) any: bool,
    /// Whether one is named by the instance; `None` while the instance or the keys are not known.
    pub(super) of_instance: Option<bool>,
    /// Whether the key of the settings is among them; `None` without one.
    pub(super) has_configured: Option<bool>,
}

impl Evidence {
    pub(crate) async fn gather(asked: Asked) -> Self {
        let config = asked.settings.config.as_ref();
        let (by_clerk, server_and_public, database) = tokio::join!(
            gather_clerk(config, asked.token.as_deref()),
            gather_public(&asked),
            database::read(&asked.settings),
        );
        let (clerk, published, token) = by_clerk;
        let (server, endpoint, forwarded) = server_and_public;
        let now = SystemClock.now();
        Self { asked, now, clerk, published, token, server, endpoint, forwarded, database }
    }

    pub(super) fn config(&self) -> Option<&Config> {
        self.asked.settings.config.as_ref()
    }

    /// Whether this is production: by word, or since the public address is on the internet.
    pub(super) fn is_production(&self) -> bool {
        let public = |url: &reqwest::Url| {
            let host = url.host_str().unwrap_or_default();
            url.scheme() == "https" && !is_local(host)
        };
        self.asked.production || self.asked.url.as_ref().is_some_and(public)
    }

    /// What is wrong with the settings of these names.
    pub(super) fn faults_of(&self, names: &[&str]) -> Option<String> {
        let faults = self.asked.settings.faults.iter().filter(|fault| names.contains(&fault.variable));
        let seen: Vec<String> = faults.map(|fault| format!("{}: {}", fault.variable, fault.seen)).collect();
        (!seen.is_empty()).then(|| seen.join("; "))
    }

    /// The instance the secret key belongs to, if Clerk has said.
    pub(super) fn instance_id(&self) -> Option<&str> {
        self.clerk.as_ref()?.instance.as_deref().ok()
    }

    /// Why Clerk has not said anything of use.
    pub(super) fn clerk_silent(&self) -> &'static str {
        match self.clerk.as_ref().map(|clerk| &clerk.instance) {
            None => "there is no usable secret key",
            Some(Err(DirectoryError::RefusedKey)) => "Clerk refuses the secret key",
            Some(Err(DirectoryError::Throttled { .. })) => "Clerk asks to wait",
            _ => "Clerk gives no usable answer",
        }
    }

    pub(super) fn log(&self) -> Option<&EventLog> {
        self.database.as_ref()?.log.as_ref()
    }
}

/// Whether a host means this machine or a network at home.
pub(super) fn is_local(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    let address: Option<std::net::IpAddr> = host.parse().ok();
    match address {
        Some(std::net::IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Some(std::net::IpAddr::V6(address)) => address.is_loopback(),
        None => host == "localhost" || host.ends_with(".localhost") || host.ends_with(".local"),
    }
}

type ByClerk = (Option<ClerkSaid>, Option<Published>, Option<Result<(), &'static str>>);

async fn gather_clerk(config: Option<&Config>, token: Option<&str>) -> ByClerk {
    let Some(config) = config else { return (None, None, None) };
    let (said, keys, token) =
        tokio::join!(clerk::ask(config), fetch_keys(config), clerk::verify(config, token));
    let published = keys.map(|keys| published(config, &keys, said.as_ref()));
    (said, published, token)
}

async fn fetch_keys(config: &Config) -> Option<Keys> {
    let keys = compose::published_keys(config).ok()?;
    let fetched = tokio::time::timeout(PART_TIME, keys.prepare(SystemClock.now())).await;
    fetched.ok().map(|_| keys)
}

fn published(config: &Config, keys: &Keys, said: Option<&ClerkSaid>) -> Published {
    let now = SystemClock.now();
    let instance = said.and_then(|said| said.instance.as_deref().ok());
    let configured = config.jwt_key.as_ref().and_then(|pem| Keys::from_pem(pem).ok());
    Published {
        any: keys.jwks_status(now).is_some_and(|status| status.keys > 0),
        of_instance: instance.and_then(|id| keys.has_key_id(id, now)),
        has_configured: configured.and_then(|pem| keys.has_key_of(&pem, now)),
    }
}

async fn gather_public(asked: &Asked) -> (Option<Figures>, Option<Answer>, Option<Forwarded>) {
    let listen = asked.settings.config.as_ref().map(|config| config.listen);
    let server = match listen {
        Some(listen) => server::figures(listen).await,
        None => None,
    };
    let Some(url) = &asked.url else { return (server, None, None) };
    let (endpoint, forwarded) =
        tokio::join!(public::webhook(url, asked.answer_time), public::authorization(url, asked, listen));
    (server, Some(endpoint), Some(forwarded))
}

/// The body of an answer, as far as it is no longer than `limit` bytes.
async fn bounded(mut answer: reqwest::Response, limit: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let left = limit.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..left).unwrap_or(&chunk));
        if body.len() >= limit {
            break;
        }
    }
    Ok(body)
}
