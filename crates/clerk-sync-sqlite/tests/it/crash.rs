//! A process that dies at any moment has kept what it acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use clerk_sync_core::Change;
use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_sqlite::{Options, SqliteStore};
use clerk_sync_testkit::sample::{delivery, record};

const DATABASE: &str = "CLERK_SYNC_CRASH_DATABASE";
const ROUNDS: usize = 10;

/// The child: commits as fast as it can, eight at once, and prints what was acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let store = Arc::new(SqliteStore::open(path, Options::default()).unwrap());
    let round = std::process::id();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let store = store.clone();
            tokio::spawn(async move {
                for i in 0..100_000 {
                    let name = format!("{round}_{worker}_{i}");
                    let log = Change::Log { delivery: delivery(&name), expected: None };
                    store.commit(vec![Change::Insert(record(&name)), log]).await.unwrap();
                    // Past the harness, which would keep it to itself until the end.
                    writeln!(std::io::stdout(), "ack {name}").unwrap();
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn acknowledged_commits_survive_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
            .env(DATABASE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Where in its work the child then is depends on the moment, and that is the point.
        let acks = 1 + round * 37;
        let mut seen = 0;
        for line in lines.by_ref() {
            let line = line.unwrap();
            let Some((_, name)) = line.split_once("ack ") else { continue };
            acknowledged.push(name.into());
            seen += 1;
            if seen == acks {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= acks, "the child ended by itself after {seen}");
    }
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    for name in &acknowledged {
        assert!(store.record(&record(name).id).await.unwrap().is_some(), "{name} is lost");
        assert!(store.delivery(&delivery(name).id).await.unwrap().is_some(), "{name} is lost");
    }
    // The last commits of a round may be there without having been acknowledged, but never by half.
    let connection = super::another(&store);
    let count = |table: &str| -> usize {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
    };
    assert_eq!(count("clerk_user"), count("clerk_delivery"));
    let check: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}
