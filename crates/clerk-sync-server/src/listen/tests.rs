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
async fn a_proxy_may_keep_a_connection_for_a_minute_and_slow_headers_are_cut_off_on_it_as_well() {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, Router::new(), std::future::pending(), Duration::ZERO));
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: app.example.com\r\n\r\n").await.unwrap();
        let mut answer = [0; 512];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&answer));
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    let began = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nx-slow: ").await.unwrap();
    assert_eq!(stream.read(&mut [0; 512]).await.unwrap(), 0, "nothing is answered");
    assert_eq!(began.elapsed().as_secs(), HEADER_TIME.as_secs());
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_first_request_is_not_kept() {
    let (answer, seconds) = begin("").await;
    assert_eq!((answer.as_str(), seconds), ("", HEADER_TIME.as_secs()));
}

#[tokio::test(start_paused = true)]
async fn more_headers_than_anybody_needs_are_refused() {
    let many: String = (0..=HEADERS).map(|index| format!("x-{index}: 1\r\n")).collect();
    let (answer, _) = begin(&format!("GET / HTTP/1.1\r\n{many}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}
