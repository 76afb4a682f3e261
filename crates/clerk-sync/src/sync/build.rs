use std::sync::{Arc, Mutex, OnceLock};

use clerk_sync_core::port::{Clock, Directory, Inspect, Store};
use clerk_sync_core::{Delivery, DeliveryStatus, RolePolicy};
use thiserror::Error;

use super::{ClerkSync, Inner};
use crate::clerk::api::{ApiSettings, ClerkApi};
use crate::clerk::keys::{JwksSettings, Keys};
use crate::clerk::receive::read;
use crate::clerk::secret::{InvalidSecret, SecretKey, WebhookSecrets};
use crate::clerk::session::{SessionRules, SessionVerifier};
use crate::clerk::{ConnectError, InvalidPublishableKey, PublishableKey};
use crate::engine::{Engine, EngineSettings, Interpret};
use crate::equal::{EqualSettings, Equality};
use crate::metrics::Metrics;

/// How long bodies of deliveries are kept, by status, in milliseconds. Ids are kept for ever: they are what a
/// replay is known by.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Processed ones. Default 30 days.
    pub processed_ms: Option<i64>,
    /// Dead letters. Default: for ever, until an operator has seen them.
    pub dead_ms: Option<i64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { processed_ms: Some(30 * 24 * 3_600_000), dead_ms: None }
    }
}

impl Retention {
    /// Pending and failed ones are still needed.
    pub(super) fn millis(&self, status: DeliveryStatus) -> Option<i64> {
        match status {
            DeliveryStatus::Processed => self.processed_ms,
            DeliveryStatus::Dead => self.dead_ms,
            DeliveryStatus::Pending | DeliveryStatus::Failed => None,
        }
    }
}

