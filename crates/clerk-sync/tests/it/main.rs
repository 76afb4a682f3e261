//! The library as a whole, in process: every port is a fake or watched, time moves when told to.
//!
//! - `walk` pins which calls each request makes.
//! - `flights` holds requests against each other.
//! - `scenario` runs scripts with golden output on every store there is.
//! - `http` asks the routes, the layer and the extractors.

mod flights;
mod harness;
mod walk;
