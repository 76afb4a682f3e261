use std::time::Duration;

/// How a database is reached and used.
///
/// What has to hold for every store (majority write concern with journal, majority reads from the primary,
/// retryable writes) is no option, and is not taken from the connection string either.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The database. Default: the one the connection string names, else `clerk_sync`.
    pub database: Option<String>,
    /// How long a server is looked for, and how long one connection attempt may take. Default 2 s.
    pub connect_timeout: Duration,
    /// How long one call of the port may take, waiting for a connection included. Default 2 s.
    pub timeout: Duration,
    /// How long a call waits while all connections are in use; then it is refused. Default 500 ms.
    pub pool_wait: Duration,
    /// How many connections there may be, and how many calls run at once. Default 16; a driver opens two at a time, so
    /// many more help a crowd little right after a start.
    pub pool: u32,
    /// What to do where a collection or an index is missing.
    pub migrate: Migrate,
    /// How [`MongoStore::changes`](crate::MongoStore::changes) hears of commits.
    pub wake: Wake,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            database: None,
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(2),
            pool_wait: Duration::from_millis(500),
            pool: 16,
            migrate: Migrate::Apply,
            wake: Wake::Auto,
        }
    }
}

impl Options {
    /// The same options with this database.
    #[must_use]
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// The same options with another limit on looking for a server.
    #[must_use]
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    /// The same options with another limit on one call.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same options with another limit on waiting for a connection.
    #[must_use]
    pub fn pool_wait(mut self, pool_wait: Duration) -> Self {
        self.pool_wait = pool_wait;
        self
    }

    /// The same options with another number of connections; at least 1.
    #[must_use]
    pub fn pool(mut self, pool: u32) -> Self {
        self.pool = pool.max(1);
        self
    }

    /// The same options with another treatment of what is missing.
    #[must_use]
    pub fn migrate(mut self, migrate: Migrate) -> Self {
        self.migrate = migrate;
        self
    }

    /// The same options with another way to hear of commits.
    #[must_use]
    pub fn wake(mut self, wake: Wake) -> Self {
        self.wake = wake;
        self
    }
}

/// What to do where a collection or an index is missing when a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrate {
    /// Create it.
    #[default]
    Apply,
    /// Refuse to open, as where the account may not create indexes.
    Refuse,
}

/// How commits of any replica are heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wake {
    /// By a change stream where the server has them, else by polling.
    #[default]
    Auto,
    /// By polling.
    Poll,
}
