//! The connections that read.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use clerk_sync_core::StoreError;
use rusqlite::Connection;

use crate::error::Failure;
use crate::{Options, connection};

/// A few connections, each used by one read at a time.
///
/// A read is made where it is asked for: it takes microseconds, and handing it to another thread costs more
/// than the read itself.
#[derive(Debug)]
pub(crate) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let connections: Result<Vec<_>, StoreError> =
            (0..options.readers.max(1)).map(|_| connection::reader(path).map(Mutex::new)).collect();
        Ok(Self { connections: connections?, next: AtomicUsize::new(0) })
    }

    /// Reads with a connection that is free, or waits for one.
    pub(crate) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let connection =
            self.free().ok_or_else(|| crate::error::unavailable("there is no connection to read with"))?;
        read(&connection).map_err(|failure| failure.into_store_error("read"))
    }

    fn free(&self) -> Option<MutexGuard<'_, Connection>> {
        for connection in &self.connections {
            match connection.try_lock() {
                Ok(guard) => return Some(guard),
                // Whoever panicked with it held no transaction: a read ends its own.
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len().max(1);
        self.connections.get(next).map(|one| one.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
