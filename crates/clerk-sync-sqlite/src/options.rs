use std::time::Duration;

/// How a database is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// What an acknowledged commit survives.
    pub synchronous: Synchronous,
    /// How long a commit waits, from being handed over, while another process writes. Default 2 s.
    pub busy_timeout: Duration,
    /// How many connections read. Default: one for each processor, 2 to 16.
    pub readers: usize,
    /// How many commits may wait; one more is refused at once. Default 1 024.
    pub queue: usize,
    /// What to do with pending migrations.
    pub migrate: Migrate,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Full,
            busy_timeout: Duration::from_secs(2),
            readers: std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 16)),
            queue: 1_024,
            migrate: Migrate::Apply,
        }
    }
}

impl Options {
    /// The same options with another durability.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// The same options with another treatment of pending migrations.
    #[must_use]
    pub fn migrate(mut self, migrate: Migrate) -> Self {
        self.migrate = migrate;
        self
    }

    /// The same options with another busy time-out.
    #[must_use]
    pub fn busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.busy_timeout = busy_timeout;
        self
    }

    /// The same options with another length of the queue; at least 1.
    #[must_use]
    pub fn queue(mut self, queue: usize) -> Self {
        self.queue = queue.max(1);
        self
    }

    /// The same options with another number of reading connections; at least 1.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }
}

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// A power cut too: each transaction is synced before it is acknowledged.
    #[default]
    Full,
    /// The end of the process, but no power cut: acknowledged events may be lost in one.
    Normal,
}

impl Synchronous {
    pub(crate) fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}

/// What to do with pending migrations when a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrate {
    /// Apply them.
    #[default]
    Apply,
    /// Refuse to open.
    Refuse,
}
