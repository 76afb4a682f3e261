//! A wire between the server and its database that can be cut: connections are broken off and new ones refused
//! an answer until it is mended.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A running wire.
pub(crate) struct Wire {
    address: String,
    cut: Arc<watch::Sender<bool>>,
    task: tokio::task::JoinHandle<()>,
}

impl Wire {
    /// Lays a wire to `target`, `host:port`.
    pub(crate) async fn lay(target: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let cut = Arc::new(watch::channel(false).0);
        let sender = Arc::clone(&cut);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (target, mut cut) = (target.clone(), sender.subscribe());
                tokio::spawn(async move {
                    // Whoever connects while it is cut is hung up on.
                    if *cut.borrow() {
                        return;
                    }
                    let passed = pass(near, &target);
                    tokio::select! {
                        _ = passed => {}
                        _ = cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Ok(Self { address, cut, task })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub(crate) fn mend(&self) {
        self.cut.send_replace(false);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut near: TcpStream, target: &str) -> Result<()> {
    let mut far = TcpStream::connect(target).await.context("the database cannot be reached")?;
    tokio::io::copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}
