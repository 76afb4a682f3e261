use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::{ClientSession, Database};

use crate::schema::USER;

/// The driver has no common trait for actions that may be part of a transaction.
macro_rules! in_session {
    ($action:expr, $session:expr) => {
        match $session {
            Some(session) => $action.session(session),
            None => $action,
        }
    };
}

/// One command to the server.
///
/// None is an upsert: with a filter beyond the key, an upsert whose guard does not hold tries to insert a
/// second document under the same id.
#[derive(Debug)]
pub(crate) struct Write {
    collection: &'static str,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Insert(Vec<Document>),
    Update {
        filter: Document,
        update: Document,
        /// Whether nothing having been there to update is a race lost.
        must_match: bool,
    },
    Replace {
        filter: Document,
        with: Document,
    },
    Release(Document),
}

impl Write {
    pub(super) fn insert(collection: &'static str, document: Document) -> Self {
        Self { collection, kind: Kind::Insert(vec![document]) }
    }

    pub(super) fn update(collection: &'static str, filter: Document, update: Document) -> Self {
        Self { collection, kind: Kind::Update { filter, update, must_match: true } }
    }

    /// An update that is done, too, where there is nothing to update.
    pub(super) fn attempt(collection: &'static str, filter: Document, update: Document) -> Self {
        Self { collection, kind: Kind::Update { filter, update, must_match: false } }
    }

    pub(super) fn replace(collection: &'static str, filter: Document, with: Document) -> Self {
        Self { collection, kind: Kind::Replace { filter, with } }
    }

    /// These users hold nothing for now.
    pub(super) fn release(ids: &[&str]) -> Self {
        let filter = doc! { "_id": { "$in": ids } };
        Self { collection: USER, kind: Kind::Release(filter) }
    }

    /// Whether the write that comes next can be made with this one: a webhook costs fewer round trips so.
    pub(super) fn absorbs(&self, next: &Self) -> bool {
        let inserts = matches!((&self.kind, &next.kind), (Kind::Insert(_), Kind::Insert(_)));
        inserts && self.collection == next.collection
    }

    pub(super) fn absorb(&mut self, next: Self) {
        if let (Kind::Insert(documents), Kind::Insert(more)) = (&mut self.kind, next.kind) {
            documents.extend(more);
        }
    }

    pub(crate) fn is_of_one_document(&self) -> bool {
        match &self.kind {
            Kind::Insert(documents) => documents.len() == 1,
            Kind::Update { .. } | Kind::Replace { .. } => true,
            Kind::Release(_) => false,
        }
    }

    /// Answers whether there was what was expected.
    pub(crate) async fn run(
        &self,
        database: &Database,
        session: Option<&mut ClientSession>,
    ) -> Result<bool, Error> {
        let collection = database.collection::<Document>(self.collection);
        match &self.kind {
            Kind::Insert(documents) => match documents.as_slice() {
                [document] => {
                    let insert = collection.insert_one(document);
                    in_session!(insert, session).await?;
                    Ok(true)
                }
                _ => {
                    let insert = collection.insert_many(documents);
                    in_session!(insert, session).await?;
                    Ok(true)
                }
            },
            Kind::Update { filter, update, must_match } => {
                let update = collection.update_one(filter.clone(), update.clone());
                Ok(in_session!(update, session).await?.matched_count == 1 || !must_match)
            }
            Kind::Replace { filter, with } => {
                let replace = collection.replace_one(filter.clone(), with);
                Ok(in_session!(replace, session).await?.matched_count == 1)
            }
            Kind::Release(filter) => {
                let keys = doc! { "email": "", "email_key": "", "username": "", "username_key": "" };
                let update = collection.update_many(filter.clone(), doc! { "$unset": keys });
                in_session!(update, session).await?;
                Ok(true)
            }
        }
    }
}
