//! The real program, from outside.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod commands;
mod dev;
mod equality;
mod program;
mod serve;
