//! MongoDB store of clerk-sync.
//!
//! A replica set or a sharded cluster is needed, since an event and its effect are committed in one
//! transaction; one node is enough, and a server that stands alone is refused with what to do about it.
//!
//! A commit of one change is one guarded write of one document. A commit of several is a transaction, and as few
//! statements as there are collections and kinds of write in it.
//! Everything is written to the journals of a majority and read from the primary as a majority has it,
//! whatever the connection string says.
//!
//! # What an operator should know
//!
//! - Do not shard the collections of clerk-sync: an address is unique among all users, and a unique index of
//!   a sharded collection can only say so for its shard key. On a sharded cluster they live on one shard.
//! - A process that is killed inside a transaction leaves it open: commits about the same users are refused as
//!   lost races until it is ended. The next process to start ends it with its first commit, since sessions
//!   are written down in `clerk_meta`; where none starts, the server does
//!   (`transactionLifetimeLimitSeconds`, 60 s by default; ten seconds is plenty for this store).
//! - Put no TTL index on these collections. [`Inspect::drop_bodies`](clerk_sync_core::port::Inspect) drops the
//!   bodies of old deliveries; the ids of deliveries and the tombstones of deleted users have to stay.
//! - It is tested against a server that speaks MongoDB's wire protocol, not against MongoDB's own `mongod`.
//!
//! ```no_run
//! use clerk_sync_mongodb::{MongoStore, Options};
//!
//! # async fn open() -> Result<(), clerk_sync_core::StoreError> {
//! let uri = "mongodb://127.0.0.1:27017/users?replicaSet=rs0";
//! let store = MongoStore::connect(uri, Options::default()).await?;
//! # Ok(())
//! # }
//! ```

mod changes;
mod commit;
mod connect;
mod document;
mod error;
mod gate;
mod health;
mod inspect;
mod options;
mod query;
mod schema;
mod sessions;
mod take;
#[cfg(test)]
mod tests;
mod view;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clerk_sync_core::port::Store;
use clerk_sync_core::{
    Change, Commit, Delivery, Entry, Record, StoreError, Subject, Timestamp, UserId, View,
};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use mongodb::bson::Document;
use mongodb::{Client, Collection, Database};
use tokio::sync::Mutex;

pub use changes::Changes;
pub use health::health;
pub use options::{Migrate, Options, Wake};

/// A [`Store`] on a MongoDB database. Clones share their connections.
#[derive(Debug, Clone)]
pub struct MongoStore {
    client: Client,
    database: Database,
    gate: gate::Gate,
    options: Options,
    heard: Heard,
    sessions: sessions::Sessions,
}

/// What [`Store::changed`] hears through, once it was asked.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Option<Changes>>>);

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heard")
    }
}

impl MongoStore {
    /// Connects to the deployment `uri` names, makes what is missing of collections and indexes or refuses,
    /// as [`Options::migrate`] says, and verifies what the store relies on (its unique indexes above all).
    ///
    /// # Errors
    /// `Schema` when the server stands alone, when an index is missing and may not be made, or when one is
    /// other than it must be or cannot be made because of the documents there are; `Unavailable` when
    /// no server can be reached in time.
    pub async fn connect(uri: &str, options: Options) -> Result<Self, StoreError> {
        let (client, database) = connect::open(uri, &options).await?;
        schema::prepare(&database, options.migrate).await?;
        let gate = gate::Gate::new(&options);
        Ok(Self {
            client,
            database,
            gate,
            options,
            heard: Heard::default(),
            sessions: sessions::Sessions::default(),
        })
    }

    /// The database the store is in.
    pub fn database(&self) -> &Database {
        &self.database
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }
}

#[async_trait]
impl Store for MongoStore {
    async fn record(&self, id: &UserId) -> Result<Option<Entry>, StoreError> {
        self.gate.run("read a user", self.entry(id)).await
    }

    async fn view(&self, subject: &Subject) -> Result<View, StoreError> {
        let mut views = self.gate.run("view", self.pictures(std::slice::from_ref(subject))).await?;
        Ok(views.pop().unwrap_or_default())
    }

    async fn views(&self, subjects: &[Subject]) -> Result<Vec<View>, StoreError> {
        // Each part is of one moment. Others are to find a place meanwhile.
        let at_once = usize::try_from(self.options.pool / 2).unwrap_or(1).max(1);
        let parts: Vec<Vec<Subject>> = subjects.chunks(view::AT_ONCE).map(<[Subject]>::to_vec).collect();
        let views = stream::iter(parts).map(async |part| self.gate.run("view", self.pictures(&part)).await);
        views.buffered(at_once).try_concat().await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Commit, StoreError> {
        self.apply(changes).await
    }

    async fn changed(&self) -> Result<Vec<UserId>, StoreError> {
        let mut heard = self.heard.0.lock().await;
        let stream = match &mut *heard {
            Some(stream) => stream,
            none => none.insert(self.changes().await?),
        };
        let mut ids = vec![];
        match stream.next().await {
            Some(id) => ids.push(id?),
            // A stream that ended is opened anew.
            None => *heard = None,
        }
        // Whatever else is there already wakes in the same go.
        while let Some(Some(Ok(id))) = heard.as_mut().and_then(|stream| stream.next().now_or_never()) {
            ids.push(id);
        }
        Ok(ids)
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.gate.run("read a note", self.noted(name)).await
    }

    async fn take_repairs(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        self.take(&take::REPAIRS, now, lease_until, limit).await
    }

    async fn take_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.take(&take::DELIVERIES, now, lease_until, limit).await
    }
}
