//! Puts the parts together: the one place that names all rooms.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Method, header};
use anyhow::{Context, Result};
use axum::Router;
use clerk_sync::clerk::api::{ApiSettings, ClerkApi};
use clerk_sync::clerk::keys::{JwksSettings, Keys};
use clerk_sync::clerk::session::SessionRules;
use clerk_sync::core::port::{Clock, Inspect, Store};
use clerk_sync::core::{Health, StoreError, StoreErrorKind};
use clerk_sync::mongodb::MongoStore;
use clerk_sync::postgres::PostgresStore;
use clerk_sync::sqlite::SqliteStore;
use clerk_sync::{ClerkSync, SystemClock, http, mongodb, postgres, sqlite};

use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::{Config, Database};

/// How long a browser may remember that it may ask.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// The sync of a configuration.
pub(crate) async fn sync(config: &Config) -> Result<ClerkSync> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let directory = directory(config, Arc::clone(&clock))?;
    let opened = open(&config.database, config.migrate).await?;
    let mut builder = ClerkSync::builder()
        .ports(opened.store, opened.inspect)
        .directory(Arc::new(directory))
        .clock(clock)
        .keys(keys(config)?)
        .sessions(session_rules(config))
        .roles(config.roles.clone())
        .engine(config.engine.clone())
        .equality(config.equality.clone())
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

/// Clerk's Backend API.
pub(crate) fn directory(config: &Config, clock: Arc<dyn Clock>) -> Result<ClerkApi> {
    let mut api = ApiSettings::new(config.secret_key.clone());
    api.base_url.clone_from(&config.api_url);
    api.budget = config.budget;
    api.jitter_seed = rand::random();
    ClerkApi::new(api, clock).context("CLERK_API_URL cannot be used")
}

/// The keys of session tokens.
pub(crate) fn keys(config: &Config) -> Result<Keys> {
    match &config.jwt_key {
        Some(pem) => Keys::from_pem(pem).context("CLERK_JWT_KEY cannot be used"),
        None => published_keys(config),
    }
}

/// The keys Clerk publishes.
pub(crate) fn published_keys(config: &Config) -> Result<Keys> {
    let mut jwks = JwksSettings::new(format!("{}/v1/jwks", config.api_url));
    jwks.secret_key = Some(config.secret_key.clone());
    Keys::from_jwks(jwks).context("the keys of session tokens cannot be fetched")
}

/// What session tokens must fulfil.
pub(crate) fn session_rules(config: &Config) -> SessionRules {
    let mut rules = SessionRules::new(config.issuer.clone());
    rules.authorized_parties.clone_from(&config.authorized_parties);
    rules.allow_missing_azp = config.allow_missing_azp;
    rules.claims.required.clone_from(&config.claims_required);
    rules
}

/// The routes of the standalone program.
pub(crate) fn app(sync: &ClerkSync, config: &Config) -> Router {
    http::browser_routes(sync.clone(), &config.http)
        .layer(cors(config.allowed_origins.clone()))
        .merge(http::service_routes(sync.clone(), &config.http))
}

/// Lets pages of these origins, and no others, ask.
fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([Method::GET])
        .allow_headers([header::AUTHORIZATION, HeaderName::from_static("prefer")])
        .expose_headers(http::EXPOSED_HEADERS)
        .max_age(PREFLIGHT_AGE)
}

/// A database as the engine and as operators see it.
struct Opened {
    store: Arc<dyn Store>,
    inspect: Arc<dyn Inspect>,
}

impl Opened {
    fn new<S: Store + Inspect + 'static>(store: S) -> Self {
        let store = Arc::new(store);
        Self { inspect: store.clone(), store }
    }
}

