//! Reaching a deployment, and refusing one that cannot do what is needed.

use clerk_sync_core::StoreError;
use mongodb::bson::{Document, doc};
use mongodb::options::{
    Acknowledgment, ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, TransactionOptions,
    WriteConcern,
};
use mongodb::{Client, Database};

use crate::Options;
use crate::error::{schema_error, store_error, unavailable};

const DEFAULT_DATABASE: &str = "clerk_sync";

/// A client and its database, with every concern set by hand: the defaults of drivers and servers have lost
/// writes before, and a connection string may ask for less than is needed.
pub(crate) async fn open(uri: &str, options: &Options) -> Result<(Client, Database), StoreError> {
    // What is wrong with the text is not repeated, since it may hold a password.
    let parsed = in_time(options, "look up the host", ClientOptions::parse(uri)).await?.map_err(|_| {
        unavailable(
            "the MongoDB connection string cannot be read or its host not be found (is it \
             mongodb://user:password@host:port/database, user and password percent-encoded?)",
        )
    });
    let mut client = parsed?;
    client.app_name.get_or_insert_with(|| "clerk-sync".into());
    client.server_selection_timeout = Some(options.connect_timeout);
    client.connect_timeout = Some(options.connect_timeout);
    // One connection beside those of the calls: aborting what a call left open must not wait for the calls.
    client.max_pool_size = Some(options.pool.max(1).saturating_add(1));
    client.retry_reads = Some(true);
    client.retry_writes = Some(true);
    client.read_concern = Some(ReadConcern::majority());
    client.write_concern = Some(write_concern(options));
    client.selection_criteria = Some(primary());
    let named = options.database.clone().or_else(|| client.default_database.clone());
    let client = Client::with_options(client)
        .map_err(|error| store_error("use the MongoDB connection string", error))?;
    let database = client.database(&named.unwrap_or_else(|| DEFAULT_DATABASE.into()));
    let admin = client.database("admin");
    let hello = admin.run_command(doc! { "hello": 1 });
    let hello = in_time(options, "reach MongoDB", hello).await?;
    require(&hello.map_err(|error| store_error("reach MongoDB", error))?)?;
    Ok((client, database))
}

/// A server that is there and says nothing must not keep a program from saying so. What follows a first answer
/// has no limit: an index over a million users takes its time.
async fn in_time<T>(
    options: &Options,
    doing: &str,
    work: impl IntoFuture<Output = T>,
) -> Result<T, StoreError> {
    let limit = options.connect_timeout.saturating_add(options.timeout);
    let answer = tokio::time::timeout(limit, work).await;
    answer.map_err(|_| unavailable(format!("{doing}: no answer in time")))
}

/// A write is done once a majority of the replica set has it in its journal.
pub(crate) fn write_concern(options: &Options) -> WriteConcern {
    let mut concern = WriteConcern::default();
    concern.w = Some(Acknowledgment::Majority);
    concern.journal = Some(true);
    concern.w_timeout = Some(options.timeout);
    concern
}

/// Reads of a transaction are of one moment, and what they saw has reached a majority once it is committed.
pub(crate) fn transaction(options: &Options) -> TransactionOptions {
    let mut transaction = TransactionOptions::default();
    transaction.read_concern = Some(ReadConcern::snapshot());
    transaction.write_concern = Some(write_concern(options));
    transaction.selection_criteria = Some(primary());
    transaction.max_commit_time = Some(options.timeout);
    transaction
}

fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
}

/// Refuses a server without transactions: one that is neither of a replica set nor a router of a cluster.
pub(crate) fn require(hello: &Document) -> Result<(), StoreError> {
    let replica_set = hello.get_str("setName").is_ok_and(|name| !name.is_empty());
    let router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if !replica_set && !router {
        return Err(schema_error(
            "this MongoDB server stands alone, and transactions need a replica set (one node is enough): \
             start mongod with --replSet rs0, then run rs.initiate() in mongosh once",
        ));
    }
    Ok(())
}
