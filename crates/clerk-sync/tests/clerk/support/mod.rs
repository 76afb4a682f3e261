//! What the tests share: fixtures, a clock set by hand, forged tokens, a server that says what it is told.

pub(crate) mod clock;
pub(crate) mod forge;
pub(crate) mod server;

use std::path::PathBuf;

use clerk_sync_core::Timestamp;
use serde_json::Value;

/// The moment the recorded tokens and signatures are made for.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_769_500_860);

pub(crate) const USER: &str = "user_38peB5uMEQeCed7i5Nq9Ifj6Kd2";

pub(crate) fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/clerk").join(name)
}

pub(crate) fn fixture_bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture_path(name)).unwrap()
}

pub(crate) fn fixture(name: &str) -> Value {
    serde_json::from_slice(&fixture_bytes(name)).unwrap()
}
