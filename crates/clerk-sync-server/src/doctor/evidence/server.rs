use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::bounded;

/// How long the server has for its figures; it is on this machine.
const FIGURES_TIME: Duration = Duration::from_secs(3);
/// The largest page of figures read, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// What a running server counts, as it shows it at `/metrics`.
#[derive(Debug, Default)]
pub(in crate::doctor) struct Figures(String);

impl Figures {
    pub(super) fn read(page: &str) -> Option<Self> {
        page.contains("\nclerk_sync_").then(|| Self(page.to_owned()))
    }

    /// The value of a series, labels and all.
    pub(in crate::doctor) fn value(&self, series: &str) -> Option<f64> {
        let rest = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        rest.trim().parse().ok()
    }
}

/// The figures of the server that listens where these settings say, if one does.
pub(super) async fn figures(listen: SocketAddr) -> Option<Figures> {
    let mut here = listen;
    if here.ip().is_unspecified() {
        here.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let client = reqwest::Client::builder().no_proxy().timeout(FIGURES_TIME).build().ok()?;
    let answer = client.get(format!("http://{here}/metrics")).send().await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    let page = bounded(answer, MAX_BYTES).await.ok()?;
    Figures::read(&String::from_utf8_lossy(&page))
}
