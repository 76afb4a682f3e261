//! What operators look for, and what they have erased.

use clerk_sync_core::{
    Change, Delivery, DeliveryCursor, DeliveryFilter, DeliveryStatus, Entry, Source, UserFilter, UserId,
};

use super::{Tested, bury, done, insert_all};
use crate::sample::{at, claiming_email, delivery, dirty, holding_email, record, tombstone, user_id};

/// Deliveries of every status, of three types, about two users and nobody, two in each millisecond.
async fn log(store: &Tested, count: i64) -> Vec<Delivery> {
    let types = ["user.created", "user.updated", "session.created"];
    let users = [Some("ada"), Some("adam"), None];
    let mut all = Vec::new();
    for (i, status) in (0..count).zip(DeliveryStatus::ALL.into_iter().cycle()) {
        let index = usize::try_from(i).unwrap_or(0);
        let about = users.get(index / 2 % 3).copied().flatten();
        let delivery = Delivery {
            status,
            event_type: types.get(index % 3).copied().unwrap_or_default().to_owned(),
            user_id: about.map(user_id),
            received_at: at(i / 2),
            ..delivery(&format!("{i:03}"))
        };
        all.insert(0, delivery);
    }
    let changes = all.iter().cloned().map(|delivery| Change::Log { delivery, expected: None });
    done(store, changes.collect::<Vec<_>>()).await;
    all
}

fn filters() -> Vec<DeliveryFilter> {
    let any = DeliveryFilter::default;
    let mut filters = vec![
        any(),
        DeliveryFilter { event_type: Some("user.updated".into()), ..any() },
        DeliveryFilter { event_type: Some("user".into()), ..any() },
        DeliveryFilter { user_id: Some(user_id("ada")), ..any() },
        DeliveryFilter { user_id: Some(user_id("nobody")), ..any() },
        DeliveryFilter { received_from: Some(at(3)), ..any() },
        DeliveryFilter { received_before: Some(at(3)), ..any() },
        DeliveryFilter { received_from: Some(at(3)), received_before: Some(at(4)), ..any() },
    ];
    let by_status = DeliveryStatus::ALL.map(|status| DeliveryFilter { status: Some(status), ..any() });
    filters.extend(by_status);
    filters
}

async fn found(store: &Tested, filter: &DeliveryFilter) -> Vec<Delivery> {
    store.search_deliveries(filter, None, 1_000).await.expect("deliveries")
}

fn expected(all: &[Delivery], filter: &DeliveryFilter) -> Vec<Delivery> {
    all.iter().filter(|delivery| filter.matches(delivery)).cloned().collect()
}

/// Each filter by itself finds what meets it, newest first.
pub async fn deliveries_by_each_filter(store: Tested) {
    let all = log(&store, 24).await;
    for filter in filters() {
        assert_eq!(found(&store, &filter).await, expected(&all, &filter), "{filter:?}");
    }
}

/// Filters together find what meets all of them.
pub async fn deliveries_by_all_filters(store: Tested) {
    let all = log(&store, 48).await;
    let mut found_any = false;
    for one in filters() {
        for other in filters() {
            let filter = DeliveryFilter {
                status: one.status.or(other.status),
                event_type: one.event_type.clone().or(other.event_type),
                user_id: one.user_id.clone().or(other.user_id),
                received_from: one.received_from.or(other.received_from),
                received_before: one.received_before.or(other.received_before),
            };
            let deliveries = found(&store, &filter).await;
            assert_eq!(deliveries, expected(&all, &filter), "{filter:?}");
            found_any |= filter.status.is_some() && filter.user_id.is_some() && !deliveries.is_empty();
        }
    }
    assert!(found_any, "the filters of this case never meet");
}

/// Page by page each is seen once, those of one millisecond and those that come meanwhile included.
pub async fn deliveries_page_by_page(store: Tested) {
    let all = log(&store, 30).await;
    for filter in filters() {
        for limit in [1, 3, 1_000] {
            let mut seen: Vec<Delivery> = Vec::new();
            loop {
                let after = seen.last().map(DeliveryCursor::from);
                let page = store.search_deliveries(&filter, after.as_ref(), limit).await.expect("a page");
                if page.is_empty() {
                    break;
                }
                seen.extend(page);
            }
            assert_eq!(seen, expected(&all, &filter), "{filter:?} by {limit}");
        }
    }
    let newer = Delivery { received_at: at(1_000), ..delivery("newer") };
    let first = store.search_deliveries(&DeliveryFilter::default(), None, 5).await.expect("a page");
    done(&store, [Change::Log { delivery: newer, expected: None }]).await;
    let after = first.last().map(DeliveryCursor::from);
    let second =
        store.search_deliveries(&DeliveryFilter::default(), after.as_ref(), 5).await.expect("a page");
    assert_eq!(second, all[5..10]);
}

/// Live, dirty and deleted users of every source.
async fn fill(store: &Tested) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (i, source) in Source::ALL.into_iter().enumerate() {
        let mut user = holding_email(record(&format!("held{i}")), &format!("Ada{i}@x.test"));
        user.source = source;
        let mut soiled = dirty(claiming_email(record(&format!("soiled{i}")), "adam@x.test", at(0)), at(5));
        soiled.source = source;
        insert_all(store, &[user.clone(), soiled.clone()]).await;
        let mut gone = tombstone(&format!("gone{i}"));
        gone.source = source;
        done(store, [bury(gone.clone(), None)]).await;
        entries.extend([Entry::Live(user), Entry::Live(soiled), Entry::Gone(gone)]);
    }
    entries.sort_by_key(|entry| id(entry).clone());
    entries
}

