//! TLS, as `sslmode` asks for it.

use std::net::TcpListener;
use std::path::PathBuf;

use clerk_sync_core::StoreErrorKind;
use clerk_sync_core::port::Inspect;
use clerk_sync_postgres::{Options, PostgresStore};

use super::client;
use super::cluster::Cluster;

const CERTIFICATE: &str = "[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost
";

/// A server with a certificate of its own for `localhost`; its port, and the certificate.
async fn with_tls() -> (Cluster, u16, PathBuf) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cluster = Cluster::start(&format!("-c listen_addresses=localhost -c port={port}"));
    let config = cluster.directory().join("openssl.cnf");
    std::fs::write(&config, CERTIFICATE).unwrap();
    let mut openssl = cluster.as_server("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-days", "2", "-keyout", "d/server.key", "-out", "d/server.crt", "-config"]).arg(&config);
    let output = openssl.output().expect("openssl was not found; install it: apt-get install -y openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Readable by whoever runs the tests; the folder of the database is not.
    let certificate = cluster.directory().join("root.crt");
    let copied = cluster.as_server("cp").arg("d/server.crt").arg(&certificate).status().unwrap();
    assert!(copied.success());
    let admin = client(&format!("postgres://postgres@localhost:{port}/postgres?sslmode=disable")).await;
    admin.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    (cluster, port, certificate)
}

#[tokio::test]
async fn tls_as_the_url_asks_for_it() {
    let (_cluster, port, certificate) = with_tls().await;
    let url = |host: &str, mode: &str| format!("postgres://postgres@{host}:{port}/postgres?sslmode={mode}");
    let in_tls = "SELECT count(*) FILTER (WHERE ssl) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
      WHERE application_name = 'clerk-sync'";
    let watcher = client(&url("localhost", "disable")).await;
    let trusting = || Options::default().root_certificates(&certificate);
    // The settings are read again some time after they were told to be.
    while PostgresStore::connect(&url("localhost", "require"), trusting()).await.is_err() {
        tokio::task::yield_now().await;
    }
    for (mode, options, is_in_tls) in [
        ("disable", Options::default(), false),
        ("prefer", Options::default(), true),
        ("require", trusting(), true),
    ] {
        let store = PostgresStore::connect(&url("localhost", mode), options).await.unwrap();
        store.ping().await.unwrap();
        // Connections of stores before this one may not have ended yet.
        while watcher.query_one(in_tls, &[]).await.unwrap().get::<_, bool>(0) != is_in_tls {
            tokio::task::yield_now().await;
        }
    }
    // Who is not known, or is called otherwise, is not talked to.
    for (host, options) in [("localhost", Options::default()), ("127.0.0.1", trusting())] {
        let error = PostgresStore::connect(&url(host, "require"), options).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    }
}
