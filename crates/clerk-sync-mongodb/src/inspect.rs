//! What operators ask.

use async_trait::async_trait;
use clerk_sync_core::port::{Backlog, Inspect};
use clerk_sync_core::{
    Delivery, DeliveryCursor, DeliveryFilter, DeliveryId, DeliveryStatus, Entry, Health, StoreError,
    Timestamp, UserFilter, UserId,
};
use futures_util::{TryStreamExt, future::try_join_all, try_join};
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;

use crate::document::{read_delivery, read_entry};
use crate::error::{corrupt, store_error};
use crate::schema::{DELIVERY, META, USER};
use crate::{MongoStore, health, query};

/// The longest page of entries or deliveries.
const MAX_PAGE: u32 = 1_000;

/// How many ids are named in one update.
const BATCH: u32 = 1_000;

#[async_trait]
impl Inspect for MongoStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.gate
            .run("ping", async {
                // Changes nothing, and is answered only by a primary with a majority behind it.
                let write = doc! { "$set": { "at": 0_i64 } };
                let written = self.collection(META).update_one(doc! { "_id": "ping" }, write).await;
                written.map(|_| ()).map_err(|error| store_error("ping", error))
            })
            .await
    }

    async fn backlog(&self, unconfirmed_before: Timestamp) -> Result<Backlog, StoreError> {
        self.gate
            .run("count the backlog", async {
                let counted = self.count_all(unconfirmed_before).await;
                counted.map_err(|error| store_error("count the backlog", error))
            })
            .await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        health::examine(&self.client, &self.database).await
    }

    async fn search_users(
        &self,
        filter: &UserFilter,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let (wanted, sort) = (query::users(filter, after), doc! { "_id": 1 });
        self.gate.run("search for users", self.page(USER, wanted, sort, limit, read_entry)).await
    }

    async fn search_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (wanted, sort) = (query::deliveries(filter, after), doc! { "received_at": -1, "_id": -1 });
        self.gate.run("search for deliveries", self.page(DELIVERY, wanted, sort, limit, read_delivery)).await
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.gate
            .run("read a delivery", async {
                let found = self.collection(DELIVERY).find_one(doc! { "_id": id.as_str() }).await;
                let found = found.map_err(|error| store_error("read a delivery", error))?;
                found.map(read_delivery).transpose()
            })
            .await
    }

    async fn drop_bodies(
        &self,
        status: DeliveryStatus,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.drop_all("drop bodies", query::old_bodies(status, before), limit).await
    }

    async fn erase_bodies(&self, user: &UserId, mentions: &[String], limit: u32) -> Result<u64, StoreError> {
        self.drop_all("erase bodies", query::mentioning(user, mentions), limit).await
    }
}

struct Batch {
    named: u64,
    dropped: u64,
}

impl MongoStore {
    async fn page<T>(
        &self,
        collection: &str,
        filter: Document,
        sort: Document,
        limit: u32,
        read: fn(Document) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        // To the server, a limit of 0 means none.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let failed = |error| store_error(&format!("list {collection}"), error);
        let limit = i64::from(limit.min(MAX_PAGE));
        let found = self.collection(collection).find(filter).sort(sort).limit(limit).await;
        let documents: Vec<Document> = found.map_err(failed)?.try_collect().await.map_err(failed)?;
        documents.into_iter().map(read).collect()
    }

    async fn count_all(&self, unconfirmed_before: Timestamp) -> Result<Backlog, Error> {
        let (users, deliveries) = (&self.collection(USER), &self.collection(DELIVERY));
        let status = |status: DeliveryStatus| doc! { "status": status.as_str() };
        let with = |s| async move { deliveries.count_documents(status(s)).await };
        let first_of = |filter: Document, field: &'static str, direction: i32| async move {
            let sort = doc! { field: direction };
            let first = users.find_one(filter).sort(sort).projection(doc! { field: 1 });
            Ok::<_, Error>(first.await?.and_then(|d| d.get_i64(field).ok()).map(Timestamp::from_millis))
        };
        let oldest = |s| async move {
            let sort = doc! { "received_at": 1, "_id": 1 };
            let first = deliveries.find_one(status(s)).sort(sort).projection(doc! { "received_at": 1 });
            Ok(first.await?.and_then(|d| d.get_i64("received_at").ok()))
        };
        let unconfirmed = query::unconfirmed(unconfirmed_before);
        let (pending, failed, dead) = (DeliveryStatus::Pending, DeliveryStatus::Failed, DeliveryStatus::Dead);
        let newest = first_of(unconfirmed.clone(), "unconfirmed_since", -1);
        let oldest_repair = first_of(query::waits("repair_due_at"), "repair_due_at", 1);
        let (pending, failed, dead, waiting, dirty, unconfirmed, deleted, all, newest, repair) = try_join!(
            with(pending),
            with(failed),
            with(dead),
            try_join_all([oldest(pending), oldest(failed)]),
            async { users.count_documents(query::waits("repair_due_at")).await },
            async { users.count_documents(unconfirmed).await },
            async { users.count_documents(query::waits("deleted_at")).await },
            // Counting each of a million users for a metric would cost a second.
            async { users.estimated_document_count().await },
            newest,
            oldest_repair,
        )?;
        Ok(Backlog {
            pending,
            failed,
            dead,
            oldest_unprocessed: waiting.into_iter().flatten().min().map(Timestamp::from_millis),
            dirty,
            oldest_repair: repair,
            unconfirmed,
            newest_unconfirmed: newest,
            users: all.saturating_sub(deleted),
        })
    }

    /// Drops the bodies of up to `limit` deliveries that meet `filter`, oldest first.
    async fn drop_all(&self, doing: &str, filter: Document, limit: u32) -> Result<u64, StoreError> {
        let mut dropped = 0;
        let mut left = limit;
        while left > 0 {
            let batch = left.min(BATCH);
            let found = self.gate.run(doing, self.drop_batch(doing, &filter, batch)).await?;
            dropped += found.dropped;
            left -= batch;
            if found.named < u64::from(batch) {
                break;
            }
        }
        Ok(dropped)
    }

    async fn drop_batch(&self, doing: &str, filter: &Document, limit: u32) -> Result<Batch, StoreError> {
        let failed = |error| store_error(doing, error);
        let deliveries = self.collection(DELIVERY);
        let found = deliveries
            .find(filter.clone())
            .sort(doc! { "received_at": 1, "_id": 1 })
            .limit(i64::from(limit))
            .projection(doc! { "_id": 1 })
            .await
            .map_err(failed)?;
        let found: Vec<Document> = found.try_collect().await.map_err(failed)?;
        let id = |d: &Document| d.get("_id").cloned().ok_or_else(|| corrupt("a delivery without an id"));
        let ids: Vec<Bson> = found.iter().map(id).collect::<Result<_, _>>()?;
        if ids.is_empty() {
            return Ok(Batch { named: 0, dropped: 0 });
        }
        let named = ids.len() as u64;
        // Said again in full: since the ids were read, one may have been taken up again.
        let mut filter = filter.clone();
        filter.insert("_id", doc! { "$in": ids });
        let update = deliveries.update_many(filter, doc! { "$unset": { "body": "" } }).await;
        Ok(Batch { named, dropped: update.map_err(failed)?.modified_count })
    }
}
