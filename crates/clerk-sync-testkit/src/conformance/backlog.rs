//! What operators ask.

use clerk_sync_core::port::Backlog;
use clerk_sync_core::{Change, Delivery, DeliveryStatus, Entry, Health, Source, UserId};

use super::{Tested, bury, done, insert_all};
use crate::sample::{NOW, at, delivery, dirty, record, tombstone, user_id};

async fn backlog(store: &Tested) -> Backlog {
    store.backlog(NOW).await.expect("a backlog")
}

/// Nothing waits in an empty store.
pub async fn of_nothing(store: Tested) {
    assert_eq!(backlog(&store).await, Backlog::default());
}

/// Deliveries by status, and since when the oldest waits: by when it was received, not when it is due.
pub async fn of_deliveries(store: Tested) {
    let counts = [
        (DeliveryStatus::Pending, 1, 40),
        (DeliveryStatus::Failed, 2, 30),
        (DeliveryStatus::Dead, 3, 20),
        (DeliveryStatus::Processed, 4, 10),
    ];
    for (status, count, ms) in counts {
        for i in 0..count {
            let name = format!("{}_{i}", status.as_str());
            let delivery =
                Delivery { status, received_at: at(ms + i), due_at: Some(at(-i)), ..delivery(&name) };
            done(&store, [Change::Log { delivery, expected: None }]).await;
        }
    }
    let expected =
        Backlog { pending: 1, failed: 2, dead: 3, oldest_unprocessed: Some(at(30)), ..Backlog::default() };
    assert_eq!(backlog(&store).await, expected);
}

/// Users and dirty records; the deleted are neither.
pub async fn of_records(store: Tested) {
    insert_all(&store, &[record("a"), dirty(record("b"), at(9)), dirty(record("c"), NOW)]).await;
    done(&store, [bury(tombstone("d"), None), bury(tombstone("c"), Some(record("c").rev))]).await;
    let expected = Backlog { users: 2, dirty: 1, oldest_repair: Some(at(9)), ..Backlog::default() };
    assert_eq!(backlog(&store).await, expected);
    insert_all(&store, &[dirty(record("e"), at(7))]).await;
    assert_eq!(backlog(&store).await.oldest_repair, Some(at(7)));
}

/// Made just in time, before the moment, and no webhook yet.
pub async fn unconfirmed_are_made_just_in_time(store: Tested) {
    for source in Source::ALL {
        for (ms, webhook_at) in [(-1, None), (0, None), (-1, Some(NOW))] {
            let mut user = record(&format!("{}_{}_{}", source.as_str(), ms + 1, webhook_at.is_some()));
            user.source = source;
            user.recorded_at = at(ms);
            user.webhook_at = webhook_at;
            insert_all(&store, &[user]).await;
        }
    }
    // One look-up and one by claims.
    let before = backlog(&store).await;
    assert_eq!((before.unconfirmed, before.newest_unconfirmed), (2, Some(at(-1))));
    let after = store.backlog(at(1)).await.expect("a backlog");
    assert_eq!((after.unconfirmed, after.newest_unconfirmed), (4, Some(NOW)));
}

async fn page_through(store: &Tested, limit: u32, mut between: impl AsyncFnMut()) -> Vec<UserId> {
    let mut seen: Vec<UserId> = Vec::new();
    loop {
        let page = store.entries(seen.last(), limit).await.expect("a page");
        assert!(page.len() <= limit as usize);
        if page.is_empty() {
            return seen;
        }
        seen.extend(page.into_iter().map(|entry| match entry {
            Entry::Live(record) => record.id,
            Entry::Gone(tombstone) => tombstone.id,
        }));
        between().await;
    }
}

/// Page by page every entry is seen once, in the order of ids as bytes, the deleted too.
pub async fn entries_page_by_page(store: Tested) {
    let mut names: Vec<String> = (0..23).map(|i| format!("u{i}")).collect();
    names.extend(["Z", "a", "_", "U5", "zz"].map(String::from));
    insert_all(&store, &names.iter().map(|name| record(name)).collect::<Vec<_>>()).await;
    done(&store, [bury(tombstone("u7"), Some(record("u7").rev))]).await;
    let mut expected: Vec<UserId> = names.iter().map(|name| user_id(name)).collect();
    expected.sort();
    for limit in [1, 5, 28, 1_000] {
        assert_eq!(page_through(&store, limit, async || ()).await, expected);
    }
}

/// What is there from the first page to the last is seen exactly once, whatever is written meanwhile.
pub async fn entries_while_writing(store: Tested) {
    let names: Vec<String> = (0..40).map(|i| format!("m{i:02}")).collect();
    insert_all(&store, &names.iter().map(|name| record(name)).collect::<Vec<_>>()).await;
    let mut round = 0;
    let seen = page_through(&store, 7, async || {
        round += 1;
        let (before, after) = (format!("a{round}"), format!("m{round:02}_"));
        insert_all(&store, &[record(&before), record(&after)]).await;
    })
    .await;
    let mut once = seen.clone();
    once.sort();
    once.dedup();
    assert_eq!(once, seen);
    for name in names {
        assert!(seen.contains(&user_id(&name)));
    }
}

/// No page has more than 1 000.
pub async fn pages_have_a_limit(store: Tested) {
    let names: Vec<String> = (0..1_001).map(|i| format!("u{i:04}")).collect();
    insert_all(&store, &names.iter().map(|name| record(name)).collect::<Vec<_>>()).await;
    let log = names.iter().map(|name| Change::Log { delivery: delivery(name), expected: None });
    done(&store, log.collect::<Vec<_>>()).await;
    assert_eq!(store.entries(None, u32::MAX).await.expect("a page").len(), 1_000);
    assert_eq!(store.deliveries(None, u32::MAX).await.expect("a page").len(), 1_000);
    assert_eq!(store.entries(Some(&user_id("u0999")), u32::MAX).await.expect("a page").len(), 1);
    assert!(store.entries(None, 0).await.expect("a page").is_empty());
}

/// A store that works says so.
pub async fn ping_answers(store: Tested) {
    store.ping().await.expect("an answer");
}

/// A store that was just made is as it needs to be. How durable it is depends on the server of the test.
pub async fn a_new_store_is_healthy(store: Tested) {
    let health = store.health().await.expect("an answer");
    assert_eq!(Health { not_durable: Vec::new(), now: None, ..health }, Health::default());
}
