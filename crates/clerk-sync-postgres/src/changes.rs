//! Commits of all replicas, as they are told by NOTIFY.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use clerk_sync_core::UserId;
use futures_util::future::{Either, select};
use futures_util::{Stream, stream};
use tokio::time::{sleep, timeout};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connection::Server;

/// How long to wait before connecting again: doubled each time, from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How long connecting and LISTEN may take.
const PATIENCE: Duration = Duration::from_secs(5);

type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
type Driver = tokio_postgres::Connection<Socket, TlsStream>;

/// Where to listen, and to what.
#[derive(Clone)]
pub(crate) struct Listener {
    server: Server,
    channel: String,
}

/// The connection has ended, or never began; why is of no use to anybody who only waits.
struct Lost;

/// A connection that listens, and what it has heard meanwhile.
struct Line {
    // Kept, since the connection ends when it is dropped.
    _client: Client,
    driver: Box<Driver>,
    heard: VecDeque<UserId>,
}

struct Listening {
    listener: Listener,
    line: Option<Line>,
    pause: Duration,
}

impl Listener {
    pub(crate) fn new(server: Server, channel: String) -> Self {
        Self { server, channel }
    }

    /// All changes from now on, for as long as the stream is polled.
    pub(crate) async fn changes(&self) -> impl Stream<Item = UserId> + Send + Unpin + use<> {
        let line = self.listen().await;
        let listening = Listening { listener: self.clone(), line, pause: FIRST_PAUSE };
        Box::pin(stream::unfold(listening, |mut listening| async {
            let id = listening.next().await;
            Some((id, listening))
        }))
    }

    /// Connects and listens, or not.
    async fn listen(&self) -> Option<Line> {
        timeout(PATIENCE, self.try_listen()).await.ok()?.ok()
    }

    async fn try_listen(&self) -> Result<Line, Lost> {
        let connect = self.server.config.connect(self.server.tls.clone());
        let (client, driver) = connect.await.map_err(|_| Lost)?;
        let mut line = (Box::new(driver), VecDeque::new());
        {
            let command = format!("LISTEN \"{}\"", self.channel);
            let mut listen = pin!(client.batch_execute(&command));
            // Nobody else drives the connection, so it is driven while its answer is awaited.
            loop {
                match select(listen.as_mut(), pin!(hear(&mut line.0))).await {
                    Either::Left((answer, _)) => break answer.map_err(|_| Lost)?,
                    Either::Right((heard, _)) => line.1.extend(heard?),
                }
            }
        }
        Ok(Line { _client: client, driver: line.0, heard: line.1 })
    }
}

impl Listening {
    async fn next(&mut self) -> UserId {
        loop {
            let Some(line) = &mut self.line else {
                sleep(self.pause).await;
                self.pause = self.pause.saturating_mul(2).min(LAST_PAUSE);
                self.line = self.listener.listen().await;
                continue;
            };
            if let Some(id) = line.heard.pop_front() {
                self.pause = FIRST_PAUSE;
                return id;
            }
            match hear(&mut line.driver).await {
                Ok(heard) => line.heard.extend(heard),
                Err(_) => self.line = None,
            }
        }
    }
}

/// The next thing the server says: a user, or something else.
async fn hear(driver: &mut Driver) -> Result<Option<UserId>, Lost> {
    match poll_fn(|context| driver.poll_message(context)).await {
        Some(Ok(AsyncMessage::Notification(told))) => Ok(UserId::parse(told.payload()).ok()),
        Some(Ok(_)) => Ok(None),
        Some(Err(_)) | None => Err(Lost),
    }
}
