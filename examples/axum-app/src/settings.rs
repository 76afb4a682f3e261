use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// What the service is started with, from the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `LISTEN`; 127.0.0.1:3000 without it.
    pub listen: SocketAddr,
    /// `DATABASE`, a file; notes.db without it.
    pub database: PathBuf,
    /// `ORIGIN`, where the pages come from: only tokens made for it are accepted. The dev server of Vite without it.
    pub origin: String,
    /// `CLERK_API_URL`, for the offline Clerk.
    pub clerk_api_url: Option<String>,
    /// `CLERK_SECRET_KEY`.
    pub secret_key: String,
    /// `CLERK_PUBLISHABLE_KEY`.
    pub publishable_key: String,
    /// `CLERK_WEBHOOK_SIGNING_SECRET`.
    pub webhook_secret: String,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a key is missing or `LISTEN` is no address.
    pub fn from_env() -> Result<Self> {
        let optional = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let required = |name: &str| {
            optional(name).with_context(|| {
                format!("{name} is not set; `env $(grep -v '#' examples/axum-app/offline.env)` sets the offline ones")
            })
        };
        let listen = optional("LISTEN").unwrap_or_else(|| "127.0.0.1:3000".to_owned());
        Ok(Self {
            listen: listen
                .parse()
                .with_context(|| format!("LISTEN={listen} is no address such as 127.0.0.1:3000"))?,
            database: optional("DATABASE").unwrap_or_else(|| "notes.db".to_owned()).into(),
            origin: optional("ORIGIN").unwrap_or_else(|| "http://localhost:5173".to_owned()),
            clerk_api_url: optional("CLERK_API_URL"),
            secret_key: required("CLERK_SECRET_KEY")?,
            publishable_key: required("CLERK_PUBLISHABLE_KEY")?,
            webhook_secret: required("CLERK_WEBHOOK_SIGNING_SECRET")?,
        })
    }
}
