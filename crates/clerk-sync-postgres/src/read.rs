//! Connections that read, each shared by any number of reads at once.
//!
//! A read is one statement, so it needs no connection of its own: sent behind others on the same one, the
//! server works through them without a pause between. Whatever may take long goes another way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clerk_sync_core::StoreError;
use deadpool_postgres::RecyclingMethod;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::Options;
use crate::connection::Server;
use crate::error::{Failure, unavailable};
use crate::pool::{Connection, Pool};

/// The connections that read.
pub(crate) struct Readers {
    pool: Pool,
    slots: Vec<Mutex<Option<Arc<Connection>>>>,
    next: AtomicUsize,
    wait: Duration,
}

impl Readers {
    /// `pool` is used instead where connections cannot be shared, which is behind a pooler in transaction mode.
    pub(crate) fn new(server: &Server, pool: &Pool, options: &Options) -> Result<Self, StoreError> {
        let shared = if options.transaction_pooler { 0 } else { options.readers };
        // One that is to be replaced may still be in use.
        let pool = if shared == 0 {
            pool.clone()
        } else {
            Pool::new(server, shared * 2, RecyclingMethod::Verified, options)?
        };
        let slots = (0..shared).map(|_| Mutex::new(None)).collect();
        Ok(Self { pool, slots, next: AtomicUsize::new(0), wait: options.wait_timeout })
    }

    /// Reads within the time an operation may take.
    pub(crate) async fn with<T>(
        &self,
        doing: &str,
        read: impl AsyncFnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let (connection, slot) = self.get(doing).await?;
        match timeout(self.pool.deadline(), read(&connection)).await {
            Ok(result) => result.map_err(|failure| failure.into_store_error(doing)),
            Err(_) => {
                if let Some(slot) = slot {
                    forget(slot, &connection).await;
                }
                Err(unavailable(format!("{doing}: no answer in time")))
            }
        }
    }

    async fn get(&self, doing: &str) -> Result<(Arc<Connection>, Option<&Slot>), StoreError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(slot) = turn.checked_rem(self.slots.len()).and_then(|turn| self.slots.get(turn)) else {
            return Ok((Arc::new(self.pool.get(doing).await?), None));
        };
        // Who comes while somebody connects waits for him, but not for everybody who tries before.
        let Ok(mut shared) = timeout(self.wait, slot.lock()).await else {
            return Err(unavailable(format!("{doing}: there is no connection yet")));
        };
        if let Some(connection) = shared.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok((connection.clone(), Some(slot)));
        }
        *shared = None;
        let connection = Arc::new(self.pool.get(doing).await?);
        *shared = Some(connection.clone());
        Ok((connection, Some(slot)))
    }
}

type Slot = Mutex<Option<Arc<Connection>>>;

/// Gives up a connection that does not answer. The pool asks it once more before it gives it to anybody.
async fn forget(slot: &Slot, silent: &Arc<Connection>) {
    let mut shared = slot.lock().await;
    if shared.as_ref().is_some_and(|connection| Arc::ptr_eq(connection, silent)) {
        *shared = None;
    }
}
