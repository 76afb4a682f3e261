//! Work taken by lease.

use clerk_sync_core::{Delivery, Record, StoreError, Timestamp};
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReturnDocument;

use crate::document::{read_delivery, read_record};
use crate::error::store_error;
use crate::schema::{DELIVERY, USER};
use crate::{MongoStore, query};

/// A queue of work.
pub(crate) struct Queue<T> {
    doing: &'static str,
    pub(crate) collection: &'static str,
    /// The field that says when work is due; only what waits has it.
    pub(crate) due: &'static str,
    /// Where the end of a lease is written.
    lease: &'static [&'static str],
    read: fn(Document) -> Result<T, StoreError>,
}

pub(crate) const REPAIRS: Queue<Record> = Queue {
    doing: "take repairs",
    collection: USER,
    due: "repair_due_at",
    lease: &["repair_due_at"],
    read: read_record,
};

pub(crate) const DELIVERIES: Queue<Delivery> = Queue {
    doing: "take deliveries",
    collection: DELIVERY,
    due: "take_at",
    lease: &["take_at", "due_at"],
    read: read_delivery,
};

impl MongoStore {
    /// Takes work one by one: finding it and leasing it is one step of the server, so no two takers get one.
    ///
    /// What cannot be read is put off like the rest, so that it does not stand before it for ever; it
    /// is an error only where there is nothing else. Time over is no error where something was taken, since
    /// that would otherwise wait for the end of its lease.
    pub(crate) async fn take<T>(
        &self,
        queue: &Queue<T>,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<T>, StoreError> {
        let pass = self.gate.enter(queue.doing).await?;
        let mut seen: Vec<Bson> = Vec::new();
        let (mut taken, mut refused) = (Vec::new(), None);
        while seen.len() < limit as usize {
            let next = match pass.run(queue.doing, self.take_one(queue, now, lease_until, &seen)).await {
                Ok(None) => break,
                Ok(Some(next)) => next,
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            };
            seen.push(next.get("_id").cloned().unwrap_or(Bson::Null));
            match (queue.read)(next) {
                Ok(work) => taken.push(work),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        match refused {
            Some(error) if taken.is_empty() => Err(error),
            _ => Ok(taken),
        }
    }

    async fn take_one<T>(
        &self,
        queue: &Queue<T>,
        now: Timestamp,
        lease_until: Timestamp,
        seen: &[Bson],
    ) -> Result<Option<Document>, StoreError> {
        let mut filter = query::due(queue.due, now);
        if lease_until <= now {
            // A lease that is over already would give the same work again.
            filter.insert("_id", doc! { "$nin": seen });
        }
        let lease: Document =
            queue.lease.iter().map(|field| ((*field).into(), Bson::Int64(lease_until.as_millis()))).collect();
        self.collection(queue.collection)
            .find_one_and_update(filter, doc! { "$set": lease })
            .sort(query::by_due(queue.due))
            .return_document(ReturnDocument::After)
            .await
            .map_err(|error| store_error(queue.doing, error))
    }
}
