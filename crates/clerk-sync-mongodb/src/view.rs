//! What `decide` has to see.
//!
//! A view is read in one transaction with a snapshot, so that it is of one moment, and the transaction is
//! committed, not dropped: only then is it certain that what was seen has reached a majority, and an answer
//! such as "this delivery is done" may be built on it alone.
//!
//! Many subjects are seen by as many statements as one: what they name is asked for together, each statement of
//! one field and served by its index, and told apart here.
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

pub(crate) mod rivals;

use std::collections::{BTreeSet, HashMap};

use clerk_sync_core::{DeliveryId, DeliveryState, Entry, Record, StoreError, Subject, UserId, View};
use futures_util::TryStreamExt;
use mongodb::ClientSession;
use mongodb::bson::{Document, doc};
use mongodb::options::FindOptions;

use crate::document::{read_delivery_state, read_entry};
use crate::error::{corrupt, store_error};
use crate::schema::{CLAIM, DELIVERY, FIRST_ADMIN, META, USER};
use crate::{MongoStore, connect, query};
use rivals::Rivals;

/// How many subjects are seen in one transaction.
pub(crate) const AT_ONCE: usize = 100;

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

    /// Everything the subjects name, in their order and as of one moment; at most [`AT_ONCE`].
    pub(crate) async fn pictures(&self, subjects: &[Subject]) -> Result<Vec<View>, StoreError> {
        let failed = |error| store_error("view", error);
        let mut session = self.client.start_session().await.map_err(failed)?;
        let options = connect::transaction(&self.options);
        session.start_transaction().with_options(options).await.map_err(failed)?;
        let views = self.look(&mut session, subjects).await;
        if views.is_ok() {
            session.commit_transaction().await.map_err(failed)?;
        }
        views
    }

    async fn look(&self, session: &mut ClientSession, subjects: &[Subject]) -> Result<Vec<View>, StoreError> {
        let first_admin = self.first_admin(session).await?;
        let entries = self.entries_of(session, subjects).await?;
        let deliveries = self.deliveries_of(session, subjects).await?;
        let own: Vec<Option<&Entry>> =
            subjects.iter().map(|subject| entries.get(subject.id.as_ref()?)).collect();
        let live = own.iter().map(|entry| entry.and_then(Entry::live));
        let keys: Vec<Keys<'_>> =
            subjects.iter().zip(live).map(|(subject, record)| Keys::of(subject, record)).collect();
        let known = || entries.values().filter_map(Entry::live);
        let emails = keys.iter().flat_map(|keys| &keys.emails).copied().collect();
        let emails = self.rivals(session, &rivals::EMAIL, emails, known()).await?;
        let usernames = keys.iter().flat_map(|keys| &keys.usernames).copied().collect();
        let usernames = self.rivals(session, &rivals::USERNAME, usernames, known()).await?;
        let views = subjects.iter().zip(own).zip(&keys).map(|((subject, entry), keys)| View {
            entry: entry.cloned(),
            rivals: keys.rivals(subject.id.as_ref(), &emails, &usernames),
            first_admin: first_admin.clone(),
            delivery: subject.delivery.as_ref().and_then(|id| deliveries.get(id)).copied(),
        });
        Ok(views.collect())
    }

    async fn first_admin(&self, session: &mut ClientSession) -> Result<Option<UserId>, StoreError> {
        let found = self.find(session, CLAIM, doc! { "_id": FIRST_ADMIN }, at_most(1)).await?.pop();
        let Some(found) = found else { return Ok(None) };
        let id = UserId::parse(found.get_str("user_id").unwrap_or_default());
        id.map(Some).map_err(|why| corrupt(format!("clerk_claim first_admin: user_id: {why}")))
    }

    async fn entries_of(
        &self,
        session: &mut ClientSession,
        subjects: &[Subject],
    ) -> Result<HashMap<UserId, Entry>, StoreError> {
        let ids = subjects.iter().filter_map(|subject| subject.id.as_ref()).map(UserId::as_str).collect();
        let found = self.find_each(session, USER, "_id", &ids, None).await?;
        let entries = found.into_iter().map(read_entry);
        entries.map(|entry| entry.map(|entry| (entry.id().clone(), entry))).collect()
    }

    async fn deliveries_of(
        &self,
        session: &mut ClientSession,
        subjects: &[Subject],
    ) -> Result<HashMap<DeliveryId, DeliveryState>, StoreError> {
        let ids = subjects.iter().filter_map(|subject| subject.delivery.as_ref());
        let ids = ids.map(DeliveryId::as_str).collect();
        let state = doc! { "status": 1, "attempts": 1, "digest": 1 };
        let found = self.find_each(session, DELIVERY, "_id", &ids, Some(state)).await?;
        found.into_iter().map(read_delivery_state).collect()
    }

    /// The documents that have one of these values in a field that is unique; without values nothing is asked.
    async fn find_each(
        &self,
        session: &mut ClientSession,
        collection: &str,
        field: &str,
        values: &BTreeSet<&str>,
        projection: Option<Document>,
    ) -> Result<Vec<Document>, StoreError> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let mut options = at_most(values.len());
        options.projection = projection;
        self.find(session, collection, query::one_of(field, values), options).await
    }

    async fn find(
        &self,
        session: &mut ClientSession,
        collection: &str,
        filter: Document,
        options: FindOptions,
    ) -> Result<Vec<Document>, StoreError> {
        let failed = |error| store_error("view", error);
        let collection = self.collection(collection);
        let find = collection.find(filter).with_options(options).session(&mut *session);
        let mut found = find.await.map_err(failed)?;
        found.stream(session).try_collect().await.map_err(failed)
    }
}

/// Options of a find that is answered at once: a batch with room for one more leaves no cursor open.
fn at_most(count: usize) -> FindOptions {
    let count = u32::try_from(count).unwrap_or(u32::MAX - 1);
    let mut options = FindOptions::default();
    options.limit = Some(i64::from(count));
    options.batch_size = Some(count.saturating_add(1));
    options
}

/// The keys of a fact and of the record it is about, each once.
struct Keys<'a> {
    emails: BTreeSet<&'a str>,
    usernames: BTreeSet<&'a str>,
}

impl<'a> Keys<'a> {
    fn of(subject: &'a Subject, own: Option<&'a Record>) -> Self {
        let all = |of_fact: &'a [String], of_record: [Option<&'a str>; 2]| {
            of_fact.iter().map(String::as_str).chain(of_record.into_iter().flatten()).collect()
        };
        Self {
            emails: all(
                &subject.email_keys,
                [own.and_then(Record::email_claim_key), own.and_then(Record::email_key)],
            ),
            usernames: all(
                &subject.username_keys,
                [own.and_then(Record::username_claim_key), own.and_then(Record::username_key)],
            ),
        }
    }

    /// Who else matters for these keys, none twice.
    fn rivals(&self, own: Option<&UserId>, emails: &Rivals, usernames: &Rivals) -> Vec<Record> {
        let by_email = self.emails.iter().flat_map(|key| emails.of(key, own));
        let by_username = self.usernames.iter().flat_map(|key| usernames.of(key, own));
        let mut rivals: Vec<Record> = Vec::new();
        for rival in by_email.chain(by_username) {
            if rivals.iter().all(|known| known.id != rival.id) {
                rivals.push(rival.clone());
            }
        }
        rivals
    }
}
