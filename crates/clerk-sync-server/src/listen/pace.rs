//! How long a client may take to begin a request, and how long for its headers once it has begun.
//!
//! hyper has one limit for both. A proxy that keeps connections has to be the one that closes them: where the server
//! closes one at the moment a request is sent on it, somebody is answered 502. So hyper's limit is long, and the short
//! one is kept here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The requests of one connection, counted where their headers are complete and where their answers begin: odd while
/// one is being answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(Arc<AtomicU64>);

impl Requests {
    /// Counts a request for as long as `answer` takes.
    pub(super) async fn count<T>(self, answer: impl Future<Output = T>) -> T {
        self.0.fetch_add(1, Ordering::SeqCst);
        let answer = answer.await;
        self.0.fetch_add(1, Ordering::SeqCst);
        answer
    }
}

/// A connection that breaks off where the headers of a request take longer than a limit: those of the first from the
/// start, of any other from their first byte on.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    requests: Requests,
    limit: Duration,
    /// The end of the headers that have begun, and the count of requests at that time.
    begun: Option<(u64, Pin<Box<Sleep>>)>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, requests: Requests, limit: Duration) -> Self {
        let begun = Some((0, Box::pin(tokio::time::sleep(limit))));
        Self { stream, requests, limit, begun }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = self.requests.0.load(Ordering::SeqCst);
        if self.begun.as_ref().is_some_and(|(then, _)| *then != count) {
            self.begun = None;
        }
        if read.is_pending() {
            let late = self.begun.as_mut().is_some_and(|(_, end)| end.as_mut().poll(context).is_ready());
            return if late { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { Poll::Pending };
        }
        let is_idle = count.is_multiple_of(2);
        if is_idle && self.begun.is_none() && buffer.filled().len() > before {
            self.begun = Some((count, Box::pin(tokio::time::sleep(self.limit))));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