fn id(entry: &Entry) -> &UserId {
    match entry {
        Entry::Live(record) => &record.id,
        Entry::Gone(tombstone) => &tombstone.id,
    }
}

fn user_filters() -> Vec<UserFilter> {
    let any = UserFilter::default;
    let mut filters = vec![any()];
    for yes in [true, false] {
        filters.push(UserFilter { deleted: Some(yes), ..any() });
        filters.push(UserFilter { dirty: Some(yes), ..any() });
        filters.push(UserFilter { dirty: Some(yes), deleted: Some(true), ..any() });
        filters.push(UserFilter { dirty: Some(yes), source: Some(Source::Claims), ..any() });
    }
    filters.extend(Source::ALL.map(|source| UserFilter { source: Some(source), ..any() }));
    filters
}

/// Each filter finds the entries that meet it, in the order of their ids.
pub async fn users_by_each_filter(store: Tested) {
    let all = fill(&store).await;
    for filter in user_filters() {
        let found = store.search_users(&filter, None, 1_000).await.expect("users");
        let expected: Vec<Entry> = all.iter().filter(|entry| filter.matches(entry)).cloned().collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

/// By how the claimed address begins, lower-cased, held or not; what could be a pattern means itself.
pub async fn users_by_email_prefix(store: Tested) {
    let all = fill(&store).await;
    insert_all(&store, &[holding_email(record("odd"), "100%_ÿ@x.test")]).await;
    let mut found_some = 0;
    for prefix in ["ada", "adam@", "ada0@x.test", "ada0@x.testing", "Ada", "", "b", "%", "_"] {
        let filter = UserFilter { email_prefix: Some(prefix.into()), ..UserFilter::default() };
        let found = store.search_users(&filter, None, 1_000).await.expect("users");
        let mut expected: Vec<Entry> = all.iter().filter(|entry| filter.matches(entry)).cloned().collect();
        if prefix.is_empty() {
            expected.retain(|entry| entry.live().is_some());
            assert_eq!(found.len(), expected.len() + 1, "{prefix:?}");
            continue;
        }
        found_some += found.len();
        assert_eq!(found, expected, "{prefix:?}");
    }
    assert!(found_some > 0, "no prefix of this case finds anybody");
    let filter = UserFilter { email_prefix: Some("100%_ÿ".into()), ..UserFilter::default() };
    assert_eq!(store.search_users(&filter, None, 9).await.expect("users").len(), 1);
}

/// Page by page each is seen once.
pub async fn users_page_by_page(store: Tested) {
    let all = fill(&store).await;
    for filter in user_filters() {
        let mut seen: Vec<Entry> = Vec::new();
        loop {
            let page = store.search_users(&filter, seen.last().map(id), 2).await.expect("a page");
            assert!(page.len() <= 2);
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        let expected: Vec<Entry> = all.iter().filter(|entry| filter.matches(entry)).cloned().collect();
        assert_eq!(seen, expected, "{filter:?}");
    }
}

async fn bodies(store: &Tested) -> Vec<String> {
    let all = store.deliveries(None, 1_000).await.expect("deliveries");
    let mut names: Vec<String> =
        all.iter().filter(|d| d.body.is_some()).map(|d| d.id.as_str().to_owned()).collect();
    names.sort();
    names
}

/// Bodies about the user go, and those about nobody that mention one of the texts; everything else stays, the
/// entries themselves too.
pub async fn erase_what_is_about_a_user(store: Tested) {
    let rows = [
        ("own", Some("ada"), "{}"),
        ("own_waits", Some("ada"), r#"{"data":1}"#),
        ("other", Some("adam"), r#"{"id":"user_ada","email":"a.b*@x.test"}"#),
        ("mentions_id", None, r#"{"user_id":"user_ada"}"#),
        ("mentions_email", None, r#"{"email":"a.b*@x.test"}"#),
        ("like_email", None, r#"{"email":"aXbbb@x.test"}"#),
        ("longer_id", None, r#"{"user_id":"user_adam"}"#),
        ("nothing", None, "{}"),
    ];
    for (name, about, body) in rows {
        let delivery = Delivery { user_id: about.map(user_id), body: Some(body.into()), ..delivery(name) };
        done(&store, [Change::Log { delivery, expected: None }]).await;
    }
    let before = store.deliveries(None, 1_000).await.expect("deliveries");
    let mentions = [r#""user_ada""#.to_owned(), r#""a.b*@x.test""#.to_owned()];
    let erased = store.erase_bodies(&user_id("ada"), &mentions, 1_000).await.expect("an answer");
    assert_eq!(erased, 4);
    assert_eq!(bodies(&store).await, ["msg_like_email", "msg_longer_id", "msg_nothing", "msg_other"]);
    let after = store.deliveries(None, 1_000).await.expect("deliveries");
    assert_eq!(after.len(), before.len());
    for (after, before) in after.into_iter().zip(before) {
        let body = after.body.clone();
        assert_eq!(after, Delivery { body, ..before });
    }
    let again = store.erase_bodies(&user_id("ada"), &mentions, 1_000).await.expect("an answer");
    assert_eq!(again, 0);
}

/// No more at a time than asked for, and nothing where no text is given.
pub async fn erase_no_more_than_asked_for(store: Tested) {
    for i in 0..5 {
        let own = Change::Log { delivery: delivery(&format!("own{i}")), expected: None };
        let nobody = Delivery { user_id: None, ..delivery(&format!("nobody{i}")) };
        done(&store, [own, Change::Log { delivery: nobody, expected: None }]).await;
    }
    for expected in [2, 2, 1, 0] {
        assert_eq!(store.erase_bodies(&user_id("ada"), &[], 2).await.expect("an answer"), expected);
    }
    assert_eq!(bodies(&store).await.len(), 5);
}
