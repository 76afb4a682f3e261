//! Empty databases, one after the other, for one thread.

use std::sync::Arc;

use clerk_sync_sqlite::{Options, SqliteStore, Synchronous};
use clerk_sync_testkit::{MemoryStore, StoreAndInspect};
use rusqlite::Connection;
use tempfile::TempDir;

/// Which store a run is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Sqlite,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
        }
    }
}

/// Hands out empty stores. A file of SQLite's is emptied and used again, since making one takes longer than a run.
#[derive(Default)]
pub(crate) struct Databases {
    sqlite: Option<Sqlite>,
}

struct Sqlite {
    // In the order in which they are to end.
    store: Arc<SqliteStore>,
    broom: Connection,
    _directory: TempDir,
}

impl Databases {
    pub(crate) fn empty(&mut self, kind: Kind) -> Arc<dyn StoreAndInspect> {
        match kind {
            Kind::Memory => Arc::new(MemoryStore::new()),
            Kind::Sqlite => self.sqlite.get_or_insert_with(Sqlite::new).emptied(),
        }
    }
}

impl Sqlite {
    /// In memory where the system has a folder for that: power cuts are tested elsewhere.
    fn new() -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = directory.path().join("sim.db");
        let options = Options::default().synchronous(Synchronous::Normal).readers(1);
        let store = Arc::new(SqliteStore::open(&path, options).unwrap());
        let broom = Connection::open(&path).unwrap();
        broom.pragma_update(None, "synchronous", "OFF").unwrap();
        Self { store, broom, _directory: directory }
    }

    fn emptied(&self) -> Arc<dyn StoreAndInspect> {
        let tables = "BEGIN; DELETE FROM clerk_user; DELETE FROM clerk_delivery; DELETE FROM clerk_claim; DELETE FROM clerk_meta; COMMIT";
        self.broom.execute_batch(tables).unwrap();
        Arc::<SqliteStore>::clone(&self.store)
    }
}
