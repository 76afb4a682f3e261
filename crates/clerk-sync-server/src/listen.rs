//! Accepts connections, with limits, and drains them at the end.

mod pace;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use self::pace::{Paced, Requests};

/// How long a client may take to send the headers of a request: of the first from the start, of a later one from their
/// first byte on.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long a connection may be kept without another request; longer than proxies keep theirs, which is 60 s with most.
const IDLE_TIME: Duration = Duration::from_secs(75);
/// Headers of a request, in bytes and in number.
const HEADER_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;
/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 8_192;

/// Binds, so that the port is known before anything is served.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another with CLERK_SYNC_LISTEN or --listen")
    })
}

/// Serves until `until` resolves, then lets requests under way end, at most for `drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    until: impl Future<Output = ()>,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    let mut until = std::pin::pin!(until);
    let accept = async |places: &std::sync::Arc<tokio::sync::Semaphore>| {
        let place = std::sync::Arc::clone(places).acquire_owned().await.ok()?;
        Some((listener.accept().await, place))
    };
    loop {
        let (accepted, place) = tokio::select! {
            accepted = accept(&places) => match accepted {
                Some(accepted) => accepted,
                None => break,
            },
            () = &mut until => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file handles, or the client left: not a reason to stop, and not one to spin.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a connection could not be accepted"
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Small answers must not wait for a full packet.
        let _ = stream.set_nodelay(true);
        let (app, requests) = (TowerToHyperService::new(app.clone()), Requests::default());
        let stream = Paced::new(stream, requests.clone(), HEADER_TIME);
        let service = service_fn(move |request| requests.clone().count(app.call(request)));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_TIME)
            .max_buf_size(HEADER_BYTES)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off is the client's business.
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => tracing::info!("every request has ended"),
        () = tokio::time::sleep(drain) => tracing::warn!(drain_s = drain.as_secs(), "requests were cut off"),
    }
}

/// Resolves when the program is told to stop: ctrl-c, or SIGTERM.
pub(crate) async fn told_to_stop() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

/// Resolves when standard input ends: whoever holds the other end is gone, however that came.
pub(crate) async fn input_ended() {
    let (ended, told) = tokio::sync::oneshot::channel();
    // A thread of its own: a read of the runtime's would have to end before the program can.
    std::thread::spawn(move || {
        // Broken is as good as ended.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    // A thread that is gone has nothing more to wait for.
    let _ = told.await;
}
