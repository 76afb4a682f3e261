//! Many first users at once, each from its fact to its commit.

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Commit, Entry, Fact, Profile, Role, RolePolicy, Snapshot, Subject, Via, decide};
use clerk_sync_testkit::sample::{NOW, user_id};

use super::{open, patient};

const USERS: usize = 100;

/// However the races fall, everybody is stored in the end, one of them as administrator.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_first_users_make_one_administrator() {
    let store = open(patient()).await;
    let users: Vec<_> = (0..USERS)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move {
                let snapshot = Snapshot {
                    id: user_id(&format!("u{i}")),
                    version: Some(NOW),
                    profile: Profile { first_name: Some(format!("name {i}")), ..Profile::default() },
                    last_sign_in_at: None,
                };
                let fact = Fact::Snapshot { snapshot, via: Via::Webhook };
                let subject = Subject::of(Some(&fact), None);
                for look in 1.. {
                    let view = store.view(&subject).await.unwrap();
                    let decision = decide(&view, &fact, NOW, &RolePolicy::FirstUserAdmin);
                    if store.commit(decision.changes).await.unwrap() == Commit::Done {
                        return look;
                    }
                }
                unreachable!()
            })
        })
        .collect();
    let mut most = 0;
    for user in users {
        most = most.max(user.await.unwrap());
    }
    let entries = store.entries(None, 1_000).await.unwrap();
    assert_eq!(entries.len(), USERS);
    let admins: Vec<_> = entries
        .iter()
        .filter_map(Entry::live)
        .filter(|record| record.role == Some(Role::admin()))
        .map(|record| record.id.clone())
        .collect();
    assert_eq!(admins.len(), 1);
    let none = Subject { id: None, email_keys: vec![], username_keys: vec![], delivery: None };
    assert_eq!(store.view(&none).await.unwrap().first_admin.as_ref(), admins.first());
    // The engine looks five times at most.
    assert!(most <= 5, "somebody had to look {most} times");
}
