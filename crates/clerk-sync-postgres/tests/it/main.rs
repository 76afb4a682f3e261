//! The suite on a real server, and what is PostgreSQL's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod cluster;
mod corrupt;
mod health;
mod measure;
mod outage;
mod pooler;
mod races;
mod schema;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use clerk_sync_postgres::{Options, PostgresStore};
use clerk_sync_testkit::conformance::Tested;
use cluster::Cluster;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

mod suite {
    use super::make;

    clerk_sync_testkit::conformance!(make);
}

async fn make() -> (Tested, ()) {
    let (store, _) = open(Options::default()).await;
    (Arc::new(store), ())
}

/// The server all tests share that do not stop it.
async fn server() -> &'static Cluster {
    static SERVER: OnceCell<Cluster> = OnceCell::const_new();
    SERVER
        .get_or_init(async || {
            let cluster = Cluster::start("");
            let admin = client(&cluster.url("postgres")).await;
            admin.batch_execute("CREATE DATABASE template TEMPLATE template0").await.unwrap();
            drop(PostgresStore::connect(&cluster.url("template"), Options::default()).await.unwrap());
            cluster
        })
        .await
}

/// A new database on the shared server, a copy of `template`.
async fn database(template: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let cluster = server().await;
    let admin = client(&cluster.url("postgres")).await;
    admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
    cluster.url(&name)
}

/// An empty store, and where its database is.
async fn open(options: Options) -> (PostgresStore, String) {
    let url = database("template").await;
    (PostgresStore::connect(&url, options).await.unwrap(), url)
}

/// Another connection, as an app would have it.
async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
