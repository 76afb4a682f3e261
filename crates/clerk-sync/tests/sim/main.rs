//! Deterministic simulation of the real library: several replicas on one store, a simulated Clerk, virtual
//! time, and a schedule drawn from a seed.
//!
//! A seed is a run: [`plan`] says what happens in it and [`faults`] what goes wrong, [`executor`] polls one task
//! at a time as the [`tape`] says, and [`monitor`] judges after every commit, at every answer ([`outside`]) and
//! once there is peace ([`run`]). What breaks a rule is made smaller by [`shrink`] and printed with the command
//! that runs it again.
//!
//! Real are: `ClerkSync` from its door (signatures over raw bytes, tokens, parsing) to its ports, and the
//! stores. Simulated are the ports: the way to the store, Clerk's Backend API, the clock. Not simulated, since
//! they do not go through a port: the JWKS over HTTP (fault 23 of the list; `tests/clerk/key_sets.rs` has it),
//! bodies cut on the wire (part of 12; `tests/clerk/api_answers.rs`), and expiring tokens.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::print_stdout, reason = "a command-line program")]

mod clerk;
mod cover;
mod database;
mod executor;
mod faults;
mod hunt;
mod message;
mod monitor;
mod notes;
mod operator;
mod options;
mod outside;
mod person;
mod plan;
mod replica;
mod run;
mod shrink;
mod store;
mod tape;
mod world;

use std::process::ExitCode;

use options::Command;

/// How rows that missed a webhook are healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Not at all: every webhook arrives in the end.
    NoSweeps,
    /// Comparisons with Clerk go on beside webhooks, some of which never arrive.
    Sweeps,
    /// No webhook ever arrives.
    OnlySweeps,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::NoSweeps, Self::Sweeps, Self::OnlySweeps];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NoSweeps => "no-sweeps",
            Self::Sweeps => "sweeps",
            Self::OnlySweeps => "only-sweeps",
        }
    }
}

fn main() -> ExitCode {
    match options::read(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            println!("{}", options::USAGE);
            ExitCode::SUCCESS
        }
        Ok(Command::Nothing) => ExitCode::SUCCESS,
        Ok(Command::Hunt(options)) => hunt::hunt(&options),
        Ok(Command::Replay { seed, mode, store }) => hunt::replay(seed, mode, store),
        Err(problem) => {
            println!("{problem}\n\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}
