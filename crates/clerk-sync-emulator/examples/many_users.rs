//! How long an emulator with many users takes to answer: `cargo run --release -p clerk-sync-emulator --example many_users`.

#![expect(clippy::print_stdout, reason = "its output is all it is for")]

use std::error::Error;
use std::time::Instant;

use clerk_sync_emulator::{Options, start};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::Duration;

const USERS: usize = 100_000;
const ROUNDS: usize = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clerk = start(Options { rate_limit: None, ..Options::default() }).await?;
    let before_kib = resident_kib();
    let started = Instant::now();
    let users = clerk.seed_users(USERS).await?;
    println!("{users} users in {:.2?}", started.elapsed());
    println!("{} MiB more resident", resident_kib().saturating_sub(before_kib) / 1_024);

    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let get = async |path: &str| -> Result<(bytes::Bytes, Duration), Box<dyn Error>> {
        let request = Request::get(format!("{}{path}", clerk.url()))
            .header("authorization", format!("Bearer {}", clerk.secret_key()))
            .body(Empty::new())?;
        let started = Instant::now();
        let body = client.request(request).await?.into_body().collect().await?.to_bytes();
        Ok((body, started.elapsed()))
    };
    let (page, _) = get("/v1/users?limit=500&offset=50000").await?;
    let page: serde_json::Value = serde_json::from_slice(&page)?;
    let (middle, last) = (&page[0]["id"], &page[499]["id"]);
    let middle = middle.as_str().unwrap_or_default();
    let hundred: String =
        (0..100).map(|n| format!("&user_id={}", page[n]["id"].as_str().unwrap_or_default())).collect();
    for path in [
        "/v1/users?limit=500".to_owned(),
        format!("/v1/users?limit=500&starting_after={}", last.as_str().unwrap_or_default()),
        "/v1/users?limit=500&offset=50000".to_owned(),
        "/v1/users?limit=500&offset=99500".to_owned(),
        "/v1/users?limit=500&order_by=-updated_at&offset=99500".to_owned(),
        "/v1/users?limit=500&order_by=email_address".to_owned(),
        "/v1/users?limit=500&order_by=last_sign_in_at&offset=99500".to_owned(),
        "/v1/users?limit=10&query=user99999".to_owned(),
        "/v1/users?limit=10&email_address=user77777@seed.example".to_owned(),
        format!("/v1/users?limit=100{hundred}"),
        format!("/v1/users/{middle}"),
        "/v1/users/count".to_owned(),
        "/v1/users/count?banned=true".to_owned(),
    ] {
        let mut times = Vec::with_capacity(ROUNDS);
        let mut bytes = 0;
        for _ in 0..ROUNDS {
            let (body, took) = get(&path).await?;
            bytes = body.len();
            times.push(took);
        }
        times.sort();
        let at = |share: usize| times.get(ROUNDS * share / 100).copied().unwrap_or_default();
        println!("best {:>9.2?}  median {:>9.2?}  {bytes:>8} bytes  {path:.70}", at(0), at(50));
    }
    clerk.shutdown().await;
    Ok(())
}

/// Memory of this process in KiB, 0 where the system does not say.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
