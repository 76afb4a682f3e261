//! The handle of a running emulator.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::{App, Identity, Origin, TokenError};
use crate::calls::Calls;
use crate::clock::lock;
use crate::deliver::{Deliver, Deliveries, DeliverySettings, NotLoopback, Target, WebhookKey};
use crate::frontend_api;
use crate::id::{Id, IdMaker};
use crate::limit::Limits;
use crate::options::{Options, StartError};
use crate::serve;
use crate::session::{NewSession, Session, SessionStatus};
use crate::state::{Refusal, State};
use crate::timeline::{Entry, Timeline};
use crate::token::{SigningKey, TokenOptions};
use crate::user::{MetadataChange, NewUser, User, UserPatch};
use crate::weather::{InvalidWeather, Sky, Weather};

/// When every instance was made: ids of instances follow from the seed alone.
const INSTANCE_MADE_MS: i64 = 1_700_000_000_000;

/// A running emulator. Dropping it ends it as well, only without waiting.
///
/// The helpers below act at once and without HTTP; they are not counted as API calls, take no part in rate limits, and
/// know no stale reads, but their changes send webhooks like any other.
#[derive(Debug)]
pub struct Emulator {
    app: Arc<App>,
    url: String,
    server: JoinHandle<()>,
    deliveries: JoinHandle<()>,
}

/// Starts an emulator; it is ready when this returns.
///
/// # Errors
/// If an option cannot work, or the port cannot be had.
pub async fn start(options: Options) -> Result<Emulator, StartError> {
    options.validate()?;
    if let Some(folder) = options.clerk_js.as_ref().filter(|it| !it.join("dist/clerk.browser.js").is_file()) {
        return Err(StartError::ClerkJs(folder.clone()));
    }
    let key = WebhookKey::parse(&options.webhook_secret)?;
    let target = options.webhook_url.as_deref().map(Target::parse).transpose()?;
    let instance_id = IdMaker::new(options.seed).next("ins", INSTANCE_MADE_MS).to_string();
    // Searching for primes takes tens of milliseconds of CPU: not on a thread that serves others.
    let kid = instance_id.clone();
    let signing = tokio::task::spawn_blocking(move || SigningKey::generate(&kid)).await;
    let signing_key = signing.map_err(|_| StartError::Key)?.map_err(|_| StartError::Key)?;
    let bind_error = |source| StartError::Bind { address: options.bind, source };
    let listener = TcpListener::bind(options.bind).await.map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;

    // Different streams of chance, so that one more id does not change the weather.
    let seeds = [0_u64, 1, 2, 3].map(|stream| options.seed.wrapping_mul(4).wrapping_add(stream));
    let sky = Arc::new(Mutex::new(Sky::new(options.weather, seeds[0])));
    let timeline = Arc::new(Mutex::new(Timeline::default()));
    let settings = DeliverySettings {
        key,
        target,
        speed: options.speed,
        concurrency: options.webhook_concurrency,
        timeout: options.webhook_timeout,
        seed: seeds[1],
    };
    let deliver = Arc::new(Deliver::new(settings, sky.clone(), timeline.clone()));
    let identity = Identity {
        instance_id,
        secret_key: options.secret_key,
        publishable_key: format!("pk_test_{}", STANDARD.encode(format!("{}$", options.issuer_host))),
        webhook_secret: options.webhook_secret,
        issuer: format!("https://{}", options.issuer_host),
        authorized_party: options.authorized_party,
        session_claims: options.session_claims,
        clerk_js: options.clerk_js,
        multi_session: options.multi_session,
        token_lifetime_s: i64::try_from(options.token_lifetime.as_secs()).unwrap_or(i64::MAX),
        jwt_templates: options.jwt_templates,
        key: signing_key,
    };
    let state = State::new(seeds[2], format!("img.{}", options.issuer_host), options.multi_session);
    let limits = Limits::new(options.rate_limit);
    let app =
        Arc::new(App::new(identity, state, sky, timeline, deliver.clone(), limits, IdMaker::new(seeds[3])));
    Ok(Emulator {
        server: tokio::spawn(serve::run(listener, app.clone())),
        deliveries: tokio::spawn(deliver.run()),
        url: format!("http://{address}"),
        app,
    })
}

