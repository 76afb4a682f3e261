//! The real program, from outside.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod attacks;
mod commands;
mod dev;
mod doctor;
mod equality;
mod events;
mod program;
mod serve;
mod setup;
mod users;
