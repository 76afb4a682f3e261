//! Many at once.

use std::sync::Arc;

use clerk_sync_core::{Change, Commit, Entry, Record, Revision, Subject};
use tokio::sync::Barrier;

use super::{Tested, about, commit, insert_all, stored, view, write};
use crate::sample::{at, holding_email, next, record, user_id};

const MANY: usize = 100;

/// Commits what `changes` gives for 0 to 99 at the same time; the answers in that order.
async fn at_once(store: &Tested, changes: impl Fn(usize) -> Vec<Change>) -> Vec<Commit> {
    let start = Arc::new(Barrier::new(MANY));
    let tasks: Vec<_> = (0..MANY)
        .map(|i| {
            let (store, start, changes) = (store.clone(), start.clone(), changes(i));
            tokio::spawn(async move {
                start.wait().await;
                commit(&store, changes).await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("a commit"));
    }
    answers
}

/// The place of the one commit that was done.
fn the_winner(answers: &[Commit]) -> usize {
    let winners: Vec<usize> =
        answers.iter().enumerate().filter(|(_, answer)| **answer == Commit::Done).map(|(i, _)| i).collect();
    assert_eq!(winners.len(), 1, "commits done: {winners:?}");
    winners[0]
}

fn named(mut record: Record, i: usize) -> Record {
    record.profile.first_name = Some(format!("name {i}"));
    record
}

/// One of many inserts of one user is done, and that one is stored.
pub async fn one_of_many_inserts_wins(store: Tested) {
    let answers = at_once(&store, |i| vec![Change::Insert(named(record("ada"), i))]).await;
    let expected = named(record("ada"), the_winner(&answers));
    assert_eq!(stored(&store, &expected.id).await, Some(Entry::Live(expected)));
}

/// One of many updates from one revision is done, and that one is stored.
pub async fn one_of_many_updates_wins(store: Tested) {
    insert_all(&store, &[record("ada")]).await;
    let answers = at_once(&store, |i| vec![write(&named(record("ada"), i))]).await;
    let expected = next(named(record("ada"), the_winner(&answers)));
    assert_eq!(stored(&store, &expected.id).await, Some(Entry::Live(expected)));
}

/// One of many users gets an address nobody held.
pub async fn one_of_many_holders_wins(store: Tested) {
    let user = |i| holding_email(record(&format!("u{i}")), "x@x.test");
    let answers = at_once(&store, |i| vec![Change::Insert(user(i))]).await;
    let winner = user(the_winner(&answers));
    let entries = store.entries(None, 1_000).await.expect("entries");
    assert_eq!(entries, [Entry::Live(winner)]);
}

/// Of a hundred first users exactly one becomes the administrator, and only its record is stored.
pub async fn one_first_admin_among_a_hundred(store: Tested) {
    let user = |i| record(&format!("u{i}"));
    let first = |i| vec![Change::Insert(user(i)), Change::ClaimFirstAdmin(user(i).id)];
    let winner = user(the_winner(&at_once(&store, first).await));
    assert_eq!(view(&store, &about(&user_id("none"))).await.first_admin, Some(winner.id.clone()));
    assert_eq!(store.entries(None, 1_000).await.expect("entries"), [Entry::Live(winner)]);
}

/// What does not clash is all done.
pub async fn every_insert_of_many_is_kept(store: Tested) {
    let answers = at_once(&store, |i| vec![Change::Insert(record(&format!("u{i:03}")))]).await;
    assert!(answers.iter().all(|answer| *answer == Commit::Done));
    let entries = store.entries(None, 1_000).await.expect("entries");
    let expected: Vec<Entry> = (0..MANY).map(|i| Entry::Live(record(&format!("u{i:03}")))).collect();
    assert_eq!(entries, expected);
}

/// A view never mixes two commits: while an address goes to and fro between two records, exactly one holds
/// it in every picture, and both are at the same revision.
pub async fn a_view_is_one_moment(store: Tested) {
    let pair = |round: u64| {
        let with = |name: &str, holds: bool| {
            let mut record = holding_email(record(name), "x@x.test");
            record.rev = Revision(round + 1);
            if !holds {
                record.email = None;
            }
            record
        };
        [with("ada", round.is_multiple_of(2)), with("bob", !round.is_multiple_of(2))]
    };
    insert_all(&store, &pair(0)).await;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for round in 1..=200 {
                let changes = pair(round).map(|record| {
                    let expected = Revision(record.rev.0 - 1);
                    Change::Update { record, expected }
                });
                assert_eq!(commit(&store, changes).await, Commit::Done);
            }
        }
    });
    let subject = Subject { email_keys: vec!["x@x.test".into()], ..about(&user_id("ada")) };
    while !writer.is_finished() {
        let seen = view(&store, &subject).await;
        let ada = seen.entry.as_ref().and_then(Entry::live).expect("ada");
        assert_eq!(seen.rivals.len(), 1);
        assert_eq!(seen.rivals[0].rev, ada.rev);
        assert_ne!(seen.rivals[0].email.is_some(), ada.email.is_some());
        assert!(ada.changed_at < at(1));
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer");
}
