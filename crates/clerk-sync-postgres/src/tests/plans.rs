use clerk_sync_core::port::Store;
use clerk_sync_core::{Change, Delivery, DeliveryFilter, DeliveryStatus, Repair, UserFilter};
use clerk_sync_testkit::sample::{at, delivery, holding_email, holding_username, record, user_id};

use tokio_postgres::types::Type;

use crate::search::Search;
use crate::statement::Sql;
use crate::tests::store;
use crate::{Options, PostgresStore};

const USERS: i64 = 20_000;

/// How many copies of each are added, by SQL: a million users in all.
const COPIES: i64 = 49;

const COPY: &str = "
  CREATE UNLOGGED TABLE clerk_sync.more AS
    SELECT users.*, copy FROM clerk_sync.clerk_user AS users CROSS JOIN generate_series(1, COPIES) AS copy;
  UPDATE clerk_sync.more SET id = id || '_' || copy, email = copy || email, email_key = copy || email_key,
    email_claim = copy || email_claim, email_claim_key = copy || email_claim_key,
    username = copy || username, username_key = copy || username_key,
    username_claim = copy || username_claim, username_claim_key = copy || username_claim_key;
  ALTER TABLE clerk_sync.more DROP COLUMN copy;
  INSERT INTO clerk_sync.clerk_user SELECT * FROM clerk_sync.more;
  DROP TABLE clerk_sync.more";

/// Users who hold and claim, half of them dirty, and as many deliveries, a hundredth of them waiting.
async fn fill(store: &PostgresStore) {
    for some in (0..USERS).collect::<Vec<_>>().chunks(2_000) {
        let mut changes = Vec::new();
        for i in some.iter().copied() {
            let name = format!("u{i:06}");
            let mut user = holding_username(holding_email(record(&name), &format!("{name}@x.test")), &name);
            user.repair = (i % 2 == 0).then_some(Repair { due_at: at(i), attempts: 0 });
            changes.push(Change::Insert(user));
            let status = if i % 100 == 0 { DeliveryStatus::Pending } else { DeliveryStatus::Processed };
            let delivery = Delivery { status, received_at: at(i), ..delivery(&name) };
            changes.push(Change::Log { delivery, expected: None });
        }
        store.commit(changes).await.unwrap();
    }
    let connection = store.pool.get("analyze").await.unwrap();
    connection.batch("SET statement_timeout = 0; SET lock_timeout = 0").await.unwrap();
    connection.batch(&COPY.replace("COPIES", &COPIES.to_string())).await.unwrap();
    let users = connection.client().query_typed("SELECT count(*) FROM clerk_sync.clerk_user", &[]).await;
    assert_eq!(users.unwrap()[0].get::<_, i64>(0), 1_000_000);
    connection.batch("ANALYZE clerk_sync.clerk_user; ANALYZE clerk_sync.clerk_delivery").await.unwrap();
}

/// The plan PostgreSQL makes when it does not know the values, and when it does.
async fn plans(store: &PostgresStore, sql: &Sql, values: &str) -> [String; 2] {
    let connection = store.pool.get("explain").await.unwrap();
    let mut plans = [String::new(), String::new()];
    for (mode, plan) in ["force_generic_plan", "force_custom_plan"].into_iter().zip(&mut plans) {
        let types: Vec<String> = sql
            .types()
            .iter()
            .map(|ty| ty.to_string().replace("_text", "text[]").replace("_int8", "int8[]"))
            .collect();
        let prepare = format!("PREPARE plan ({}) AS {}", types.join(", "), sql.text());
        connection.batch(&format!("SET plan_cache_mode = {mode}; {prepare}")).await.unwrap();
        let explain = format!("EXPLAIN EXECUTE plan ({values})");
        for row in connection.client().query_typed(&explain, &[]).await.unwrap() {
            *plan += &row.get::<_, String>(0);
            *plan += "\n";
        }
        connection.batch("DEALLOCATE plan; RESET plan_cache_mode").await.unwrap();
    }
    plans
}

