//! Many claims to many keys.

use clerk_sync_core::port::Store;
use clerk_sync_core::{Change, Commit, Record, Subject, View};
use clerk_sync_testkit::MemoryStore;
use clerk_sync_testkit::sample::{
    at, claiming_email, claiming_username, holding_email, holding_username, record, user_id,
};

use super::{open, patient};

/// How many claim each key, beside who holds it. An answer has room for three for each key asked for, so they end
/// in the middle of a key of which enough were seen, of one of which too few were, and at the end of one.
const CROWDS: [usize; 9] = [1, 10, 2, 14, 1, 0, 3, 3, 5];

fn key(of: usize) -> String {
    format!("k{of}")
}

fn address(of: usize) -> String {
    format!("{}@x.test", key(of))
}

fn records() -> Vec<Record> {
    let claims = CROWDS.iter().enumerate().flat_map(|(of, crowd)| {
        (0..*crowd).map(move |i| {
            // The order of their ids is not that of their claims.
            let version = at(i64::try_from(i * 7 % 5).unwrap());
            let claim = claiming_email(record(&format!("c{of}_{i:02}")), &address(of), version);
            claiming_username(claim, &key(of), version)
        })
    });
    // Every second key is held as well, by the highest claim.
    let holders = (0..CROWDS.len()).step_by(2).map(|of| {
        let mut holder = holding_email(record(&format!("h{of}")), &address(of));
        holder = holding_username(holder, &key(of));
        holder.version = Some(at(99));
        holder
    });
    claims.chain(holders).collect()
}

fn subject(name: &str, keys: impl Iterator<Item = usize> + Clone) -> Subject {
    Subject {
        id: Some(user_id(name)),
        email_keys: keys.clone().map(address).collect(),
        username_keys: keys.map(key).collect(),
        delivery: None,
    }
}

fn in_order(mut view: View) -> View {
    view.rivals.sort_by(|a, b| a.id.cmp(&b.id));
    view
}

/// Whatever the crowds at each key, everybody sees what the model of a store shows, together and alone.
#[tokio::test]
async fn crowds_hide_nobody() {
    let (store, model) = (open(patient()).await, MemoryStore::new());
    let changes: Vec<Change> = records().into_iter().map(Change::Insert).collect();
    assert_eq!(store.commit(changes.clone()).await.unwrap(), Commit::Done);
    assert_eq!(model.commit(changes).await.unwrap(), Commit::Done);
    let all = 0..CROWDS.len();
    let mut subjects = vec![subject("new", all.clone())];
    for from in all.clone() {
        subjects.push(subject("other", from..CROWDS.len()));
        subjects.push(subject("other", 0..from));
        subjects.push(subject("other", std::iter::once(from)));
    }
    subjects.extend(records().iter().map(|record| subject(record.id.suffix(), all.clone().step_by(3))));
    let seen = store.views(&subjects).await.unwrap();
    for (subject, seen) in subjects.iter().zip(seen) {
        let expected = in_order(model.view(subject).await.unwrap());
        assert_eq!(in_order(seen), expected, "{subject:?}");
        assert_eq!(in_order(store.view(subject).await.unwrap()), expected, "{subject:?}");
    }
}
