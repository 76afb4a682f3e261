//! The library as a whole, in process: every port is a fake or watched, time moves when told to.
//!
//! - `crash` stops the process at every call it makes.
//! - `walk` pins which calls each request makes.
//! - `flights` holds requests against each other.
//! - `gather` has deliveries come while another is being stored.
//! - `equality` compares everything with Clerk while users come and go.
//! - `retention` lets bodies grow old.
//! - `scenario` runs scripts with golden output on every store there is.
//! - `http` asks the routes, the layer and the extractors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

// cargo-bolero builds every test of the package for libFuzzer, which then has to be linked.
use bolero as _;

mod contention;
mod crash;
mod equality;
mod flights;
mod gather;
mod harness;
mod http;
mod retention;
mod scenario;
mod walk;
