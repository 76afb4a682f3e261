//! What both talkers share: a client that goes nowhere but where it is sent, and bounded bodies.

use std::time::Duration;

use http::HeaderValue;
use url::Url;
use zeroize::Zeroizing;

use super::secret::SecretKey;

/// What servers see of us.
const USER_AGENT: &str = concat!("clerk-sync/", env!("CARGO_PKG_VERSION"));

/// Why a connection to Clerk cannot be set up: a matter of configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is none we would send a secret to.
    #[error("{name}: {problem}")]
    Address {
        /// Which address, by its setting's name.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The HTTP client could not be built, for want of root certificates for instance.
    #[error("the HTTP client could not be built")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The secret key cannot be put into a header.
    #[error("the secret key cannot be put into a header")]
    SecretKey,
}

/// Checks an address: `https`, or `http` where it is this machine or plain HTTP is allowed; no user, no
/// query, no fragment.
pub(super) fn address(name: &'static str, text: &str, allow_plain_http: bool) -> Result<Url, ConnectError> {
    let refuse = |problem| ConnectError::Address { name, problem };
    let url = Url::parse(text).map_err(|_| refuse("is no URL"))?;
    let local = match url.host() {
        Some(url::Host::Domain(host)) => host == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(refuse("has no host")),
    };
    match url.scheme() {
        "https" => {}
        "http" if local || allow_plain_http => {}
        "http" => return Err(refuse("is plain http; use https, or allow plain http for an emulator")),
        _ => return Err(refuse("is neither https nor http")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("carries a user or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("carries a query or fragment"));
    }
    Ok(url)
}

/// A client that follows no redirect (a secret would go with it) and takes no proxy from the environment.
pub(super) fn client(connect: Duration, attempt: Duration) -> Result<reqwest::Client, ConnectError> {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(connect)
        .timeout(attempt)
        .build()
        .map_err(|error| ConnectError::Client(error.into()))
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    CutOff,
}

/// The body of `response`, given up on as soon as it is over `limit` bytes.
pub(super) async fn bounded_body(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Vec<u8>, BodyError> {
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| BodyError::CutOff)? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The `Authorization` header that carries `secret_key`; it is never shown, not even by `Debug`.
pub(super) fn bearer(secret_key: &SecretKey) -> Result<HeaderValue, ConnectError> {
    let text = Zeroizing::new(format!("Bearer {}", secret_key.expose()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| ConnectError::SecretKey)?;
    value.set_sensitive(true);
    Ok(value)
}
