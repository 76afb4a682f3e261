use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::*;

/// What comes back for this beginning of a request, and after how many seconds of the server's time.
async fn begin(words: &str) -> (String, u64) {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, Router::new(), std::future::pending(), Duration::ZERO));
    let started = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(words.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    server.abort();
    (answer, started.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn w40_headers_that_do_not_end_are_cut_off_after_ten_seconds() {
    let (answer, seconds) = begin("POST /webhooks/clerk HTTP/1.1\r\nhost: app.example.com\r\nx-slow: ").await;
    assert_eq!((answer.as_str(), seconds), ("", HEADER_TIME.as_secs()));
}

#[tokio::test(start_paused = true)]
async fn more_headers_than_anybody_needs_are_refused() {
    let many: String = (0..=HEADERS).map(|index| format!("x-{index}: 1\r\n")).collect();
    let (answer, _) = begin(&format!("GET / HTTP/1.1\r\n{many}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}
