//! Whatever is done to what Clerk sends, reading it answers.

use clerk_sync::clerk::keys::Keys;
use clerk_sync::clerk::receive::read;
use clerk_sync::clerk::session::SessionVerifier;
use clerk_sync::clerk::{PublishableKey, snapshot_from_user};

use crate::support::forge::{pem_keys, rules, valid_token};
use crate::support::{NOW, fixture_bytes};

/// `bytes` cut off, with a byte changed, and with a piece doubled, all along.
fn damaged(bytes: &[u8], step: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len()).step_by(step).flat_map(move |at| {
        let (before, after) = bytes.split_at(at);
        let with = |middle: &[u8]| [before, middle, &after[1..]].concat();
        let changed = [b"\"", b"{", b"]", b"\\", b"\0", b"9", b"\xff"].map(|byte| with(byte));
        let doubled = [before, &after[..after.len().min(40)], after].concat();
        changed.into_iter().chain([before.to_vec(), doubled])
    })
}

#[test]
fn damaged_events_are_read_somehow() {
    let events = [
        "webhooks/user.updated.metadata.json",
        "webhooks/session.created.json",
        "webhooks/user.deleted.json",
    ];
    let mut count = 0;
    for event in events {
        for body in damaged(&fixture_bytes(event), 3) {
            let reading = read(&body, NOW);
            assert!(reading.event_type.len() <= 128);
            let _ = snapshot_from_user(&body);
            count += 1;
        }
    }
    assert!(count > 10_000, "{count}");
}

#[tokio::test]
async fn damaged_tokens_are_refused_or_the_same() {
    let (verifier, keys, token) = (SessionVerifier::new(rules()), pem_keys(), valid_token());
    for damaged in damaged(token.as_bytes(), 11) {
        let Ok(text) = String::from_utf8(damaged) else { continue };
        assert!(verifier.verify(&text, &keys, NOW).await.is_err() || text == token);
    }
}

#[test]
fn damaged_keys_are_refused_or_keys() {
    let pem = crate::support::forge::KEY.pem();
    for damaged in damaged(pem.as_bytes(), 5) {
        let _ = Keys::from_pem(&String::from_utf8_lossy(&damaged));
    }
    for damaged in damaged(b"pk_live_Y2xlcmsuZXhhbXBsZS5jb20k", 1) {
        let _ = PublishableKey::parse(&String::from_utf8_lossy(&damaged));
    }
}
