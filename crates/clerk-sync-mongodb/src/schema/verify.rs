//! Whether a database has what the store relies on.

use clerk_sync_core::{Duplicates, StoreError};
use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};

use super::{COLLECTIONS, Index, UNIQUE_INDEXES, indexes};
use crate::error::{code, schema_error, store_error};

/// Refuses a database whose indexes are not those the store makes.
///
/// Without its unique indexes a store would give one address to two users in silence. Indexes an app has
/// added are no reason to refuse, unless they remove documents by age.
pub(crate) async fn verify(database: &Database) -> Result<(), StoreError> {
    let Findings { mut faults, duplicates, .. } = examine(database).await?;
    let held = |Duplicates { column, values }| format!("{values} values of {column} are held more than once");
    faults.extend(duplicates.into_iter().map(held));
    if faults.is_empty() { Ok(()) } else { Err(schema_error(faults.join("; "))) }
}

/// What is not as it must be.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) faults: Vec<String>,
    pub(crate) duplicates: Vec<Duplicates>,
    /// Whether nothing of ours is there at all.
    pub(crate) empty: bool,
}

/// Compares a database with what the store makes.
pub(crate) async fn examine(database: &Database) -> Result<Findings, StoreError> {
    let (mut faults, mut twice, mut missing) = (Vec::new(), Vec::new(), 0);
    for collection in COLLECTIONS {
        let found = list(database, collection).await?;
        let Some(found) = found else {
            faults.push(format!("collection {collection} is missing"));
            missing += 1;
            continue;
        };
        for index in indexes().iter().filter(|index| index.collection == collection) {
            match found.iter().find(|known| known.get_str("name").is_ok_and(|name| name == index.name)) {
                None => {
                    faults.push(format!("index {} is missing{}", index.name, twin(&found, index)));
                    twice.extend(duplicates(database, index).await);
                }
                Some(known) => {
                    if let Some(fault) = differs(index, known) {
                        faults.push(format!("index {} {fault}", index.name));
                        twice.extend(duplicates(database, index).await);
                    }
                }
            }
        }
        for known in found {
            let name = known.get_str("name").unwrap_or("without a name");
            if known.contains_key("expireAfterSeconds") {
                faults.push(format!("index {name} on {collection} removes documents by age: drop it"));
            }
            // Ids are compared byte by byte; a collection with a collation of its own would not.
            if name == UNIQUE_INDEXES[0] && known.contains_key("collation") {
                faults.push(format!("collection {collection} has a collation of its own"));
            }
        }
    }
    Ok(Findings { faults, duplicates: twice, empty: missing == COLLECTIONS.len() })
}

/// The indexes of a collection; `None` where there is no collection.
async fn list(database: &Database, collection: &str) -> Result<Option<Vec<Document>>, StoreError> {
    /// `NamespaceNotFound`
    const NO_COLLECTION: i32 = 26;
    // The driver's own type of an index does not tell everything a server says of one.
    let command = doc! { "listIndexes": collection, "cursor": {} };
    let failed = |error| store_error(&format!("list the indexes of {collection}"), error);
    match database.run_cursor_command(command).await {
        Ok(cursor) => cursor.try_collect().await.map(Some).map_err(failed),
        Err(error) if code(&error) == Some(NO_COLLECTION) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn differs(index: &Index, known: &Document) -> Option<String> {
    let key = known.get_document("key").ok();
    if !key.is_some_and(|key| same_key(key, &index.key)) {
        return Some(format!("is over {}", key.map_or("something else".into(), Document::to_string)));
    }
    if known.get_bool("unique").unwrap_or(false) != index.unique {
        return Some(if index.unique { "is not unique".into() } else { "is unique".into() });
    }
    let partial = known.get_document("partialFilterExpression").ok();
    if partial != index.partial.as_ref() {
        return Some("is over other documents (partialFilterExpression)".into());
    }
    if known.get_bool("sparse").unwrap_or(false) != index.sparse {
        return Some(if index.sparse { "is not sparse".into() } else { "is sparse".into() });
    }
    ["collation", "hidden"]
        .into_iter()
        .find(|option| known.get(option).is_some_and(|value| *value != Bson::Boolean(false)))
        .map(|option| format!("has the option {option}"))
}

/// Servers give directions as they were given, as any type of number.
fn same_key(a: &Document, b: &Document) -> bool {
    let directions = |key: &Document| -> Vec<(String, bool)> {
        let number = |value: &Bson| match value {
            Bson::Int32(n) => Some(*n > 0),
            Bson::Int64(n) => Some(*n > 0),
            Bson::Double(n) => Some(*n > 0.0),
            _ => None,
        };
        key.iter().filter_map(|(name, value)| Some((name.clone(), number(value)?))).collect()
    };
    a.len() == b.len() && directions(a) == directions(b)
}

fn twin(found: &[Document], index: &Index) -> String {
    let same = |known: &&Document| known.get_document("key").is_ok_and(|key| same_key(key, &index.key));
    let name = found.iter().find(same).and_then(|known| known.get_str("name").ok());
    name.map_or(String::new(), |name| format!(" (there is {name} over the same fields: drop it)"))
}

async fn duplicates(database: &Database, index: &Index) -> Option<Duplicates> {
    if !index.unique {
        return None;
    }
    let count = held_twice(database, index).await.ok().filter(|count| *count > 0)?;
    let column = index.key.keys().next().cloned().unwrap_or_default();
    Some(Duplicates { column, values: count.unsigned_abs() })
}

/// How many values of a unique index are held more than once.
pub(super) async fn held_twice(database: &Database, index: &Index) -> Result<i64, StoreError> {
    let failed = |error| store_error(&format!("look for duplicates of {}", index.name), error);
    let Some(field) = index.key.keys().next() else { return Ok(0) };
    let pipeline = [
        doc! { "$match": { field: { "$exists": true } } },
        doc! { "$group": { "_id": format!("${field}"), "n": { "$sum": 1 } } },
        doc! { "$match": { "n": { "$gt": 1 } } },
        doc! { "$group": { "_id": Bson::Null, "n": { "$sum": 1 } } },
    ];
    let found = database.collection::<Document>(index.collection).aggregate(pipeline).await;
    let mut found = found.map_err(failed)?;
    let first = found.try_next().await.map_err(failed)?;
    Ok(first.and_then(|d| d.get_i64("n").ok().or_else(|| d.get_i32("n").ok().map(i64::from))).unwrap_or(0))
}
