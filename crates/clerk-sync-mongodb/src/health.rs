//! How a database is set up, seen from outside the store: one that cannot be opened can be examined.

use clerk_sync_core::{Health, StoreError, Timestamp};
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};

use crate::error::store_error;
use crate::schema::{Findings, META};
use crate::{Options, connect, schema};

/// Examines the database `uri` names, without making collections or indexes.
///
/// # Errors
/// `Unavailable` when no server can be reached in time; `Schema` when the server stands alone.
pub async fn health(uri: &str, options: &Options) -> Result<Health, StoreError> {
    let (client, database) = connect::open(uri, options).await?;
    examine(&client, &database).await
}

pub(crate) async fn examine(client: &Client, database: &Database) -> Result<Health, StoreError> {
    let found = schema::examine(database).await?;
    let hello = client.database("admin").run_command(doc! { "hello": 1 }).await;
    let hello = hello.map_err(|error| store_error("ask the server for its time", error))?;
    let now = match hello.get("localTime") {
        Some(Bson::DateTime(time)) => Some(Timestamp::from_millis(time.timestamp_millis())),
        _ => None,
    };
    let unwritable = if found.empty { None } else { try_writing(database).await };
    let (pending, found) = match found.empty {
        // Everything is made when a store is opened.
        true => (vec!["collections and indexes".to_owned()], Findings::default()),
        false => (Vec::new(), found),
    };
    Ok(Health {
        pending,
        faults: found.faults,
        duplicates: found.duplicates,
        unwritable,
        // Every write of the store asks for the journals of a majority, whatever the server's defaults are.
        not_durable: Vec::new(),
        now,
    })
}

/// A write that changes nothing, and is answered only by a primary with a majority behind it.
async fn try_writing(database: &Database) -> Option<String> {
    let meta = database.collection::<Document>(META);
    let written = meta.update_one(doc! { "_id": "ping" }, doc! { "$set": { "at": 0_i64 } }).await;
    written.err().map(|error| store_error("write", error).to_string())
}