/// An id, and for the other parameters of a statement that writes a row NULL, or 1 where it may be compared.
fn row(id: &str, sql: &Sql) -> String {
    let rest = sql.types().iter().skip(1).map(|ty| if *ty == Type::INT8 { "1" } else { "NULL" });
    std::iter::once(format!("'{id}'")).chain(rest.map(String::from)).collect::<Vec<_>>().join(", ")
}

/// What operators look for, and the index that is meant.
fn searches(store: &PostgresStore) -> [(Sql, &'static str, [&'static str; 1]); 4] {
    const OF_USERS: &[Type] = &[Type::TEXT, Type::INT8];
    const OF_EACH: &[Type] = &[Type::TEXT_ARRAY, Type::INT8, Type::INT8];
    let any = DeliveryFilter::default;
    let sql = |search: &Search<'_>, types| Sql::new(&store.schema, &search.sql, types);
    let deliveries = |filter: DeliveryFilter, types| sql(&Search::for_deliveries(&filter, None, 100), types);
    [
        (
            sql(&Search::for_users(&UserFilter::default(), None, 100), OF_USERS),
            "'user_u000007', 100",
            ["clerk_user_pkey"],
        ),
        (deliveries(any(), OF_EACH), "ARRAY['pending', 'dead'], 100, 100", ["clerk_delivery_status"]),
        (
            deliveries(DeliveryFilter { user_id: Some(user_id("ada")), ..any() }, OF_USERS),
            "'user_eve', 100",
            ["clerk_delivery_user"],
        ),
        (
            deliveries(DeliveryFilter { event_type: Some("user.deleted".into()), ..any() }, OF_USERS),
            "'user.deleted', 100",
            ["clerk_delivery_type"],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_statements_use_an_index() {
    let store = store("plans", Options::default()).await.unwrap();
    fill(&store).await;
    let (reads, writes, looks) = (&store.reads, &store.writes, &store.looks);
    let ids = "ARRAY['user_u000007', 'user_u000008']";
    let emails = "ARRAY[1, 2], ARRAY['u000007@x.test', 'u000008@x.test']";
    let usernames = "ARRAY[1, 1, 2], ARRAY['u000007', 'u000008', 'u000009']";
    let period = "'2026-02-01', '2026-02-02', 10";
    let of_view = &[
        "clerk_user_pkey",
        "clerk_user_email_key",
        "clerk_user_email_claim",
        "clerk_user_username_key",
        "clerk_user_username_claim",
        "clerk_delivery_pkey",
    ][..];
    let hot = [
        (&reads.entry, "'user_u000007'".into(), &["clerk_user_pkey"][..]),
        (&reads.views, format!("{ids}, ARRAY['msg_u000007', NULL], {emails}, {usernames}"), of_view),
        (&writes.update, row("user_u000007", &writes.update), &["clerk_user_pkey"]),
        (&writes.lock, ids.into(), &["clerk_user_pkey"]),
        (&writes.release, ids.into(), &["clerk_user_pkey"]),
        (&writes.bury, row("user_u000007", &writes.bury), &["clerk_user_pkey"]),
        (&writes.log_again, row("msg_u000007", &writes.log_again), &["clerk_delivery_pkey"]),
        (&writes.postpone, row("user_u000007", &writes.postpone), &["clerk_user_pkey"]),
        (&writes.take_repairs, period.into(), &["clerk_user_repair", "clerk_user_pkey"]),
        (&writes.take_deliveries, period.into(), &["clerk_delivery_due", "clerk_delivery_pkey"]),
        (&writes.drop_bodies, "'processed', '2026-02-01', 10".into(), &["clerk_delivery_pkey"]),
        (&looks.delivery, "'msg_u000007'".into(), &["clerk_delivery_pkey"]),
    ];
    let searches = searches(&store);
    let searches = searches.iter().map(|(sql, values, index)| (sql, (*values).to_owned(), &index[..]));
    for (sql, values, indexes) in hot.into_iter().chain(searches) {
        for plan in plans(&store, sql, &values).await {
            assert!(!plan.contains("Seq Scan on clerk_"), "{plan}\n{}", sql.text());
            for index in indexes {
                assert!(plan.contains(index), "no {index} in {plan}\n{}", sql.text());
            }
        }
    }
}
