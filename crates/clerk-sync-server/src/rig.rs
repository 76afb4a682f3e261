//! An offline Clerk, the real program as a child process, and a browser of sorts: what `demo`, `bench` and
//! `torture` play on. Everything goes over real HTTP on loopback.

mod acks;
mod database;
mod gate;
mod sample;
mod server;
mod wire;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clerk_sync_emulator::{Emulator, Id, NewUser, Options};
use serde_json::Value;

pub(crate) use acks::Acks;
pub(crate) use database::{DatabaseUrl, Rows};
pub(crate) use gate::Gate;
pub(crate) use sample::{Sample, children_cpu_ms};
pub(crate) use server::{ORIGIN, Server, ServerSettings};
pub(crate) use wire::{Condition, Wire};

/// How long one request of the browser may take; longer than any answer of the server's.
const BROWSER_TIME: Duration = Duration::from_secs(40);
/// How long it keeps a connection; shorter than the server does, as with any proxy in front of it.
const KEEP_TIME: Duration = Duration::from_secs(60);

/// Clerk, server and browser.
pub(crate) struct Rig {
    pub(crate) clerk: Emulator,
    pub(crate) server: Server,
    pub(crate) browser: reqwest::Client,
    pub(crate) database: DatabaseUrl,
}

/// Somebody who has just signed up or in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: Id,
    pub(crate) session: Id,
}

/// An answer of `GET /me`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
    pub(crate) took: Duration,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// For a timeline: `200 in 12 ms`, `503 unavailable in 3 ms`.
    pub(crate) fn shown(&self) -> String {
        let code = if self.code().is_empty() { String::new() } else { format!(" {}", self.code()) };
        format!("{}{code} in {} ms", self.status, self.took.as_millis())
    }
}

impl Rig {
    /// Starts Clerk and then the server on `database`; webhooks go straight to the server.
    pub(crate) async fn start(
        options: Options,
        settings: ServerSettings,
        database: DatabaseUrl,
    ) -> Result<Self> {
        Self::start_over(options, settings, database.clone(), &database).await
    }

    /// The same, the server reaching the database at `served`.
    pub(crate) async fn start_over(
        mut options: Options,
        mut settings: ServerSettings,
        database: DatabaseUrl,
        served: &DatabaseUrl,
    ) -> Result<Self> {
        options.authorized_party.get_or_insert_with(|| ORIGIN.to_owned());
        let clerk = clerk_sync_emulator::start(options).await.context("the offline Clerk did not start")?;
        settings.at_clerk(&clerk, clerk.url());
        let server = Server::start(&settings, served).await?;
        clerk.set_webhook_url(Some(&server.webhook_url()))?;
        Ok(Self { clerk, server, browser: browser()?, database })
    }

    /// A sign-up in a browser: user and session.
    pub(crate) fn sign_up(&self, new: NewUser) -> Result<Person> {
        let (id, session) = self.clerk.sign_up(new)?;
        Ok(Person { id, session })
    }

    /// `GET /me` with a fresh token of the person's session.
    pub(crate) async fn me(&self, person: &Person) -> Result<Answer> {
        let token = self.clerk.session_token(&person.session)?;
        self.me_at(&self.server.url(), &token, 0).await
    }

    /// `GET /me` of any server with a token, held for `wait_s` seconds.
    pub(crate) async fn me_at(&self, url: &str, token: &str, wait_s: u64) -> Result<Answer> {
        me(&self.browser, url, token, wait_s).await
    }

    /// What is in the database.
    pub(crate) async fn rows(&self) -> Result<Rows> {
        Rows::read(&self.database).await
    }

    /// Ends server and Clerk.
    pub(crate) async fn stop(self) -> Result<()> {
        self.server.stop().await?;
        self.clerk.shutdown().await;
        Ok(())
    }
}

/// What asks for `/me`.
pub(crate) fn browser() -> Result<reqwest::Client> {
    let client = reqwest::Client::builder().timeout(BROWSER_TIME).pool_idle_timeout(KEEP_TIME).no_proxy();
    client.build().context("a client cannot be built")
}

/// `GET /me` of any server.
pub(crate) async fn me(browser: &reqwest::Client, url: &str, token: &str, wait_s: u64) -> Result<Answer> {
    let started = Instant::now();
    let mut request = browser.get(format!("{url}/me")).bearer_auth(token);
    if wait_s > 0 {
        request = request.header("prefer", format!("wait={wait_s}"));
    }
    let response = request.send().await.context("GET /me got no answer")?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|v| v.to_str().ok()).map(String::from);
    let text = response.text().await.context("GET /me got no whole answer")?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status, retry_after, body, took: started.elapsed() })
}

/// A new user with one verified e-mail address.
pub(crate) fn somebody(first_name: &str, email: &str) -> NewUser {
    NewUser {
        first_name: Some(first_name.to_owned()),
        email_address: vec![email.to_owned()],
        ..NewUser::default()
    }
}
