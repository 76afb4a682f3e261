use clerk_sync_core::DeliveryStatus;
use clerk_sync_testkit::sample::NOW;
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Collection, IndexModel};

use super::server;
use crate::schema::{Index, indexes};
use crate::view::rivals;
use crate::{MongoStore, Options, query, take};

/// A question and the index that is to answer it.
struct Question {
    index: &'static str,
    filter: Document,
    sort: Document,
}

/// Every question whose cost must not grow with the number of users or deliveries, beside those by `_id`.
fn questions() -> Vec<Question> {
    let status = |status: DeliveryStatus| doc! { "status": status.as_str() };
    let keys = |field: &str| query::one_of(field, &["x", "y"].into());
    let (email, username) = (&rivals::EMAIL, &rivals::USERNAME);
    let by_received = |direction: i32| doc! { "received_at": direction, "_id": direction };
    [
        ("clerk_user_email_key", keys(email.held), doc! {}),
        ("clerk_user_username_key", keys(username.held), doc! {}),
        ("clerk_user_email_claim", keys(email.claimed), (email.rank)()),
        ("clerk_user_username_claim", keys(username.claimed), (username.rank)()),
        ("clerk_user_repair", query::due(take::REPAIRS.due, NOW), query::by_due(take::REPAIRS.due)),
        ("clerk_delivery_take", query::due(take::DELIVERIES.due, NOW), query::by_due(take::DELIVERIES.due)),
        ("clerk_user_repair", query::waits("repair_due_at"), doc! {}),
        ("clerk_user_deleted", query::waits("deleted_at"), doc! {}),
        ("clerk_user_unconfirmed", query::unconfirmed(NOW), doc! {}),
        ("clerk_delivery_status", status(DeliveryStatus::Dead), by_received(-1)),
        ("clerk_delivery_status", status(DeliveryStatus::Pending), by_received(1)),
        ("clerk_delivery_body", query::old_bodies(DeliveryStatus::Processed, NOW), by_received(1)),
    ]
    .map(|(index, filter, sort)| Question { index, filter, sort })
    .into()
}

fn index(name: &str) -> Index {
    indexes().into_iter().find(|index| index.name == name).unwrap()
}

/// A partial index serves only who repeats its condition, so each question must.
#[test]
fn every_question_repeats_the_condition_of_its_index() {
    for question in questions() {
        for (field, condition) in index(question.index).partial.unwrap_or_default() {
            let asked = question.filter.get_document(&field).unwrap();
            for (operator, value) in condition.as_document().unwrap() {
                assert_eq!(asked.get(operator), Some(value), "{}: {}", question.index, question.filter);
            }
        }
    }
}

/// The order asked for is the order of the index after what is asked for by value, forwards or backwards, so
/// that nothing is sorted.
#[test]
fn every_order_is_that_of_its_index() {
    for question in questions() {
        let key = index(question.index).key;
        let by_value = |field: &&String| match question.filter.get(field.as_str()) {
            Some(Bson::Document(operators)) => operators.contains_key("$eq"),
            Some(_) => true,
            None => false,
        };
        let fixed = key.keys().take_while(by_value).count();
        let first = key.keys().next().unwrap();
        assert!(question.filter.contains_key(first), "{}", question.index);
        let order = |document: &Document, turn: i32| -> Vec<(String, i32)> {
            document.iter().map(|(field, value)| (field.clone(), value.as_i32().unwrap() * turn)).collect()
        };
        let asked = order(&question.sort, 1);
        let ways = [1, -1].map(|turn| order(&key, turn)[fixed..].to_vec());
        assert!(ways.iter().any(|way| way.starts_with(&asked)), "{}: {}", question.index, question.sort);
    }
}

/// Every stage of a plan, and the indexes it uses.
fn stages(plan: &Document, found: &mut Vec<String>) {
    found.extend(["stage", "indexName"].iter().filter_map(|name| plan.get_str(name).ok().map(String::from)));
    if let Ok(inner) = plan.get_document("inputStage") {
        stages(inner, found);
    }
    for inner in plan.get_array("inputStages").into_iter().flatten().filter_map(Bson::as_document) {
        stages(inner, found);
    }
}

async fn explain(collection: &Collection<Document>, store: &MongoStore, find: Document) -> Vec<String> {
    let mut command = doc! { "find": collection.name() };
    command.extend(find);
    let explain = doc! { "explain": command, "verbosity": "queryPlanner" };
    let answer = store.database().run_command(explain).await.unwrap();
    let plan = answer.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap();
    let mut found = Vec::new();
    stages(plan, &mut found);
    found
}

/// The filter without the condition of a partial index; `None` where it is nothing else.
fn without_condition(filter: &Document, partial: Option<&Document>) -> Option<Document> {
    let mut filter = filter.clone();
    for (field, condition) in partial.into_iter().flatten() {
        let asked = filter.get_document_mut(field).unwrap();
        for operator in condition.as_document().unwrap().keys() {
            asked.remove(operator);
        }
        if asked.is_empty() {
            filter.remove(field);
        }
    }
    if filter.is_empty() { None } else { Some(filter) }
}

/// A planner picks the index that was meant. The test server never plans with a partial index whose condition is
/// that a field exists, so that one is put to the question without it, in a collection of its own; the test above
/// covers the condition. The others are asked of the store's own collections.
#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_planned_with_an_index() {
    let options = Options::default().database(format!("plans{}", std::process::id()));
    let store = MongoStore::connect(&server::shared(), options).await.unwrap();
    for (i, question) in questions().into_iter().enumerate() {
        let meant = index(question.index);
        let exists = meant.partial.as_ref().filter(|partial| partial.to_string().contains("$exists"));
        let Some(filter) = without_condition(&question.filter, exists) else { continue };
        let asked = match exists {
            None => store.collection(meant.collection),
            Some(_) => plain(&store, &format!("plain{i}"), &meant).await,
        };
        let find = doc! { "filter": filter, "sort": question.sort, "limit": 1 };
        let plan = explain(&asked, &store, find).await;
        assert!(plan.iter().any(|stage| stage == meant.name), "{}: {plan:?}", meant.name);
        assert!(plan.iter().all(|stage| stage != "COLLSCAN"), "{}: {plan:?}", meant.name);
    }
    let users = store.collection(crate::schema::USER);
    let by_id = explain(&users, &store, doc! { "filter": { "_id": "user_ada" } }).await;
    assert!(by_id.iter().any(|stage| stage == "_id_" || stage == "IDHACK"), "{by_id:?}");
}

/// A collection with the index over all its documents.
async fn plain(store: &MongoStore, name: &str, meant: &Index) -> Collection<Document> {
    let plain = store.database().collection::<Document>(name);
    let documents = (0..50_i64).map(|n| {
        let text = |field: &str| field == "status";
        let value = |field: &str| if text(field) { Bson::String(format!("{n}")) } else { n.into() };
        meant.key.keys().map(|field| (field.clone(), value(field))).collect::<Document>()
    });
    plain.insert_many(documents).await.unwrap();
    let named = mongodb::options::IndexOptions::builder().name(meant.name.to_owned()).build();
    let model = IndexModel::builder().keys(meant.key.clone()).options(named).build();
    plain.create_index(model).await.unwrap();
    plain
}
