//! What can only be seen from inside: query plans and planted faults.

mod faults;
mod plans;

#[path = "../tests/it/cluster.rs"]
#[allow(dead_code, reason = "not every test stops its server")]
mod cluster;

use std::sync::OnceLock;

use clerk_sync_core::StoreError;
use cluster::Cluster;

use crate::{Options, PostgresStore};

/// A store in a database of its own.
async fn store(name: &str, options: Options) -> Result<PostgresStore, StoreError> {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    let server = SERVER.get_or_init(|| Cluster::start(""));
    let url = server.url("postgres");
    let (admin, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.unwrap();
    drop(admin);
    connection.await.unwrap().unwrap();
    PostgresStore::connect(&server.url(name), options).await
}
