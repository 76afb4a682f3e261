use clerk_sync_core::{DeliveryCursor, DeliveryFilter, DeliveryStatus, UserFilter};
use clerk_sync_testkit::sample::{NOW, delivery, user_id};
use rusqlite::StatementStatus;

use crate::search::{delivery_search, user_search};
use crate::tests::store;
use crate::write::statements as write;
use crate::{Options, inspect, view};

/// Statements on the way of a request or of a worker: each finds its rows by an index, in the order it needs.
const HOT: &[&str] = &[
    view::ENTRY,
    view::EMAIL_RIVALS,
    view::USERNAME_RIVALS,
    view::FIRST_ADMIN,
    view::DELIVERY_STATE,
    view::NOTE,
    write::INSERT,
    write::UPDATE,
    write::RELEASE,
    write::BURY,
    write::BURY_NEW,
    write::CLAIM,
    write::LOG_NEW,
    write::LOG_AGAIN,
    write::NOTE_NEW,
    write::NOTE_AGAIN,
    write::POSTPONE,
    write::DUE_REPAIRS,
    write::LEASE_REPAIR,
    write::DUE_DELIVERIES,
    write::LEASE_DELIVERY,
    write::DROP_BODIES,
    write::ERASE_OWN,
    inspect::DELIVERY,
];

#[test]
fn hot_statements_use_an_index() {
    let store = store(Options::default());
    store
        .readers
        .with(|connection| {
            for sql in HOT {
                let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let mut rows = plan.raw_query();
                while let Some(row) = rows.next()? {
                    let step: String = row.get("detail")?;
                    let scans = step.starts_with("SCAN") && !step.starts_with("SCAN (subquery");
                    assert!(!scans && !step.contains("TEMP B-TREE"), "{step}\n{sql}");
                }
            }
            Ok(())
        })
        .unwrap();
}

/// The highest claim is the first entry of its index: there is nothing to sort.
#[test]
fn claims_are_sought_by_their_index() {
    let store = store(Options::default());
    for (sql, index) in [
        (view::EMAIL_RIVALS, "clerk_user_email_claim (email_claim_key=?)"),
        (view::USERNAME_RIVALS, "clerk_user_username_claim (username_claim_key=?)"),
        (write::DUE_REPAIRS, "clerk_user_repair (repair_due_at<?)"),
        (write::DUE_DELIVERIES, "clerk_delivery_due (due_at<?)"),
        (write::DROP_BODIES, "clerk_delivery_body (status=? AND received_at<?)"),
    ] {
        let plan = store.readers.with(|connection| {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let mut rows = plan.raw_query();
            let mut steps = String::new();
            while let Some(row) = rows.next()? {
                steps += &row.get::<_, String>("detail")?;
                steps += "\n";
            }
            Ok(steps)
        });
        let plan = plan.unwrap();
        assert!(plan.contains(index), "{plan}");
    }
}

/// A statement is planned once, whatever is bound to it later.
#[test]
fn statements_are_not_planned_again() {
    let store = store(Options::default());
    store
        .readers
        .with(|connection| {
            for sql in HOT {
                let mut statement = connection.prepare(sql)?;
                if !statement.readonly() {
                    continue;
                }
                for round in 0..3 {
                    statement.clear_bindings();
                    for parameter in 1..=statement.parameter_count() {
                        statement.raw_bind_parameter(parameter, round + parameter)?;
                    }
                    while statement.raw_query().next()?.is_some() {}
                }
                assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql}");
            }
            Ok(())
        })
        .unwrap();
}

/// What operators look for is found by the index of the most telling filter, in its order.
#[test]
fn searches_use_the_index_meant() {
    let store = store(Options::default());
    let any = DeliveryFilter::default;
    let cursor = DeliveryCursor::from(&delivery("1"));
    let (user, event_type) = (Some(user_id("ada")), Some("user.updated".to_owned()));
    let status = Some(DeliveryStatus::Dead);
    let searches = [
        ("clerk_delivery_status", any(), status),
        ("clerk_delivery_status", DeliveryFilter { received_from: Some(NOW), ..any() }, status),
        ("clerk_delivery_type", DeliveryFilter { event_type: event_type.clone(), ..any() }, None),
        ("clerk_delivery_type", DeliveryFilter { event_type: event_type.clone(), ..any() }, status),
        ("clerk_delivery_user", DeliveryFilter { user_id: user.clone(), ..any() }, None),
        ("clerk_delivery_user", DeliveryFilter { user_id: user, event_type, ..any() }, status),
    ];
    let mut statements: Vec<(&str, String)> = vec![];
    for (index, filter, status) in searches {
        for after in [None, Some(&cursor)] {
            statements.push((index, delivery_search(&filter, status, after, 9).sql));
        }
    }
    statements
        .push(("INDEX sqlite_autoindex_clerk_user_1", user_search(&UserFilter::default(), None, 9).sql));
    for (index, sql) in statements {
        let plan = store.readers.with(|connection| {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let mut rows = plan.raw_query();
            let mut steps = String::new();
            while let Some(row) = rows.next()? {
                steps += &row.get::<_, String>("detail")?;
            }
            Ok(steps)
        });
        let plan = plan.unwrap();
        assert!(
            plan.contains(index) && !plan.contains("TEMP B-TREE") && !plan.contains("SCAN"),
            "{plan}\n{sql}"
        );
    }
}
