use std::sync::Arc;

use clerk_sync::SystemClock;
use clerk_sync::clerk::session::{SessionError, SessionVerifier};
use clerk_sync::core::DirectoryError;
use clerk_sync::core::port::{Clock, Directory};

use super::PART_TIME;
use crate::compose;
use crate::config::Config;

/// What the Backend API says.
#[derive(Debug)]
pub(in crate::doctor) struct ClerkSaid {
    /// The instance the secret key belongs to.
    pub(in crate::doctor) instance: Result<String, DirectoryError>,
    /// How far its clock is ahead of ours.
    pub(in crate::doctor) clock_offset_ms: Option<i64>,
}

pub(super) async fn ask(config: &Config) -> Option<ClerkSaid> {
    let clerk = compose::directory(config, Arc::new(SystemClock)).ok()?;
    let instance = tokio::time::timeout(PART_TIME, clerk.instance_id()).await.unwrap_or_else(|_| {
        Err(DirectoryError::Unavailable { retry_after_ms: 0, reason: "no answer in time".into() })
    });
    Some(ClerkSaid { instance, clock_offset_ms: clerk.clock_offset_ms() })
}

/// Judges a token as a request's would be.
pub(super) async fn verify(config: &Config, token: Option<&str>) -> Option<Result<(), &'static str>> {
    let (token, keys) = (token?, compose::keys(config).ok()?);
    let verifier = SessionVerifier::new(compose::session_rules(config));
    let verified = tokio::time::timeout(PART_TIME, verifier.verify(token, &keys, SystemClock.now())).await;
    Some(match verified {
        Ok(verified) => verified.map(drop).map_err(|error: SessionError| error.reason()),
        Err(_) => Err("keys_unavailable"),
    })
}
