//! Many at once, on connections and stores of their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clerk_sync_core::port::Store;
use clerk_sync_core::{
    Change, Commit, Entry, Fact, Profile, Record, RolePolicy, Snapshot, StoreErrorKind, Subject, UserId, Via,
    decide,
};
use clerk_sync_postgres::{Options, PostgresStore};
use clerk_sync_testkit::sample::{NOW, delivery, holding_email, next, record, user_id};
use tokio::sync::Barrier;

use super::{client, database, open};

/// Looks, decides and commits until nobody was faster, as the engine does.
async fn sign_up(store: &PostgresStore, id: UserId) {
    let profile = Profile { first_name: Some("Ada".into()), ..Profile::default() };
    let snapshot = Snapshot { id: id.clone(), version: Some(NOW), profile, last_sign_in_at: None };
    let fact = Fact::Snapshot { snapshot, via: Via::Webhook };
    loop {
        let view = store.view(&Subject::of(Some(&fact), None)).await.unwrap();
        let decision = decide(&view, &fact, NOW, &RolePolicy::FirstUserAdmin);
        if store.commit(decision.changes).await.unwrap() == Commit::Done {
            return;
        }
    }
}

/// A hundred first users on four replicas, all of whom would be called Ada: one administrator, a name each.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_first_users_are_one_administrator() {
    let url = database("template").await;
    let mut stores = Vec::new();
    for _ in 0..4 {
        // Nobody is turned away while the server is busy with everybody.
        let patient = Options::default().connections(8).wait_timeout(Duration::from_secs(20));
        stores.push(Arc::new(PostgresStore::connect(&url, patient).await.unwrap()));
    }
    let start = Arc::new(Barrier::new(100));
    let all: Vec<_> = (0..100)
        .map(|i| {
            let (store, start) = (stores[i % 4].clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                sign_up(&store, user_id(&format!("u{i:020}"))).await;
            })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
    let count = "SELECT count(*), count(*) FILTER (WHERE role = 'admin'), count(DISTINCT username)
      FROM clerk_sync.users";
    let row = client(&url).await.query_one(count, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2)), (100_i64, 1_i64, 100_i64));
}

/// Two users pass an address to and fro, each commit naming them in another order: nobody waits in a circle,
/// and one of the two is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hand_overs_in_opposite_orders_do_not_lock_each_other() {
    let (store, url) = open(Options::default()).await;
    let other = Arc::new(PostgresStore::connect(&url, Options::default()).await.unwrap());
    let store = Arc::new(store);
    let mut pair = [holding_email(record("ada"), "x@x.test"), record("bob")];
    store.commit(pair.iter().cloned().map(Change::Insert).collect()).await.unwrap();
    for _ in 0..200 {
        let mut after = [next(pair[0].clone()), next(pair[1].clone())];
        let [ada, bob] = &mut after;
        std::mem::swap(&mut ada.email, &mut bob.email);
        let change = |i: usize| Change::Update { record: after[i].clone(), expected: pair[i].rev };
        let (forth, back) = (vec![change(0), change(1)], vec![change(1), change(0)]);
        let (a, b) = tokio::join!(
            tokio::spawn({
                let store = store.clone();
                async move { store.commit(forth).await }
            }),
            tokio::spawn({
                let other = other.clone();
                async move { other.commit(back).await }
            })
        );
        let mut answers = [a.unwrap().unwrap(), b.unwrap().unwrap()];
        answers.sort_by_key(|answer| *answer == Commit::Stale);
        assert_eq!(answers, [Commit::Done, Commit::Stale]);
        pair = after;
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(client(&url).await.query_one(deadlocks, &[]).await.unwrap().get::<_, i64>(0), 0);
}

/// Somebody else's transaction locks in another order: the server ends one of the two, and ours is stale or done.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deadlock_is_stale() {
    let (store, url) = open(Options::default().lock_timeout(Duration::from_secs(20))).await;
    let [ada, bob] = [record("ada"), record("bob")];
    store.commit([&ada, &bob].map(|user| Change::Insert(user.clone())).to_vec()).await.unwrap();
    let app = client(&url).await;
    // Ours is the one that looks for deadlocks.
    app.batch_execute("SET deadlock_timeout = '1h'; BEGIN").await.unwrap();
    app.batch_execute("UPDATE clerk_sync.clerk_user SET phone = '1' WHERE id = 'user_bob'").await.unwrap();
    let write = |user: &Record| Change::Update { record: next(user.clone()), expected: user.rev };
    let ours = tokio::spawn({
        let changes = vec![write(&ada), write(&bob)];
        async move { (store.commit(changes).await, store) }
    });
    let watcher = client(&url).await;
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while watcher.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    app.batch_execute("UPDATE clerk_sync.clerk_user SET phone = '1' WHERE id = 'user_ada'; COMMIT")
        .await
        .unwrap();
    let (answer, store) = ours.await.unwrap();
    assert_eq!(answer.unwrap(), Commit::Stale);
    assert_eq!(store.commit(vec![write(&ada), write(&bob)]).await.unwrap(), Commit::Done);
}

