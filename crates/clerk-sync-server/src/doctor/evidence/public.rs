use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Url, redirect};
use serde::Deserialize;

use super::{Asked, bounded, server};

/// The largest answer read, in bytes; ours are far smaller.
const MAX_BYTES: usize = 16 << 10;
/// A token nobody could hold: it is refused for its parts, which real ones are not.
const NO_TOKEN: &str = "clerk-sync-doctor";
/// What a server counts when it gets that.
const REFUSED_PARTS: &str = "clerk_sync_sessions_refused_total{reason=\"parts\"}";

/// What the public address answers to an unsigned webhook.
#[derive(Debug)]
pub(in crate::doctor) struct Answer {
    pub(in crate::doctor) result: Result<Said, Unanswered>,
    pub(in crate::doctor) took: Duration,
}

/// An answer.
#[derive(Debug)]
pub(in crate::doctor) struct Said {
    pub(in crate::doctor) status: StatusCode,
    /// Where it redirects to.
    pub(in crate::doctor) location: Option<String>,
    /// The code of our own errors; `None`: somebody else has answered.
    pub(in crate::doctor) code: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::doctor) enum Unanswered {
    TooSlow,
    NoConnection,
    Broken,
}

/// Whether `Authorization` gets through to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::doctor) enum Forwarded {
    /// It does.
    Yes,
    /// The server answers as if there was none.
    No,
    /// Nothing tells: no token was given, and the server's figures cannot be read.
    Unseen,
    /// Somebody else answers at `/me`, or nobody.
    NotOurs,
}

fn client(time: Duration) -> Option<Client> {
    let none = redirect::Policy::none();
    Client::builder().redirect(none).no_proxy().timeout(time).build().ok()
}

fn at(url: &Url, path: &str) -> String {
    format!("{}{path}", url.as_str().trim_end_matches('/'))
}

/// Sends a webhook without a signature: ours are answered 400 and leave nothing behind.
pub(super) async fn webhook(url: &Url, time: Duration) -> Answer {
    let start = Instant::now();
    let result = match client(time) {
        Some(client) => {
            let request = client.post(at(url, "/webhooks/clerk")).header(CONTENT_TYPE, "application/json");
            said(request.body("{}")).await
        }
        None => Err(Unanswered::Broken),
    };
    Answer { result, took: start.elapsed() }
}

async fn said(request: reqwest::RequestBuilder) -> Result<Said, Unanswered> {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
    }
    let broken = |error: reqwest::Error| match error {
        error if error.is_timeout() => Unanswered::TooSlow,
        error if error.is_connect() => Unanswered::NoConnection,
        _ => Unanswered::Broken,
    };
    let answer = request.send().await.map_err(broken)?;
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let is_problem = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/problem+json"));
    let (status, location) = (answer.status(), header(LOCATION));
    let body = bounded(answer, MAX_BYTES).await.map_err(broken)?;
    let code = serde_json::from_slice::<Problem>(&body).ok().filter(|_| is_problem);
    Ok(Said { status, location, code: code.map(|problem| problem.code) })
}

/// Asks `/me` with a token: with the one given the answer tells; with one that cannot hold, the reason the
/// server counts.
pub(super) async fn authorization(url: &Url, asked: &Asked, listen: Option<SocketAddr>) -> Forwarded {
    let Some(client) = client(asked.answer_time) else { return Forwarded::Unseen };
    let counted = async || {
        let figures = server::figures(listen?).await?;
        Some(figures.value(REFUSED_PARTS).unwrap_or(0.0))
    };
    let before = counted().await;
    let token = asked.token.as_deref().unwrap_or(NO_TOKEN);
    let Ok(said) = said(client.get(at(url, "/me")).bearer_auth(token)).await else {
        return Forwarded::NotOurs;
    };
    let refused = said.status == StatusCode::UNAUTHORIZED && said.code.as_deref() == Some("unauthenticated");
    if !refused {
        let ours = said.status.is_success() || said.code.is_some();
        // Anything but a refusal means that the token was seen.
        return if ours { Forwarded::Yes } else { Forwarded::NotOurs };
    }
    if asked.token.is_some() {
        return Forwarded::No;
    }
    match (before, counted().await) {
        (Some(before), Some(after)) if after > before => Forwarded::Yes,
        (Some(_), Some(_)) => Forwarded::No,
        _ => Forwarded::Unseen,
    }
}
