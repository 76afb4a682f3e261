//! Puts the parts together: the one place that names all rooms.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use clerk_sync::clerk::api::{ApiSettings, ClerkApi};
use clerk_sync::clerk::keys::{JwksSettings, Keys};
use clerk_sync::clerk::session::SessionRules;
use clerk_sync::core::port::{Clock, Inspect};
use clerk_sync::sqlite::{Migrate, Options, SqliteStore, Synchronous};
use clerk_sync::{ClerkSync, SystemClock, http};

use crate::config::{Config, Database};

/// The sync of a configuration.
pub(crate) fn sync(config: &Config) -> Result<ClerkSync> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut api = ApiSettings::new(config.secret_key.clone());
    api.base_url.clone_from(&config.api_url);
    api.budget = config.budget;
    api.jitter_seed = rand::random();
    let directory = ClerkApi::new(api, Arc::clone(&clock)).context("CLERK_API_URL cannot be used")?;

    let keys = match &config.jwt_key {
        Some(pem) => Keys::from_pem(pem).context("CLERK_JWT_KEY cannot be used")?,
        None => {
            let mut jwks = JwksSettings::new(format!("{}/v1/jwks", config.api_url));
            jwks.secret_key = Some(config.secret_key.clone());
            Keys::from_jwks(jwks).context("the keys of session tokens cannot be fetched")?
        }
    };
    let mut rules = SessionRules::new(config.issuer.clone());
    rules.authorized_parties.clone_from(&config.authorized_parties);
    rules.allow_missing_azp = config.allow_missing_azp;
    rules.claims.required.clone_from(&config.claims_required);

    let mut builder = ClerkSync::builder()
        .store(Arc::new(open(&config.database, config.migrate)?))
        .directory(Arc::new(directory))
        .clock(clock)
        .keys(keys)
        .sessions(rules)
        .roles(config.roles.clone())
        .engine(config.engine.clone())
        .retention(config.retention.clone())
        .unconfirmed_after_ms(config.unconfirmed_after_ms);
    if let Some(secrets) = &config.webhook_secrets {
        builder = builder.webhook_secrets(secrets.clone());
    }
    if let Some(key) = &config.publishable_key {
        builder = builder.cookie_suffix(key.cookie_suffix());
    }
    Ok(builder.build()?)
}

/// The routes of the standalone program.
pub(crate) fn app(sync: &ClerkSync, config: &Config) -> Router {
    http::routes(sync.clone(), &config.http)
}

fn open(database: &Database, migrate: bool) -> Result<SqliteStore> {
    let Database::Sqlite { path, durable } = database;
    let synchronous = if *durable { Synchronous::Full } else { Synchronous::Normal };
    let migrate = if migrate { Migrate::Apply } else { Migrate::Refuse };
    let options = Options::default().synchronous(synchronous).migrate(migrate);
    SqliteStore::open(path, options)
        .with_context(|| format!("DATABASE_URL: the database {} cannot be used", path.display()))
}

/// A database as operators see it; it must be there and up to date.
pub(crate) fn inspect(database: &Database) -> Result<Arc<dyn Inspect>> {
    Ok(Arc::new(open(database, false)?))
}

/// Applies pending migrations; answers their names. With `apply` false, says what is pending.
pub(crate) fn migrate(database: &Database, apply: bool) -> Result<Vec<String>> {
    let Database::Sqlite { path, .. } = database;
    let mut connection = rusqlite::Connection::open(path)
        .with_context(|| format!("DATABASE_URL: {} cannot be opened", path.display()))?;
    let migrations = if apply {
        clerk_sync::sqlite::migrate(&mut connection)?
    } else {
        clerk_sync::sqlite::pending(&connection)?
    };
    Ok(migrations
        .into_iter()
        .map(|migration| format!("{:04} {}", migration.number, migration.name))
        .collect())
}
