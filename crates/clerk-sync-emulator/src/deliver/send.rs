//! One attempt over HTTP. Only loopback receivers are ever connected to.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;

/// As Clerk's deliveries introduce themselves.
const USER_AGENT: &str = "Svix-Webhooks/1.99.0 (sender-9YMgn; +https://www.svix.com/http-sender/)";

/// A webhook target that is not on this machine, or not an `http` URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("webhooks go to http://127.0.0.1, http://[::1] or http://localhost only, not to {url:?}")]
pub struct NotLoopback {
    url: String,
}

/// A receiver on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target(Uri);

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, NotLoopback> {
        let refused = || NotLoopback { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let host = uri.host().ok_or_else(refused)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = host.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        // Credentials in a URL would only hide where it leads.
        let plain =
            uri.scheme_str() == Some("http") && !uri.authority().is_some_and(|it| it.as_str().contains('@'));
        if loopback && plain { Ok(Self(uri)) } else { Err(refused()) }
    }

    pub(crate) fn url(&self) -> String {
        self.0.to_string()
    }
}

/// Resolves every name to loopback: whatever `localhost` is made to mean elsewhere, nothing leaves the machine.
#[derive(Clone, Debug)]
pub(super) struct LoopbackResolver;

impl tower::Service<Name> for LoopbackResolver {
    type Response = std::array::IntoIter<SocketAddr, 2>;
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        ready(Ok(addresses.map(|address| SocketAddr::new(address, 0)).into_iter()))
    }
}

/// What a receiver answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) abort: bool,
}

/// Sends over kept-alive connections; follows no redirect and no proxy setting.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    client: Client<HttpConnector<LoopbackResolver>, Full<Bytes>>,
    timeout: Duration,
}

impl Sender {
    pub(super) fn new(idle_connections: usize, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new_with_resolver(LoopbackResolver);
        connector.set_nodelay(true);
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(idle_connections).build(connector);
        Self { client, timeout }
    }

    /// `None` if there was no complete answer in time.
    pub(super) async fn send(
        &self,
        target: &Target,
        message_id: &str,
        timestamp_s: i64,
        signature: &str,
        body: Bytes,
    ) -> Option<Answer> {
        let request = Request::post(target.0.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, USER_AGENT)
            .header("svix-id", message_id)
            .header("svix-timestamp", timestamp_s)
            .header("svix-signature", signature)
            .body(Full::new(body))
            .ok()?;
        let exchange = async {
            let response = self.client.request(request).await.ok()?;
            let answer = answer(response.status().as_u16(), response.headers());
            // Read to the end, so that the connection can be used again; the text itself means nothing here.
            let mut body = response.into_body();
            while let Some(frame) = body.frame().await {
                frame.ok()?;
            }
            Some(answer)
        };
        tokio::time::timeout(self.timeout, exchange).await.ok().flatten()
    }
}

fn answer(status: u16, headers: &HeaderMap) -> Answer {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after =
        text("retry-after").and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
    Answer { status, retry_after, abort: text("webhook-delivery") == Some("abort-message") }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn only_loopback_is_a_target() {
        for url in [
            "http://127.0.0.1:80/x",
            "http://127.9.9.9/",
            "http://[::1]:8080/webhook",
            "http://LOCALHOST:3/a?b=c",
        ] {
            Target::parse(url).unwrap();
        }
        for url in [
            "http://example.com/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "http://127.0.0.1@example.com/",
            "http://example.com@127.0.0.1/",
            "http://0.0.0.0/",
            "https://127.0.0.1/",
            "/path",
            "",
        ] {
            Target::parse(url).unwrap_err();
        }
    }
}