impl Emulator {
    /// Where it listens: `http://127.0.0.1:PORT`, without `/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The Frontend API, to be nested under a prefix of a page's own origin such as `/__clerk`: the `proxyUrl` of Clerk's
    /// SDK. The emulator serves it itself as well, at its root and under `/__clerk`.
    pub fn frontend_api(&self) -> axum::Router {
        frontend_api::router(self.app.clone())
    }

    /// The key for the Backend API.
    pub fn secret_key(&self) -> &str {
        &self.app.identity.secret_key
    }

    /// `pk_test_` and the base64 of the Frontend API's host and a `$`.
    pub fn publishable_key(&self) -> &str {
        &self.app.identity.publishable_key
    }

    /// The public key of tokens as SPKI in PEM.
    pub fn jwt_key_pem(&self) -> &str {
        self.app.identity.key.pem()
    }

    /// The secret webhooks are signed with.
    pub fn webhook_secret(&self) -> &str {
        &self.app.identity.webhook_secret
    }

    /// The `iss` claim of tokens.
    pub fn issuer(&self) -> &str {
        &self.app.identity.issuer
    }

    /// `ins_…`, also the `kid` of the signing key.
    pub fn instance_id(&self) -> &str {
        &self.app.identity.instance_id
    }

    /// The weather now.
    pub fn weather(&self) -> Weather {
        self.app.weather()
    }

    /// Changes the weather from the next call and the next delivery on.
    ///
    /// # Errors
    /// If a value is out of its range; the weather stays as it was.
    pub fn set_weather(&self, weather: Weather) -> Result<(), InvalidWeather> {
        self.app.set_weather(weather)
    }

    /// Sends webhooks to another receiver, or keeps them unsent.
    ///
    /// # Errors
    /// If the receiver is not on loopback.
    pub fn set_webhook_url(&self, url: Option<&str>) -> Result<(), NotLoopback> {
        self.app.deliver.set_target(url.map(Target::parse).transpose()?);
        Ok(())
    }

    /// Makes a user as `POST /v1/users` does, and returns the id.
    ///
    /// # Errors
    /// If Clerk would refuse the body.
    pub fn create_user(&self, new: NewUser) -> Result<Id, Refusal> {
        self.app.create_user(new, &Origin::default()).map(|user| user.id.clone())
    }

    /// Makes up `count` users, different from each other and the same for the same seed, and returns how many users there
    /// are then. No webhook tells of them: they were there all the time.
    ///
    /// # Errors
    /// If there would be more than a million, or somebody has an address of theirs.
    pub async fn seed_users(&self, count: usize) -> Result<usize, Refusal> {
        self.app.seed_users(count, false).await
    }

    /// A sign-up in a browser: an e-mail with a code, a user whose address that code verified, and a session.
    ///
    /// # Errors
    /// If Clerk would refuse the user, or there is no e-mail address.
    pub fn sign_up(&self, new: NewUser) -> Result<(Id, Id), Refusal> {
        let (user, session) = self.app.sign_up(new, &Origin::default())?;
        Ok((user.id.clone(), session.id.clone()))
    }

    /// Changes a user as `PATCH /v1/users/{id}` did before metadata had endpoints of its own.
    ///
    /// # Errors
    /// If Clerk would refuse the body, or there is no such user.
    pub fn update_user(&self, user_id: &str, patch: UserPatch) -> Result<(), Refusal> {
        self.app.update_user(user_id, patch, &Origin::default()).map(drop)
    }

    /// Merges metadata as `PATCH /v1/users/{id}/metadata` does.
    ///
    /// # Errors
    /// If Clerk would refuse the body, or there is no such user.
    pub fn merge_metadata(&self, user_id: &str, change: &MetadataChange) -> Result<(), Refusal> {
        self.app.change_metadata(user_id, change, false, &Origin::default()).map(drop)
    }

    /// Bans or unbans a user.
    ///
    /// # Errors
    /// If there is no such user.
    pub fn set_banned(&self, user_id: &str, banned: bool) -> Result<(), Refusal> {
        self.app.set_banned(user_id, banned, &Origin::default()).map(drop)
    }

    /// Locks or unlocks a user.
    ///
    /// # Errors
    /// If there is no such user.
    pub fn set_locked(&self, user_id: &str, locked: bool) -> Result<(), Refusal> {
        self.app.set_locked(user_id, locked, &Origin::default()).map(drop)
    }

