//! `PgBouncer` in transaction mode.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{Change, Commit};
use clerk_sync_postgres::{Options, PostgresStore};
use clerk_sync_testkit::conformance;
use clerk_sync_testkit::conformance::Tested;
use clerk_sync_testkit::sample::{at, dirty, holding_email, next, record, user_id};
use futures_util::StreamExt;

use super::{client, database, server};

const MISSING: &str = "PgBouncer was not found; install it: apt-get install -y pgbouncer";

/// A pooler in front of one database, ended with the test.
struct Pooler {
    process: Child,
    url: String,
}

impl Pooler {
    /// Three connections to the server for whoever comes.
    async fn start(database: &str) -> Self {
        let server = server().await;
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
        let program = program.into_iter().find(|path| Path::new(path).exists()).expect(MISSING);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let name = database.rsplit('/').next().unwrap();
        let directory = server.directory().display();
        let settings = format!(
            "[databases]\n{name} = host={directory} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = 3\nmax_client_conn = 200\nlogfile = /dev/null\n"
        );
        let file = server.directory().join(format!("{name}.ini"));
        std::fs::write(&file, settings).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        // As the server's watcher does: the shell ends the pooler once we are gone, however that happens.
        let script = format!(
            "trap '' INT TERM HUP; '{program}' -q '{}' & cat; kill -KILL $!; rm -f '{}'",
            file.display(),
            file.display()
        );
        let mut command = server.as_server("/bin/sh");
        command.args(["-c", &script]).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("a shell");
        let pooler = Self { process, url: format!("postgres://postgres@127.0.0.1:{port}/{name}") };
        // It says nothing when it is ready.
        for _ in 0..200 {
            if tokio_postgres::connect(&pooler.url, tokio_postgres::NoTls).await.is_ok() {
                return pooler;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("PgBouncer does not answer");
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.process.stdin = None;
        let _ = self.process.wait();
    }
}

fn options() -> Options {
    Options::default().transaction_pooler(true).prepared_statements(false)
}

async fn make() -> (Tested, Pooler) {
    let pooler = Pooler::start(&database("template").await).await;
    (Arc::new(PostgresStore::connect(&pooler.url, options()).await.unwrap()), pooler)
}

/// What is most at risk when each transaction may have another connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_through_a_pooler() {
    macro_rules! cases {
        ($($module:ident :: $case:ident),* $(,)?) => {
            $({
                let (store, _pooler) = make().await;
                conformance::$module::$case(store).await;
            })*
        };
    }
    cases![
        commit::all_or_nothing,
        commit::update_at_another_revision_is_stale,
        uniqueness::rotate_among_three,
        uniqueness::hand_over_from_a_buried_record,
        view::keys_held_and_claimed_apart,
        view::many_claimants_stay_bounded,
        deliveries::newest_first_by_status,
        leases::concurrent_takers_never_get_the_same_repair,
        leases::concurrent_takers_never_get_the_same_delivery,
        concurrency::one_of_many_updates_wins,
        concurrency::one_first_admin_among_a_hundred,
        concurrency::a_view_is_one_moment,
        round_trip::every_field_of_a_record,
        round_trip::every_field_of_a_delivery,
        backlog::of_deliveries,
    ];
}

/// Limits and durability are set in each transaction, whatever the connection was told by others.
#[tokio::test]
async fn settings_go_with_the_transaction() {
    let pooler = Pooler::start(&database("template").await).await;
    let store = PostgresStore::connect(&pooler.url, options()).await.unwrap();
    let stranger = client(&pooler.url).await;
    stranger.batch_execute("SET lock_timeout = '1h'; SET synchronous_commit = off").await.unwrap();
    let ada = record("ada");
    store.commit(vec![Change::Insert(ada.clone())]).await.unwrap();
    let app = client(&server().await.url(pooler.url.rsplit('/').next().unwrap())).await;
    app.batch_execute("BEGIN; SELECT FROM clerk_sync.clerk_user FOR UPDATE").await.unwrap();
    let update = Change::Update { record: next(ada.clone()), expected: ada.rev };
    // The stranger's limit would be an hour.
    assert_eq!(store.commit(vec![update]).await.unwrap(), Commit::Stale);
}

/// A pooler cannot be listened through, so there is another way for that.
#[tokio::test]
async fn changes_are_heard_beside_the_pooler() {
    let url = database("template").await;
    let pooler = Pooler::start(&url).await;
    let store = PostgresStore::connect(&pooler.url, options().listen_url(&url)).await.unwrap();
    let mut changes = store.changes().await;
    let ada = dirty(holding_email(record("ada"), "ada@x.test"), at(0));
    store.commit(vec![Change::Insert(ada)]).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(20), changes.next()).await.unwrap();
    assert_eq!(heard, Some(user_id("ada")));
    store.ping().await.unwrap();
}
