//! A wire between two parties that can be cut, slowed down, or made to swallow what goes over it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to what goes over a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It arrives.
    Open,
    /// Connections are broken off and new ones refused.
    Cut,
    /// Nothing arrives and nobody is told; new connections are made and stay silent.
    BlackHole,
    /// Requests arrive, and with the first byte of an answer the connection breaks off.
    ReplyLost,
    /// Everything towards the far end takes this much longer.
    Slow(Duration),
}

/// A running wire.
pub(crate) struct Wire {
    address: SocketAddr,
    condition: Arc<watch::Sender<Condition>>,
    task: tokio::task::JoinHandle<()>,
}

impl Wire {
    /// Lays a wire to `target`, `host:port`.
    pub(crate) async fn lay(target: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let condition = Arc::new(watch::channel(Condition::Open).0);
        let task = tokio::spawn(serve(listener, address, target, Arc::clone(&condition)));
        Ok(Self { address, condition, task })
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn set(&self, condition: Condition) {
        self.condition.send_replace(condition);
    }

    pub(crate) fn cut(&self) {
        self.set(Condition::Cut);
    }

    pub(crate) fn mend(&self) {
        self.set(Condition::Open);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    target: String,
    condition: Arc<watch::Sender<Condition>>,
) {
    let mut listener = Some(listener);
    let mut changes = condition.subscribe();
    loop {
        if *changes.borrow_and_update() == Condition::Cut {
            // Without a listener the system itself refuses.
            listener = None;
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        }
        let open = match listener.take() {
            Some(open) => open,
            None => match TcpListener::bind(address).await {
                Ok(open) => open,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a wire cannot be mended");
                    return;
                }
            },
        };
        let accepted = tokio::select! {
            accepted = open.accept() => accepted.ok(),
            changed = changes.changed() => if changed.is_err() { return } else { None },
        };
        listener = Some(open);
        if let Some((near, _)) = accepted {
            let (target, condition) = (target.clone(), condition.subscribe());
            tokio::spawn(async move {
                // However it ends, both parties see it for themselves.
                let _ = pass(near, &target, condition).await;
            });
        }
    }
}

async fn pass(near: TcpStream, target: &str, condition: watch::Receiver<Condition>) -> Result<()> {
    let far = TcpStream::connect(target).await.context("the far end cannot be reached")?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    tokio::select! {
        asked = carry(&mut near_in, &mut far_out, condition.clone(), true) => asked,
        answered = carry(&mut far_in, &mut near_out, condition, false) => answered,
    }
}

/// Carries bytes one way until an end closes or the wire is cut.
async fn carry(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut condition: watch::Receiver<Condition>,
    towards_far: bool,
) -> Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read?,
            _ = condition.wait_for(|now| *now == Condition::Cut) => return Ok(()),
        };
        // What fell into the hole comes out when it closes, as TCP's own retries would bring it.
        let now = *condition.wait_for(|now| *now != Condition::BlackHole).await?;
        match now {
            _ if read == 0 => return Ok(()),
            Condition::Cut => return Ok(()),
            Condition::ReplyLost if !towards_far => return Ok(()),
            Condition::Slow(delay) if towards_far => tokio::time::sleep(delay).await,
            _ => {}
        }
        to.write_all(&buffer[..read]).await?;
    }
}
