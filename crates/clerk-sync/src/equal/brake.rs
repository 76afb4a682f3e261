//! Holds deletions back when there are too many: that is what a wrong key looks like.

use serde::{Deserialize, Serialize};

use super::{EqualError, Equality};

pub(super) const NOTE: &str = "brake";

/// How many users one sweep may find deleted before it stops and asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrakeSettings {
    /// So many in any case. Default 5.
    pub users: u64,
    /// So many of a hundred. Default 1.
    pub percent: u64,
}

impl Default for BrakeSettings {
    fn default() -> Self {
        Self { users: 5, percent: 1 }
    }
}

impl BrakeSettings {
    /// How many of `users` may be deleted without confirmation.
    pub fn allowed(&self, users: u64) -> u64 {
        self.users.max(users.saturating_mul(self.percent) / 100)
    }
}

/// Deletions held back by a sweep, until they are confirmed or a later sweep finds fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brake {
    /// When it was put on, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Users of the database that Clerk does not list.
    pub missing: u64,
    /// How many may be deleted without confirmation.
    pub allowed: u64,
    /// Users in the database.
    pub users: u64,
}

/// The note: what is held back, or that nothing is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct State {
    held: Option<Brake>,
}

impl Equality {
    /// What is held back.
    pub(crate) async fn brake(&self) -> Result<Option<Brake>, EqualError> {
        Ok(self.note::<State>(NOTE).await?.value.and_then(|state| state.held))
    }

    /// Refuses a confirmation of anything but what is held back.
    pub(super) async fn may_confirm(&self, confirmed: u64) -> Result<(), EqualError> {
        let held_back = self.brake().await?.map_or(0, |brake| brake.missing);
        if held_back == confirmed && confirmed > 0 {
            return Ok(());
        }
        Err(EqualError::NothingToConfirm { confirmed, held_back })
    }

    /// Lets `missing` of `users` deletions pass, or puts the brake on. What was confirmed passes, and no more.
    pub(super) async fn pass(&self, missing: u64, users: u64, confirmed: u64) -> Result<(), EqualError> {
        let allowed = self.settings.brake.allowed(users);
        if missing <= allowed.max(confirmed) {
            return self
                .update(NOTE, |state: Option<&State>| {
                    state.is_some_and(|state| state.held.is_some()).then_some(State { held: None })
                })
                .await;
        }
        let at_ms = self.engine.clock.now().as_millis();
        let brake = Brake { at_ms, missing, allowed, users };
        // When it was put on stays, as long as it stays on.
        self.update(NOTE, |state: Option<&State>| {
            let since = state.and_then(|state| state.held).map_or(at_ms, |held| held.at_ms);
            Some(State { held: Some(Brake { at_ms: since, ..brake }) })
        })
        .await?;
        tracing::error!(missing, allowed, users, "a sweep is held back: too many users are missing in Clerk");
        Err(EqualError::Braked { missing, allowed, users })
    }
}
