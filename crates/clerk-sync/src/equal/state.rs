//! What operators see of it, from the notes, so that every replica shows the same.

use super::brake::Brake;
use super::{Certificate, EqualError, Equality, SilenceCause, catch_up, prove, work};

/// How far the table is kept equal to Clerk. All times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EqualState {
    /// The instance the database mirrors, once one was seen.
    pub instance: Option<String>,
    /// Set while users sign up and no webhook comes.
    pub silent: Option<Silent>,
    /// Set while deletions are held back.
    pub brake: Option<Brake>,
    /// When everything was compared last.
    pub last_sweep_ms: Option<i64>,
    /// The last proof.
    pub proof: Option<Certificate>,
}

/// Users sign up, and no webhook comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent {
    /// Since when that is known.
    pub since_ms: i64,
    /// The likely cause.
    pub cause: SilenceCause,
}

impl Equality {
    pub(crate) async fn state(&self) -> Result<EqualState, EqualError> {
        let caught_up = self.note::<catch_up::State>(catch_up::NOTE).await?.value;
        let silent = caught_up
            .and_then(|state| Some(Silent { since_ms: state.silence.silent_since_ms?, cause: state.cause? }));
        Ok(EqualState {
            instance: self.recorded_instance().await?,
            silent,
            brake: self.brake().await?,
            last_sweep_ms: self.note::<work::Swept>(work::NOTE).await?.value.map(|swept| swept.finished_ms),
            proof: self.note::<Certificate>(prove::NOTE).await?.value,
        })
    }
}