    /// Lets a directory (SCIM) disable the user or enable it again. From then on the directory manages the user: other
    /// changes are refused, and webhooks carry `scim`.
    ///
    /// # Errors
    /// If there is no such user.
    pub fn set_deprovisioned(&self, user_id: &str, deprovisioned: bool) -> Result<(), Refusal> {
        self.app.set_deprovisioned(user_id, deprovisioned, &Origin::default()).map(drop)
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// If there is no such user, or a directory manages it.
    pub fn delete_user(&self, user_id: &str) -> Result<(), Refusal> {
        self.app.delete_user(user_id, &Origin::default()).map(drop)
    }

    /// Signs a user in and returns the session's id.
    ///
    /// # Errors
    /// If there is no such user, or the user is banned or locked.
    pub fn create_session(&self, user_id: &str) -> Result<Id, Refusal> {
        self.create_session_with(NewSession::of(user_id))
    }

    /// Makes a session that may be pending or somebody else's impersonation.
    ///
    /// # Errors
    /// As [`Emulator::create_session`].
    pub fn create_session_with(&self, new: NewSession) -> Result<Id, Refusal> {
        self.app.create_session(new, &Origin::default()).map(|session| session.id.clone())
    }

    /// Ends a session: `Ended` is a sign-out, `Removed` and `Revoked` come from elsewhere.
    ///
    /// # Errors
    /// If there is no such session, or `status` is that of a live one.
    pub fn end_session(&self, session_id: &str, status: SessionStatus) -> Result<(), Refusal> {
        self.app.end_session(session_id, status, &Origin::default()).map(drop)
    }

    /// The session as it is now.
    ///
    /// # Errors
    /// If there is no such session.
    pub fn session(&self, session_id: &str) -> Result<Arc<Session>, Refusal> {
        self.app.session(session_id)
    }

    /// A fresh session token (60 s).
    ///
    /// # Errors
    /// If the session is not live.
    pub fn session_token(&self, session_id: &str) -> Result<String, TokenError> {
        self.app.token(session_id, None, &TokenOptions::default())
    }

    /// A token that differs from the ordinary one, or one made from a JWT template.
    ///
    /// # Errors
    /// If the session is not live, or there is no such template.
    pub fn token_with(
        &self,
        session_id: &str,
        template: Option<&str>,
        options: &TokenOptions,
    ) -> Result<String, TokenError> {
        self.app.token(session_id, template, options)
    }

    /// The user as it is now, whatever the weather.
    ///
    /// # Errors
    /// If there is no such user.
    pub fn user(&self, user_id: &str) -> Result<User, Refusal> {
        self.app.true_user(user_id)
    }

    /// The user as it is now, as JSON.
    ///
    /// # Errors
    /// If there is no such user.
    pub fn user_json(&self, user_id: &str) -> Result<serde_json::Value, Refusal> {
        self.app.true_user(user_id).map(|user| serde_json::json!(user))
    }

    /// How often the Backend API was called.
    pub fn calls(&self) -> Calls {
        lock(&self.app.calls).clone()
    }

    /// What happened after entry `seq`, oldest first; 0 for all that is kept (the last 10 000).
    pub fn timeline(&self, seq: u64) -> Vec<Entry> {
        lock(&self.app.timeline).after(seq)
    }

    /// What became of the webhooks.
    pub fn deliveries(&self) -> Deliveries {
        self.app.deliver.deliveries()
    }

    /// Sends a message again under its old `svix-id`; `false` if it is not kept any more.
    pub fn resend(&self, message_id: &str) -> bool {
        self.app.deliver.resend(message_id)
    }

    /// Sends every kept message again under its old `svix-id`, and returns how many there are.
    pub fn replay(&self) -> usize {
        self.app.deliver.replay()
    }

    /// Resolves once no delivery waits or is in flight, retries included.
    pub async fn quiet(&self) {
        self.app.deliver.quiet().await;
    }

    /// Ends it: connections are cut, deliveries that wait are never made.
    pub async fn shutdown(mut self) {
        self.server.abort();
        self.deliveries.abort();
        // Both end by being cancelled, which is what waiting for them reports as an error.
        let _ = (&mut self.server).await;
        let _ = (&mut self.deliveries).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
        self.deliveries.abort();
    }
}
