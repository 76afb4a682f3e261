use clerk_sync_core::{Change, Repair};
use clerk_sync_testkit::sample::{NOW, delivery, holding_email, next, record, tombstone};

use crate::commit::{plan, release};

fn update(name: &str) -> Change {
    Change::Update { record: next(record(name)), expected: record(name).rev }
}

fn log(name: &str) -> Change {
    Change::Log { delivery: delivery(name), expected: None }
}

fn count(changes: &[Change]) -> usize {
    plan(changes).unwrap().len()
}

/// Many deliveries at once, each a user and an entry of the log, are a handful of commands.
#[test]
fn a_round_is_few_commands() {
    let names: Vec<String> = (0..64).map(|i| format!("u{i}")).collect();
    let round = |change: fn(&str) -> Change| -> Vec<Change> {
        names.iter().flat_map(|name| [change(name), log(name)]).collect()
    };
    let insert = |name: &str| Change::Insert(record(name));
    let bury = |name: &str| Change::Bury { tombstone: tombstone(name), expected: Some(record(name).rev) };
    assert_eq!(count(&round(update)), 2);
    assert_eq!(count(&round(insert)), 2);
    let mixed: Vec<Change> = ["a", "b", "c"]
        .iter()
        .flat_map(|name| {
            let (old, new, gone) = (format!("{name}1"), format!("{name}2"), format!("{name}3"));
            [update(&old), log(&old), insert(&new), log(&new), bury(&gone), log(&gone)]
        })
        .collect();
    assert_eq!(count(&mixed), 3);
}

/// A user who is written twice is written in the order given.
#[test]
fn what_is_written_twice_stays_in_order() {
    let repair = Repair { due_at: NOW, attempts: 1 };
    let id = record("ada").id;
    let postpone = Change::PostponeRepair { id, expected: record("ada").rev, repair };
    let insert = |name: &str| Change::Insert(record(name));
    // Were ada's insert made with bob's, the repair would meet what it must not.
    assert_eq!(count(&[insert("bob"), postpone.clone(), insert("ada")]), 3);
    assert_eq!(count(&[insert("bob"), postpone, insert("cid")]), 2);
    assert_eq!(count(&[insert("bob"), update("bob"), insert("ada"), update("ada")]), 2);
}

/// Keys are released only where a record could be in another's way.
#[test]
fn keys_are_released_where_they_may_be_passed_on() {
    let takes = |name: &str| Change::Update {
        record: next(holding_email(record(name), &format!("{name}@x.test"))),
        expected: record(name).rev,
    };
    assert!(release(&[takes("ada"), log("1")]).is_none());
    assert!(release(&[update("ada"), update("bob")]).is_none());
    assert!(release(&[update("ada"), takes("bob")]).is_some());
}
