//! Collections and indexes: what there has to be, made where it is missing, and verified.

mod verify;

use clerk_sync_core::StoreError;
use mongodb::bson::{Document, doc};
use mongodb::{Database, IndexModel, options::IndexOptions};

use crate::error::{code, is_duplicate_key, schema_error, store_error};
use crate::{Migrate, query};

pub(crate) const USER: &str = "clerk_user";
pub(crate) const DELIVERY: &str = "clerk_delivery";
pub(crate) const CLAIM: &str = "clerk_claim";
pub(crate) const META: &str = "clerk_meta";

/// The one document of `clerk_claim`.
pub(crate) const FIRST_ADMIN: &str = "first_admin";

const COLLECTIONS: [&str; 4] = [USER, DELIVERY, CLAIM, META];

/// What has to be unique, as fields and as the indexes that keep it so.
pub(crate) const UNIQUE_FIELDS: [&str; 3] = ["_id", "email_key", "username_key"];
pub(crate) const UNIQUE_INDEXES: [&str; 3] = ["_id_", "clerk_user_email_key", "clerk_user_username_key"];

/// An index as it has to be.
pub(crate) struct Index {
    pub(crate) collection: &'static str,
    pub(crate) name: &'static str,
    pub(crate) key: Document,
    pub(crate) unique: bool,
    /// Only documents that have the field are in it.
    pub(crate) sparse: bool,
    /// Only documents that meet this are in it. A query has to say the same again to be served by it.
    pub(crate) partial: Option<Document>,
}

impl Index {
    fn options(&self) -> IndexOptions {
        let mut options = IndexOptions::default();
        options.name = Some(self.name.into());
        options.unique = self.unique.then_some(true);
        options.sparse = self.sparse.then_some(true);
        options.partial_filter_expression = self.partial.clone();
        options
    }
}

/// Every index there has to be.
///
/// A unique index over a field that may be missing would let one document be without it, so the unique ones
/// are sparse. The two of claims are over everybody: whoever claims nothing costs an entry there, and a question
/// has no condition to repeat. None expires anything: a tombstone or the id of a delivery that went by age would
/// bring the dead back to life.
pub(crate) fn indexes() -> Vec<Index> {
    let text = |field: &str| Some(doc! { field: { "$type": "string" } });
    let there = |field: &str| Some(doc! { field: { "$exists": true } });
    let time = |field: &str| Some(query::waits(field));
    let index = |collection, name, key, partial| Index {
        collection,
        name,
        key,
        unique: false,
        sparse: false,
        partial,
    };
    let user = |name, key, partial| index(USER, name, key, partial);
    let delivery = |name, key, partial| index(DELIVERY, name, key, partial);
    let unique =
        |name, field: &str| Index { unique: true, sparse: true, ..user(name, doc! { field: 1 }, None) };
    vec![
        unique("clerk_user_email_key", "email_key"),
        unique("clerk_user_username_key", "username_key"),
        // Each is the order of claims, so that the highest one to a key is its first entry.
        user("clerk_user_email_claim", query::email_rank(), None),
        user("clerk_user_username_claim", query::username_rank(), None),
        user("clerk_user_repair", doc! { "repair_due_at": 1, "_id": 1 }, time("repair_due_at")),
        user("clerk_user_unconfirmed", doc! { "unconfirmed_since": 1 }, time("unconfirmed_since")),
        user("clerk_user_deleted", doc! { "deleted_at": 1 }, time("deleted_at")),
        delivery("clerk_delivery_take", doc! { "take_at": 1, "_id": 1 }, time("take_at")),
        delivery("clerk_delivery_received", doc! { "received_at": -1, "_id": -1 }, None),
        delivery("clerk_delivery_status", doc! { "status": 1, "received_at": 1, "_id": 1 }, None),
        delivery("clerk_delivery_user", doc! { "user_id": 1, "received_at": 1, "_id": 1 }, text("user_id")),
        delivery("clerk_delivery_type", doc! { "event_type": 1, "received_at": 1, "_id": 1 }, None),
        delivery("clerk_delivery_body", doc! { "status": 1, "received_at": 1, "_id": 1 }, there("body")),
    ]
}

/// Makes what is missing, if it may, and refuses a database that is other than it has to be.
pub(crate) async fn prepare(database: &Database, migrate: Migrate) -> Result<(), StoreError> {
    if migrate == Migrate::Apply {
        create(database).await?;
    }
    verify::verify(database).await
}

pub(crate) use verify::{Findings, examine};

/// Makes collections and indexes that are missing; any number of replicas may do so at once.
async fn create(database: &Database) -> Result<(), StoreError> {
    /// `NamespaceExists`
    const EXISTS: i32 = 48;
    let present = database.list_collection_names().await;
    let present = present.map_err(|error| store_error("list the collections", error))?;
    for name in COLLECTIONS.into_iter().filter(|name| !present.iter().any(|known| known == name)) {
        match database.create_collection(name).await {
            Err(error) if code(&error) != Some(EXISTS) => {
                return Err(store_error(&format!("create the collection {name}"), error));
            }
            _ => {}
        }
    }
    for index in indexes() {
        let model = IndexModel::builder().keys(index.key.clone()).options(index.options()).build();
        let created = database.collection::<Document>(index.collection).create_index(model).await;
        if let Err(error) = created {
            return Err(refused(database, &index, error).await);
        }
    }
    Ok(())
}

/// Why an index could not be made, in words that help.
async fn refused(database: &Database, index: &Index, error: mongodb::error::Error) -> StoreError {
    /// `CannotCreateIndex`, `IndexOptionsConflict`, `IndexKeySpecsConflict`
    const OTHERWISE: [i32; 3] = [67, 85, 86];
    let Index { collection, name, .. } = index;
    if is_duplicate_key(&error) {
        return match verify::held_twice(database, index).await {
            Ok(count) => schema_error(format!(
                "index {name} cannot be made: {count} values of {collection} are held more than once"
            )),
            Err(error) => error,
        };
    }
    if code(&error).is_some_and(|code| OTHERWISE.contains(&code)) {
        let found = verify::verify(database).await.err();
        return found.unwrap_or_else(|| store_error(&format!("create the index {name}"), error));
    }
    store_error(&format!("create the index {name}"), error)
}
