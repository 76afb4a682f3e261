//! Figures, for whoever asks for them:
//! `cargo test --release -p clerk-sync-postgres -- --ignored --nocapture figures`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clerk_sync_core::port::Store;
use clerk_sync_core::{Change, Commit, Revision, Subject};
use clerk_sync_postgres::{Options, PostgresStore};
use clerk_sync_testkit::sample::{delivery, holding_email, holding_username, record, user_id};

use super::cluster::Cluster;

const USERS: usize = 10_000;

fn user(i: usize) -> clerk_sync_core::Record {
    let name = format!("u{:06}", i % USERS);
    holding_username(holding_email(record(&name), &format!("{name}@x.test")), &name)
}

/// How often `work` is done in a second by `at_once` tasks; it is told its number, each once.
async fn rate<F: Future<Output = ()> + Send>(
    at_once: usize,
    work: impl Fn(usize) -> F + Send + Sync + 'static,
) -> f64 {
    let (count, work) = (Arc::new(AtomicUsize::new(0)), Arc::new(work));
    let start = Instant::now();
    let tasks: Vec<_> = (0..at_once)
        .map(|_| {
            let (count, work) = (count.clone(), work.clone());
            tokio::spawn(async move {
                while start.elapsed() < Duration::from_secs(3) {
                    work(count.fetch_add(1, Ordering::Relaxed)).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

/// A webhook as the engine commits it: a new content for a user, and the delivery. 2 KiB, durable.
fn webhook(i: usize) -> Vec<Change> {
    let mut record = user(i);
    record.rev = Revision((i / USERS) as u64 + 2);
    let mut delivery = delivery(&format!("{i}"));
    delivery.body = Some("x".repeat(2_000));
    let expected = Revision(record.rev.0 - 1);
    vec![Change::Update { record, expected }, Change::Log { delivery, expected: None }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "figures, not a test"]
async fn figures() {
    let cluster = Cluster::start("-c fsync=on -c full_page_writes=on");
    let patient = |options: Options| options.wait_timeout(Duration::from_secs(20));
    for (name, options) in [
        ("prepared", Options::default()),
        ("prepared, 32 connections", Options::default().connections(32)),
        ("unprepared", Options::default().prepared_statements(false)),
        ("as behind a pooler", Options::default().prepared_statements(false).transaction_pooler(true)),
    ] {
        let schema = format!("m{}", name.len());
        let options = patient(options.schema(schema));
        let store = Arc::new(PostgresStore::connect(&cluster.url("postgres"), options).await.unwrap());
        for some in (0..USERS).collect::<Vec<_>>().chunks(1_000) {
            store.commit(some.iter().map(|i| Change::Insert(user(*i))).collect()).await.unwrap();
        }
        let (reader, viewer, writer) = (store.clone(), store.clone(), store.clone());
        let reads = rate(64, move |i| {
            let store = reader.clone();
            async move { assert!(store.record(&user_id(&format!("u{:06}", i % USERS))).await.unwrap().is_some()) }
        });
        let reads = reads.await;
        let views = rate(64, move |i| {
            let (store, user) = (viewer.clone(), user(i));
            let subject = Subject {
                id: Some(user.id.clone()),
                email_keys: vec![user.email_key().unwrap().into()],
                username_keys: vec![user.username_key().unwrap().into()],
                delivery: Some(delivery("none").id),
            };
            async move { assert!(store.view(&subject).await.unwrap().entry.is_some()) }
        });
        let views = views.await;
        let stale = Arc::new(AtomicUsize::new(0));
        let lost = stale.clone();
        let commits = rate(128, move |i| {
            let (store, lost) = (writer.clone(), lost.clone());
            async move {
                if store.commit(webhook(i)).await.unwrap() == Commit::Stale {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let commits = commits.await;
        let stale = stale.load(Ordering::Relaxed);
        println!("{name}: {reads:.0} reads/s, {views:.0} views/s, {commits:.0} commits/s ({stale} stale)");
    }
}
