//! What `decide` has to see.
//!
//! A view is read in one transaction with a snapshot, so that it is of one moment, and the transaction is
//! committed, not dropped: only then is it certain that what was seen has reached a majority, and an answer
//! such as "this delivery is done" may be built on it alone.
//!
//! Between a view and its commit others may write, and a commit says only which revisions it expects of the
//! records it *writes*. That is enough:
//!
//! - A rival that was written since is at another revision; if the commit writes it, that is `Stale`.
//! - A rival that took the key since holds it; if the commit gives the key to anyone, the unique index says
//!   so, and that is `Stale`.
//! - A key let go while somebody not seen comes to claim it: whoever brings a new claim has seen the holder
//!   or the highest claim, and writes it (it becomes dirty). Whoever lets a key go writes itself. So
//!   both write one record at one revision, one of them is `Stale`, looks again and sees the other. No
//!   key is left without a holder that somebody claims.

use std::collections::BTreeSet;

use clerk_sync_core::{Entry, Record, StoreError, Subject, UserId, View};
use futures_util::TryStreamExt;
use mongodb::ClientSession;
use mongodb::bson::{Document, doc};

use crate::document::{read_delivery_state, read_entry, read_record};
use crate::error::{corrupt, store_error};
use crate::schema::{CLAIM, DELIVERY, FIRST_ADMIN, META, USER};
use crate::{MongoStore, connect, query};

impl MongoStore {
    /// What is stored under `id`.
    pub(crate) async fn entry(&self, id: &UserId) -> Result<Option<Entry>, StoreError> {
        let found = self.collection(USER).find_one(doc! { "_id": id.as_str() }).await;
        found.map_err(|error| store_error("read a user", error))?.map(read_entry).transpose()
    }

    /// The text of a note.
    pub(crate) async fn noted(&self, name: &str) -> Result<Option<String>, StoreError> {
        let found = self.collection(META).find_one(doc! { "_id": name }).await;
        let Some(note) = found.map_err(|error| store_error("read a note", error))? else { return Ok(None) };
        let value =
            note.get_str("value").map_err(|_| corrupt(format!("clerk_meta {name}: value: is no text")))?;
        Ok(Some(value.to_owned()))
    }

    /// Everything `subject` names, as of one moment.
    pub(crate) async fn picture(&self, subject: &Subject) -> Result<View, StoreError> {
        let failed = |error| store_error("view", error);
        let mut session = self.client.start_session().await.map_err(failed)?;
        let options = connect::transaction(&self.options);
        session.start_transaction().with_options(options).await.map_err(failed)?;
        let view = self.look(&mut session, subject).await;
        if view.is_ok() {
            session.commit_transaction().await.map_err(failed)?;
        }
        view
    }

    async fn look(&self, session: &mut ClientSession, subject: &Subject) -> Result<View, StoreError> {
        let failed = |error| store_error("view", error);
        let users = self.collection(USER);
        let entry = match &subject.id {
            None => None,
            Some(id) => {
                let found = users.find_one(doc! { "_id": id.as_str() }).session(&mut *session).await;
                found.map_err(failed)?.map(read_entry).transpose()?
            }
        };
        let mut view = View { entry, ..View::default() };
        if let Some(id) = &subject.delivery {
            // By itself and not by `$unionWith`: the log is the largest collection, and that not every server
            // asks of an index.
            let found = self
                .collection(DELIVERY)
                .find_one(doc! { "_id": id.as_str() })
                .projection(doc! { "status": 1, "attempts": 1, "digest": 1 })
                .session(&mut *session)
                .await
                .map_err(failed)?;
            view.delivery = found.map(read_delivery_state).transpose()?;
        }
        let pipeline = pipeline(subject, view.entry.as_ref().and_then(Entry::live));
        let mut found = users.aggregate(pipeline).session(&mut *session).await.map_err(failed)?;
        let mut found = found.stream(session);
        while let Some(document) = found.try_next().await.map_err(failed)? {
            add(&mut view, document)?;
        }
        Ok(view)
    }
}

/// Whatever there is beside the entry and the delivery, in one question: who holds the keys, the highest other
/// claim to each, the first administrator.
pub(crate) fn pipeline(subject: &Subject, own: Option<&Record>) -> Vec<Document> {
    let emails =
        keys(&subject.email_keys, [own.and_then(Record::email_claim_key), own.and_then(Record::email_key)]);
    let usernames = keys(
        &subject.username_keys,
        [own.and_then(Record::username_claim_key), own.and_then(Record::username_key)],
    );
    let but_own = |mut filter: Document| {
        if let Some(id) = &subject.id {
            filter.insert("_id", doc! { "$ne": id.as_str() });
        }
        filter
    };
    let union = |collection: &str, pipeline: Vec<Document>| -> Document {
        doc! { "$unionWith": { "coll": collection, "pipeline": pipeline } }
    };
    let best = |filter: Document, rank: Document| {
        union(USER, vec![doc! { "$match": but_own(filter) }, doc! { "$sort": rank }, doc! { "$limit": 1 }])
    };
    let mut stages = vec![doc! { "$match": but_own(query::holders(&emails, &usernames)) }];
    stages.extend(emails.iter().map(|key| best(query::email_claims(key), query::email_rank())));
    stages.extend(usernames.iter().map(|key| best(query::username_claims(key), query::username_rank())));
    stages.push(union(
        CLAIM,
        vec![
            doc! { "$match": { "_id": FIRST_ADMIN } },
            doc! { "$project": { "_id": 0, "first_admin": "$user_id" } },
        ],
    ));
    stages
}

/// The keys of the fact and of the record, each once.
fn keys<'a>(of_fact: &'a [String], of_record: [Option<&'a str>; 2]) -> Vec<&'a str> {
    let keys: BTreeSet<&str> =
        of_fact.iter().map(String::as_str).chain(of_record.into_iter().flatten()).collect();
    keys.into_iter().collect()
}

fn add(view: &mut View, document: Document) -> Result<(), StoreError> {
    if document.contains_key("_id") {
        let record = read_record(document)?;
        if view.rivals.iter().all(|known| known.id != record.id) {
            view.rivals.push(record);
        }
    } else {
        let id = document.get_str("first_admin").unwrap_or_default();
        let id =
            UserId::parse(id).map_err(|why| corrupt(format!("clerk_claim first_admin: user_id: {why}")))?;
        view.first_admin = Some(id);
    }
    Ok(())
}
