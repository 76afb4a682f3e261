//! Where the server is, and what each connection to it is told.

mod tls;

use std::sync::Arc;
use std::time::Duration;

use clerk_sync_core::StoreError;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Options;
use crate::error::schema;

/// Where the server is, and how to talk to it.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) tls: MakeRustlsConnect,
}

impl Server {
    pub(crate) fn parse(url: &str, options: &Options) -> Result<Self, StoreError> {
        // What is wrong with it is not repeated, since a password may be part of it.
        let mut config: Config =
            url.parse().map_err(|_| schema("the URL of the database is no PostgreSQL URL"))?;
        let tls = tls::connector(config.get_ssl_mode(), options)?;
        if config.get_application_name().is_none() {
            config.application_name("clerk-sync");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(options.connect_timeout);
        }
        // A server that is gone without a word is noticed within a minute, not within two hours.
        config.keepalives_idle(Duration::from_secs(20)).keepalives_interval(Duration::from_secs(10));
        config.keepalives_retries(3).tcp_user_timeout(Duration::from_secs(30));
        Ok(Self { config, tls })
    }
}

/// What each connection, or behind a pooler each transaction, is told first.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    of_session: Arc<str>,
    begin: Arc<str>,
    transaction_pooler: bool,
    prepared_statements: bool,
}

impl Settings {
    pub(crate) fn of(options: &Options) -> Self {
        let set = |scope: &str| {
            let millis = |timeout: Duration| timeout.as_millis().clamp(1, i32::MAX as u128);
            format!(
                "SET {scope} statement_timeout = {}; SET {scope} lock_timeout = {}; \
                 SET {scope} idle_in_transaction_session_timeout = {}; {}",
                millis(options.statement_timeout),
                millis(options.lock_timeout),
                millis(options.deadline.saturating_mul(2)),
                synchronous(scope == "LOCAL"),
            )
        };
        let (of_session, in_transaction) = if options.transaction_pooler {
            (String::new(), set("LOCAL"))
        } else {
            // Each statement has one good plan, whatever its values; planning costs more than running it. Plans
            // compiled to machine code are for long statements; these are short.
            let plans = "SET plan_cache_mode = force_generic_plan; SET jit = off";
            (format!("{}; {plans}", set("SESSION")), String::new())
        };
        Self {
            of_session: of_session.into(),
            begin: format!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {in_transaction}").into(),
            transaction_pooler: options.transaction_pooler,
            prepared_statements: options.prepared_statements,
        }
    }

    pub(crate) fn of_session(&self) -> Arc<str> {
        self.of_session.clone()
    }

    /// What begins a transaction. The level is named, since a role may have another as its default and the
    /// merge is only right under this one.
    pub(crate) fn begin(&self) -> &str {
        &self.begin
    }

    pub(crate) fn transaction_pooler(&self) -> bool {
        self.transaction_pooler
    }

    pub(crate) fn prepares(&self) -> bool {
        self.prepared_statements
    }
}

/// Turns synchronous commits on where they are off, and leaves a stronger setting as it is.
fn synchronous(in_transaction: bool) -> String {
    format!(
        "SELECT set_config('synchronous_commit', 'on', {in_transaction})
         WHERE current_setting('synchronous_commit') = 'off'"
    )
}