/// A row somebody holds too long is a race lost; an app that only points at it does not keep us waiting.
#[tokio::test]
async fn a_lock_held_too_long_is_stale() {
    let (store, url) = open(Options::default().lock_timeout(Duration::from_millis(100))).await;
    let ada = record("ada");
    store.commit(vec![Change::Insert(ada.clone())]).await.unwrap();
    let app = client(&url).await;
    let post = "CREATE TABLE post (author text REFERENCES clerk_sync.clerk_user (id))";
    app.batch_execute(post).await.unwrap();
    app.batch_execute("BEGIN; INSERT INTO post VALUES ('user_ada')").await.unwrap();
    let write = |user: &Record| Change::Update { record: next(user.clone()), expected: user.rev };
    assert_eq!(store.commit(vec![write(&ada)]).await.unwrap(), Commit::Done);
    app.batch_execute("COMMIT; BEGIN; SELECT FROM clerk_sync.clerk_user FOR UPDATE").await.unwrap();
    let ada = next(ada);
    assert_eq!(store.commit(vec![write(&ada)]).await.unwrap(), Commit::Stale);
    app.batch_execute("COMMIT").await.unwrap();
    assert_eq!(store.commit(vec![write(&ada)]).await.unwrap(), Commit::Done);
    // Once somebody points at a user, a deletion is still possible: the row stays.
    let tombstone = clerk_sync_testkit::sample::tombstone("ada");
    let bury = Change::Bury { tombstone: tombstone.clone(), expected: Some(next(ada).rev) };
    assert_eq!(store.commit(vec![bury]).await.unwrap(), Commit::Done);
    assert_eq!(store.record(&tombstone.id).await.unwrap(), Some(Entry::Gone(tombstone)));
}

/// Who goes away in the middle of a commit leaves nothing behind: no lock, no open transaction.
#[tokio::test]
async fn a_commit_that_is_dropped_is_undone() {
    let (store, url) = open(Options::default().connections(1)).await;
    let ada = record("ada");
    store.commit(vec![Change::Insert(ada.clone())]).await.unwrap();
    let app = client(&url).await;
    app.batch_execute("BEGIN; SELECT FROM clerk_sync.clerk_user FOR UPDATE").await.unwrap();
    let log = Change::Log { delivery: delivery("1"), expected: None };
    let update = Change::Update { record: next(ada.clone()), expected: ada.rev };
    let watcher = client(&url).await;
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    tokio::select! {
        answer = store.commit(vec![log, update.clone()]) => panic!("{answer:?}"),
        () = async {
            while watcher.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    app.batch_execute("COMMIT").await.unwrap();
    // The only connection is a new one, and finds the record unlocked and as it was.
    assert_eq!(store.commit(vec![update]).await.unwrap(), Commit::Done);
    let idle = "SELECT count(*) FROM pg_stat_activity
      WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(watcher.query_one(idle, &[]).await.unwrap().get::<_, i64>(0), 0);
    let logged = "SELECT count(*) FROM clerk_sync.clerk_delivery";
    assert_eq!(watcher.query_one(logged, &[]).await.unwrap().get::<_, i64>(0), 0);
}

/// When all connections are in use, who comes is told so at once, and not put into a queue without end.
#[tokio::test]
async fn an_exhausted_pool_says_so_within_a_second() {
    let (store, url) = open(Options::default().connections(1)).await;
    let store = Arc::new(store);
    let ada = record("ada");
    store.commit(vec![Change::Insert(ada.clone())]).await.unwrap();
    let app = client(&url).await;
    app.batch_execute("BEGIN; SELECT FROM clerk_sync.clerk_user FOR UPDATE").await.unwrap();
    let update = Change::Update { record: next(ada.clone()), expected: ada.rev };
    let held = tokio::spawn({
        let store = store.clone();
        async move { store.commit(vec![update]).await }
    });
    let watcher = client(&url).await;
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while watcher.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    let error = store.commit(vec![Change::Insert(record("bob"))]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    // Reads have connections of their own.
    assert!(store.record(&ada.id).await.unwrap().is_some());
    app.batch_execute("COMMIT").await.unwrap();
    assert_eq!(held.await.unwrap().unwrap(), Commit::Done);
}
