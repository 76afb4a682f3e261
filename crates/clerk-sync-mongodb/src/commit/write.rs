#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};

use mongodb::bson::{Document, RawArrayBuf, RawDocumentBuf, cstr, doc, rawdoc};
use mongodb::error::Error;
use mongodb::{ClientSession, Database};

use crate::error::matched;
use crate::schema::USER;

/// A command is one document, which may have 16 MiB; a server takes 100 000 statements in it, of which a commit
/// has some hundreds.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// What is written to one collection in one go.
///
/// None is an upsert: with a filter beyond the key, an upsert whose guard does not hold tries to insert a
/// second document under the same id.
#[derive(Debug)]
pub(crate) struct Write {
    collection: &'static str,
    ids: HashSet<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Insert(Vec<Document>),
    Update {
        statements: Vec<Statement>,
        /// Whether nothing having been there to update is a race lost.
        must_match: bool,
    },
}

#[derive(Debug)]
struct Statement {
    filter: Document,
    change: Document,
    /// Whether the change is the whole document from now on.
    replaces: bool,
    /// Whether it is for all documents of the filter, not for the one there can be.
    many: bool,
}

impl Write {
    pub(super) fn insert(collection: &'static str, id: &str, document: Document) -> Self {
        Self { collection, ids: [id.to_owned()].into(), kind: Kind::Insert(vec![document]) }
    }

    pub(super) fn update(collection: &'static str, id: &str, guard: Document, change: Document) -> Self {
        Self::guarded(collection, id, guard, change, false)
    }

    pub(super) fn replace(collection: &'static str, id: &str, guard: Document, with: Document) -> Self {
        Self::guarded(collection, id, guard, with, true)
    }

    /// An update that is done, too, where there is nothing to update.
    pub(super) fn attempt(collection: &'static str, id: &str, guard: Document, change: Document) -> Self {
        let mut write = Self::update(collection, id, guard, change);
        if let Kind::Update { must_match, .. } = &mut write.kind {
            *must_match = false;
        }
        write
    }

    fn guarded(
        collection: &'static str,
        id: &str,
        guard: Document,
        change: Document,
        replaces: bool,
    ) -> Self {
        let mut filter = doc! { "_id": id };
        filter.extend(guard);
        let statements = vec![Statement { filter, change, replaces, many: false }];
        Self { collection, ids: [id.to_owned()].into(), kind: Kind::Update { statements, must_match: true } }
    }

    /// These users hold nothing for now.
    pub(super) fn release(ids: &BTreeSet<&str>) -> Self {
        let filter = doc! { "_id": { "$in": ids.iter().copied().collect::<Vec<_>>() } };
        let keys = doc! { "email": "", "email_key": "", "username": "", "username_key": "" };
        let change = doc! { "$unset": keys };
        let statements = vec![Statement { filter, change, replaces: false, many: true }];
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        Self { collection: USER, ids, kind: Kind::Update { statements, must_match: false } }
    }

    /// Whether both write to one document.
    pub(super) fn concerns_one_of(&self, other: &Self) -> bool {
        self.collection == other.collection && !self.ids.is_disjoint(&other.ids)
    }

    /// Whether the write that comes next can be made with this one: a commit costs fewer round trips so.
    pub(super) fn absorbs(&self, next: &Self) -> bool {
        let alike = match (&self.kind, &next.kind) {
            (Kind::Insert(_), Kind::Insert(_)) => true,
            (Kind::Update { must_match, .. }, Kind::Update { must_match: next, .. }) => must_match == next,
            _ => false,
        };
        alike && self.collection == next.collection
    }

    pub(super) fn absorb(&mut self, next: Self) {
        self.ids.extend(next.ids);
        match (&mut self.kind, next.kind) {
            (Kind::Insert(documents), Kind::Insert(more)) => documents.extend(more),
            (Kind::Update { statements, .. }, Kind::Update { statements: more, .. }) => {
                statements.extend(more);
            }
            _ => {}
        }
    }

    pub(crate) fn is_of_one_document(&self) -> bool {
        match &self.kind {
            Kind::Insert(documents) => documents.len() == 1,
            Kind::Update { statements, .. } => statements.len() == 1 && !statements[0].many,
        }
    }

    /// Makes a write of one document without a transaction: the driver sends it again where a connection broke.
    /// Answers whether there was what was expected.
    pub(crate) async fn run_alone(&self, database: &Database) -> Result<bool, Error> {
        let collection = database.collection::<Document>(self.collection);
        match &self.kind {
            Kind::Insert(documents) => {
                collection.insert_many(documents).await?;
                Ok(true)
            }
            Kind::Update { statements, must_match } => {
                let mut met = true;
                for Statement { filter, change, replaces, .. } in statements {
                    let done = if *replaces {
                        collection.replace_one(filter.clone(), change).await?
                    } else {
                        collection.update_one(filter.clone(), change.clone()).await?
                    };
                    met &= done.matched_count == 1;
                }
                Ok(met || !must_match)
            }
        }
    }

    /// Answers whether there was what was expected.
    pub(crate) async fn run(&self, database: &Database, session: &mut ClientSession) -> Result<bool, Error> {
        match &self.kind {
            Kind::Insert(documents) => {
                let collection = database.collection::<Document>(self.collection);
                collection.insert_many(documents).session(session).await?;
                Ok(true)
            }
            Kind::Update { statements, must_match } => {
                let mut met = 0;
                for command in commands(self.collection, statements)? {
                    let answer = database.run_raw_command(command).session(&mut *session).await?;
                    met += matched(answer)?;
                }
                // Each statement that must match meets one document or none.
                Ok(!must_match || met == statements.len())
            }
        }
    }
}

/// The statements as one command, or as several where one would be too large. The driver has a call for many updates
/// only since MongoDB 8.0.
fn commands(collection: &str, statements: &[Statement]) -> Result<Vec<RawDocumentBuf>, Error> {
    let mut parts = vec![RawArrayBuf::new()];
    for Statement { filter, change, many, .. } in statements {
        let mut statement = rawdoc! { "multi": *many };
        statement.append(cstr!("q"), RawDocumentBuf::try_from(filter)?);
        statement.append(cstr!("u"), RawDocumentBuf::try_from(change)?);
        let size = |part: &RawArrayBuf| part.as_bytes().len() + statement.as_bytes().len();
        match parts.last_mut().filter(|part| part.is_empty() || size(part) <= MOST_BYTES) {
            Some(part) => part.push(statement),
            None => parts.push(RawArrayBuf::from_iter([statement])),
        }
    }
    Ok(parts.into_iter().map(|updates| rawdoc! { "update": collection, "updates": updates }).collect())
}
