use std::path::PathBuf;
use std::time::Duration;

/// How a database is used.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The schema that has everything of ours. Default `clerk_sync`.
    pub schema: String,
    /// What to do with pending migrations.
    pub migrate: Migrate,
    /// How many connections commit and take work, each for one at a time. Default 16.
    pub connections: usize,
    /// How many connections read, each for any number at once. Default 2. Behind a pooler in transaction mode
    /// there are none, and reads share the others.
    pub readers: usize,
    /// How long to wait for a free connection. Default 500 ms.
    pub wait_timeout: Duration,
    /// How long connecting may take. Default 2 s.
    pub connect_timeout: Duration,
    /// How long a statement may run on the server. Default 5 s.
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock; a commit that waits longer is stale. Default 2 s.
    pub lock_timeout: Duration,
    /// How long a whole operation may take here, the server's silence included. Default 8 s.
    pub deadline: Duration,
    /// Whether statements are prepared once for each connection. Default yes; not with `PgBouncer` before
    /// 1.21 in transaction mode.
    pub prepared_statements: bool,
    /// Whether a pooler gives each transaction any of its connections (`PgBouncer` in transaction mode).
    /// Settings are then made in each transaction, and nothing is expected of a connection. Default no.
    pub transaction_pooler: bool,
    /// Where to listen for changes, if it is not where the statements go: a pooler in transaction mode
    /// cannot be listened through.
    pub listen_url: Option<String>,
    /// Certificates (PEM) that alone are trusted with `sslmode=require`; otherwise the system's are.
    pub root_certificates: Option<PathBuf>,
    /// Goes on where the role or database has `synchronous_commit` off; the store's own commits are
    /// synchronous all the same. Default no.
    pub accept_asynchronous_default: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            schema: "clerk_sync".into(),
            migrate: Migrate::Apply,
            connections: 16,
            readers: 2,
            wait_timeout: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(2),
            deadline: Duration::from_secs(8),
            prepared_statements: true,
            transaction_pooler: false,
            listen_url: None,
            root_certificates: None,
            accept_asynchronous_default: false,
        }
    }
}

impl Options {
    /// The same options with another schema.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// The same options with another treatment of pending migrations.
    #[must_use]
    pub fn migrate(mut self, migrate: Migrate) -> Self {
        self.migrate = migrate;
        self
    }

    /// The same options with another number of connections; at least 1.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// The same options with another number of connections that read.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers;
        self
    }

    /// The same options with another time to wait for a free connection.
    #[must_use]
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.wait_timeout = timeout;
        self
    }

    /// The same options with another time a statement may run on the server.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// The same options with another time to wait for a lock.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// The same options with another time a whole operation may take.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same options with or without prepared statements.
    #[must_use]
    pub fn prepared_statements(mut self, prepared: bool) -> Self {
        self.prepared_statements = prepared;
        self
    }

    /// The same options, behind a pooler in transaction mode or not.
    #[must_use]
    pub fn transaction_pooler(mut self, pooler: bool) -> Self {
        self.transaction_pooler = pooler;
        self
    }

    /// The same options with another place to listen for changes.
    #[must_use]
    pub fn listen_url(mut self, url: impl Into<String>) -> Self {
        self.listen_url = Some(url.into());
        self
    }

    /// The same options with certificates that alone are trusted.
    #[must_use]
    pub fn root_certificates(mut self, file: impl Into<PathBuf>) -> Self {
        self.root_certificates = Some(file.into());
        self
    }

    /// The same options, accepting a default of asynchronous commits or not.
    #[must_use]
    pub fn accept_asynchronous_default(mut self, accept: bool) -> Self {
        self.accept_asynchronous_default = accept;
        self
    }
}

/// What to do with pending migrations when a store connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrate {
    /// Apply them.
    #[default]
    Apply,
    /// Refuse to connect.
    Refuse,
}
