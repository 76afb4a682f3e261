//! Who has changed, whichever replica changed it: so that whoever waits for a user is woken.

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use clerk_sync_core::{StoreError, UserId};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use mongodb::bson::{Document, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::{Collection, IndexModel};

use crate::error::{code, store_error};
use crate::schema::USER;
use crate::{MongoStore, Wake};

/// How long after a fault a stream is opened again, and how often a server without change streams is asked.
const PAUSE: Duration = Duration::from_millis(500);

/// How far the clocks of replicas may be apart, and how long a commit may be under way after its time was
/// read, for polling to see it.
const OVERLAP_MS: i64 = 10_000;

/// What a server without change streams answers: `IllegalOperation`, `CommandNotFound`,
/// `CommandNotSupported`, `NotImplemented`, `FailedToParse`, an unknown stage, no replica set.
const NO_STREAMS: [i32; 7] = [20, 59, 115, 238, 9, 40_324, 40_573];

/// Ids of users as they are committed.
pub type Changes = Pin<Box<dyn Stream<Item = Result<UserId, StoreError>> + Send>>;

impl MongoStore {
    /// The ids of users committed from now on, by any replica; one may come more than once.
    ///
    /// A change stream where the server has them, polling elsewhere, as [`Options::wake`](crate::Options)
    /// says. It is for waking and nothing else: the stream goes on after an error, but what was committed
    /// meanwhile may be missing, so whoever waits looks again when one comes.
    ///
    /// # Errors
    /// As for any call, when the server cannot be asked how to do this.
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        let users = self.collection(USER);
        if self.options.wake == Wake::Auto {
            match self.gate.run("watch", async { Ok(watch(&users).await) }).await? {
                Ok(stream) => return Ok(watching(users, stream)),
                Err(error) if code(&error).is_some_and(|code| NO_STREAMS.contains(&code)) => {}
                Err(error) => return Err(store_error("watch", error)),
            }
        }
        self.gate.run("watch", polling(users)).await
    }
}

async fn watch(users: &Collection<Document>) -> Result<ChangeStream<Document>, mongodb::error::Error> {
    let written = doc! { "operationType": { "$in": ["insert", "update", "replace"] } };
    // Of what was written only the id is sent.
    let id = doc! { "documentKey": 1, "operationType": 1, "ns": 1 };
    let pipeline = [doc! { "$match": written }, doc! { "$project": id }];
    Ok(users.watch().pipeline(pipeline).await?.with_type())
}

fn watching(users: Collection<Document>, stream: ChangeStream<Document>) -> Changes {
    // The driver resumes by itself where it can. Where it cannot, what was missed is beyond recall.
    let state = (users, Some(stream));
    Box::pin(stream::unfold(state, |(users, mut stream)| async move {
        loop {
            let Some(open) = stream.as_mut() else {
                tokio::time::sleep(PAUSE).await;
                match watch(&users).await {
                    Ok(open) => stream = Some(open),
                    Err(error) => return Some((Err(store_error("watch", error)), (users, None))),
                }
                continue;
            };
            match open.try_next().await {
                Ok(Some(event)) => {
                    let id = event.get_document("documentKey").and_then(|key| key.get_str("_id"));
                    if let Some(id) = id.ok().and_then(|id| UserId::parse(id).ok()) {
                        return Some((Ok(id), (users, stream)));
                    }
                }
                Ok(None) => stream = None,
                Err(error) => return Some((Err(store_error("watch", error)), (users, None))),
            }
        }
    }))
}

/// Where polling stands: the latest time seen, and what was written within the overlap before it.
struct Poll {
    users: Collection<Document>,
    latest: i64,
    seen: HashSet<(String, i64)>,
    found: VecDeque<UserId>,
}

async fn polling(users: Collection<Document>) -> Result<Changes, StoreError> {
    let failed = |error| store_error("watch", error);
    // Only who polls pays for this index.
    let key = doc! { "changed_at": -1 };
    users.create_index(IndexModel::builder().keys(key).build()).await.map_err(failed)?;
    let newest = users.find_one(doc! { "changed_at": { "$exists": true } }).sort(doc! { "changed_at": -1 });
    let latest = newest.await.map_err(failed)?.and_then(|d| d.get_i64("changed_at").ok()).unwrap_or(0);
    let mut poll = Poll { users, latest, seen: HashSet::new(), found: VecDeque::new() };
    poll.ask().await.map_err(failed)?;
    poll.found.clear();
    Ok(stream::unfold(poll, |mut poll| async move {
        loop {
            if let Some(id) = poll.found.pop_front() {
                return Some((Ok(id), poll));
            }
            tokio::time::sleep(PAUSE).await;
            if let Err(error) = poll.ask().await {
                return Some((Err(store_error("watch", error)), poll));
            }
        }
    })
    .boxed())
}

impl Poll {
    async fn ask(&mut self) -> Result<(), mongodb::error::Error> {
        let since = self.latest.saturating_sub(OVERLAP_MS);
        // A tombstone has no time of ours, only that of the deletion: an old one told of late is missed here,
        // and found by whoever waits when the wait ends.
        let by_time = |field: &str| doc! { field: { "$gte": since, "$exists": true } };
        let filter = doc! { "$or": [by_time("changed_at"), by_time("deleted_at")] };
        let fields = doc! { "changed_at": 1, "deleted_at": 1, "rev": 1 };
        let found = self.users.find(filter).projection(fields).await?;
        let found: Vec<Document> = found.try_collect().await?;
        let mut now = HashSet::with_capacity(found.len());
        for document in found {
            let Ok(id) = document.get_str("_id") else { continue };
            // A tombstone has no revision, and is written once.
            let mark = (id.to_owned(), document.get_i64("rev").unwrap_or(-1));
            if !self.seen.contains(&mark) {
                self.found.extend(UserId::parse(id));
            }
            self.latest = self.latest.max(document.get_i64("changed_at").unwrap_or(i64::MIN));
            now.insert(mark);
        }
        self.seen = now;
        Ok(())
    }
}