async fn open(database: &Database, migrate: bool) -> Result<Opened> {
    Ok(match database {
        Database::Sqlite { path, durable } => {
            let apply = if migrate { sqlite::Migrate::Apply } else { sqlite::Migrate::Refuse };
            let store = SqliteStore::open(path, sqlite_options(*durable).migrate(apply))
                .with_context(|| format!("DATABASE_URL: the database {} cannot be used", path.display()))?;
            Opened::new(store)
        }
        Database::Postgres { url, schema, pooler } => {
            let apply = if migrate { postgres::Migrate::Apply } else { postgres::Migrate::Refuse };
            let options = postgres_options(schema, *pooler).migrate(apply);
            let store = PostgresStore::connect(url, options)
                .await
                .context("DATABASE_URL: the PostgreSQL database cannot be used")?;
            Opened::new(store)
        }
        Database::Mongodb { uri } => {
            let apply = if migrate { mongodb::Migrate::Apply } else { mongodb::Migrate::Refuse };
            let store = MongoStore::connect(uri, mongodb::Options::default().migrate(apply))
                .await
                .context("DATABASE_URL: the MongoDB database cannot be used")?;
            Opened::new(store)
        }
    })
}

/// How a database is set up, also where it is such that it cannot be opened.
pub(crate) async fn health(database: &Database) -> Result<Health, StoreError> {
    match database {
        Database::Sqlite { path, durable } => {
            let (path, options) = (path.clone(), sqlite_options(*durable));
            let examined = tokio::task::spawn_blocking(move || sqlite::health(path, &options)).await;
            examined.unwrap_or_else(|error| {
                Err(StoreError::new(StoreErrorKind::Unavailable, "examine the database").caused_by(error))
            })
        }
        Database::Postgres { url, schema, pooler } => {
            postgres::health(url, &postgres_options(schema, *pooler)).await
        }
        Database::Mongodb { uri } => mongodb::health(uri, &mongodb::Options::default()).await,
    }
}

/// A database as operators see it; it must be there and up to date.
pub(crate) async fn inspect(database: &Database) -> Result<Arc<dyn Inspect>> {
    Ok(open(database, false).await?.inspect)
}

/// A database as the engine and as operators see it; it must be there and up to date.
pub(crate) async fn ports(database: &Database) -> Result<(Arc<dyn Store>, Arc<dyn Inspect>)> {
    let Opened { store, inspect } = open(database, false).await?;
    Ok((store, inspect))
}

/// Applies pending migrations; answers their names. With `apply` false, says what is pending.
pub(crate) async fn migrate(database: &Database, apply: bool) -> Result<Vec<String>> {
    let name = |number: u32, name: &str| format!("{number:04} {name}");
    match database {
        Database::Sqlite { path, .. } => {
            let mut connection = rusqlite::Connection::open(path)
                .with_context(|| format!("DATABASE_URL: {} cannot be opened", path.display()))?;
            let migrations =
                if apply { sqlite::migrate(&mut connection)? } else { sqlite::pending(&connection)? };
            Ok(migrations.iter().map(|one| name(one.number, one.name)).collect())
        }
        Database::Postgres { url, schema, pooler } => {
            let options = postgres_options(schema, *pooler);
            let migrations = if apply {
                postgres::migrate(url, &options).await
            } else {
                postgres::pending(url, &options).await
            };
            let migrations = migrations.context("DATABASE_URL: the PostgreSQL database cannot be used")?;
            Ok(migrations.iter().map(|one| name(one.number, one.name)).collect())
        }
        // Something is missing if opening it as it is is refused; collections and indexes are made at once.
        Database::Mongodb { .. } => {
            let Err(refusal) = open(database, false).await else { return Ok(vec![]) };
            let kind = refusal.downcast_ref::<StoreError>().map(StoreError::kind);
            if kind != Some(StoreErrorKind::Schema) {
                return Err(refusal);
            }
            if apply {
                open(database, true).await?;
            }
            Ok(vec!["collections and indexes".to_owned()])
        }
    }
}

fn sqlite_options(durable: bool) -> sqlite::Options {
    let synchronous = if durable { sqlite::Synchronous::Full } else { sqlite::Synchronous::Normal };
    sqlite::Options::default().synchronous(synchronous)
}

fn postgres_options(schema: &str, pooler: bool) -> postgres::Options {
    postgres::Options::default().schema(schema).prepared_statements(!pooler).transaction_pooler(pooler)
}

/// The migrations as SQL; `None` where they are none.
pub(crate) fn migration_sql(database: &Database) -> Result<Option<String>> {
    match database {
        Database::Sqlite { .. } => Ok(Some(sqlite::migration_sql())),
        Database::Postgres { schema, .. } => Ok(Some(postgres::migration_sql(schema)?)),
        Database::Mongodb { .. } => Ok(None),
    }
}