/// Why a [`Builder`] cannot build.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A part without which there is nothing to do is missing.
    #[error("{0} is missing: call Builder::{0}")]
    Missing(&'static str),
    /// A secret cannot be used.
    #[error(transparent)]
    Secret(#[from] InvalidSecret),
    /// The publishable key cannot be used.
    #[error(transparent)]
    PublishableKey(#[from] InvalidPublishableKey),
    /// Clerk cannot be reached as asked.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// Puts a [`ClerkSync`] together.
#[derive(Default)]
pub struct Builder {
    store: Option<(Arc<dyn Store>, Arc<dyn Inspect>)>,
    directory: Option<Arc<dyn Directory>>,
    clock: Option<Arc<dyn Clock>>,
    secrets: Option<WebhookSecrets>,
    rules: Option<SessionRules>,
    authorized_parties: Vec<String>,
    keys: Option<Keys>,
    cookie_suffix: Option<String>,
    instance_id: Option<String>,
    policy: RolePolicy,
    settings: EngineSettings,
    equality: EqualSettings,
    retention: Retention,
    unconfirmed_after_ms: Option<i64>,
}

impl Builder {
    /// The database. Required.
    #[must_use]
    pub fn store<S: Store + Inspect + 'static>(mut self, store: Arc<S>) -> Self {
        self.store = Some((store.clone(), store));
        self
    }

    /// The same for stores known only as ports.
    #[must_use]
    pub fn ports(mut self, store: Arc<dyn Store>, inspect: Arc<dyn Inspect>) -> Self {
        self.store = Some((store, inspect));
        self
    }

    /// Clerk's Backend API. Required, unless [`Builder::clerk`] is called.
    #[must_use]
    pub fn directory(mut self, directory: Arc<dyn Directory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Everything that follows from Clerk's two keys: Backend API, keys and rules of session tokens, name of
    /// the cookie. What is set by itself as well goes over it if it is set after.
    ///
    /// # Errors
    /// When one of them is no such key.
    pub fn clerk(mut self, secret_key: &str, publishable_key: &str) -> Result<Self, BuildError> {
        let secret_key = SecretKey::parse("secret key", secret_key)?;
        let publishable_key = PublishableKey::parse(publishable_key)?;
        let clock = Arc::clone(self.clock.get_or_insert_with(|| Arc::new(crate::clock::SystemClock)));
        self.directory = Some(Arc::new(ClerkApi::new(ApiSettings::new(secret_key), clock)?));
        self.keys = Some(Keys::from_jwks(JwksSettings::new(publishable_key.jwks_url()))?);
        self.rules = Some(SessionRules::new(publishable_key.issuer()));
        self.cookie_suffix = Some(publishable_key.cookie_suffix());
        Ok(self)
    }

    /// One webhook signing secret, with or without `whsec_`.
    ///
    /// # Errors
    /// When it is empty, not base64, or under 24 bytes.
    pub fn webhook_secret(mut self, secret: &str) -> Result<Self, BuildError> {
        self.secrets = Some(WebhookSecrets::parse([("webhook secret", secret)])?);
        Ok(self)
    }

    /// An origin (`azp`) whose tokens are accepted; may be called several times. Without any, tokens of every
    /// origin of the instance are.
    #[must_use]
    pub fn authorized_party(mut self, origin: impl Into<String>) -> Self {
        self.authorized_parties.push(origin.into());
        self
    }

    /// What session tokens must fulfil. Required, unless [`Builder::clerk`] is called.
    #[must_use]
    pub fn sessions(mut self, rules: SessionRules) -> Self {
        self.rules = Some(rules);
        self
    }

    /// The keys session tokens are signed with. Required, unless [`Builder::clerk`] is called.
    #[must_use]
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// The webhook signing secrets. Without any, webhooks get 503.
    #[must_use]
    pub fn webhook_secrets(mut self, secrets: WebhookSecrets) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// Time; set it before [`Builder::clerk`]. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The suffix of the `__session_` cookie, from
    /// [`PublishableKey::cookie_suffix`](crate::clerk::PublishableKey::cookie_suffix). Without it
    /// only `__session` is read.
    #[must_use]
    pub fn cookie_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.cookie_suffix = Some(suffix.into());
        self
    }

    /// The id of our Clerk instance; webhooks of another are stored, counted and otherwise ignored. Without
    /// it Clerk is asked by [`ClerkSync::run`].
    #[must_use]
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.instance_id = Some(id.into());
        self
    }

    /// How new records get their role. Default: the very first user becomes `admin`.
    #[must_use]
    pub fn roles(mut self, policy: RolePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Limits and periods of the engine.
    #[must_use]
    pub fn engine(mut self, settings: EngineSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Periods and limits of backfill, sweeps and catching up.
    #[must_use]
    pub fn equality(mut self, settings: EqualSettings) -> Self {
        self.equality = settings;
        self
    }

    /// How long bodies of deliveries are kept.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// After how many milliseconds a record made just in time and still without a webhook counts as
    /// unconfirmed. Default: ten minutes.
    #[must_use]
    pub fn unconfirmed_after_ms(mut self, millis: i64) -> Self {
        self.unconfirmed_after_ms = Some(millis);
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// When a required part is missing.
    pub fn build(self) -> Result<ClerkSync, BuildError> {
        let (store, inspect) = self.store.ok_or(BuildError::Missing("store"))?;
        let directory = self.directory.ok_or(BuildError::Missing("directory"))?;
        let mut rules = self.rules.ok_or(BuildError::Missing("sessions"))?;
        rules.authorized_parties.extend(self.authorized_parties);
        let keys = self.keys.ok_or(BuildError::Missing("keys"))?;
        let clock = self.clock.unwrap_or_else(|| Arc::new(crate::clock::SystemClock));
        let metrics = Metrics::new();
        let interpret: Interpret = Arc::new(|delivery: &Delivery| {
            let body = delivery.body.as_ref()?;
            read(body.as_bytes(), delivery.received_at).fact
        });
        let engine = Engine::new(
            store,
            directory,
            Arc::clone(&clock),
            self.policy,
            self.settings,
            Arc::clone(&metrics),
            interpret,
        );
        let engine = Arc::new(engine);
        let equality = Equality::new(
            Arc::clone(&engine),
            Arc::clone(&inspect),
            self.equality,
            self.instance_id.clone(),
            self.secrets.is_some(),
        );
        Ok(ClerkSync {
            inner: Arc::new(Inner {
                engine,
                equality: Arc::new(equality),
                inspect,
                clock,
                metrics,
                secrets: self.secrets,
                verifier: SessionVerifier::new(rules),
                keys,
                cookie_suffix: self.cookie_suffix,
                instance_id: self.instance_id.map_or_else(OnceLock::new, OnceLock::from),
                retention: self.retention,
                unconfirmed_after_ms: self.unconfirmed_after_ms.unwrap_or(600_000),
                looked: Mutex::new(None),
            }),
        })
    }
}
