//! Webhooks: first the signature over the raw bytes, then the body.
//!
//! ```
//! # use clerk_sync::clerk::{receive, secret::WebhookSecrets};
//! # use clerk_sync_core::Timestamp;
//! let secrets = WebhookSecrets::parse([("current", "whsec_4fEGV3usnRG5+3SJvRNfGZaECx11ApCR")]).unwrap();
//! let mut headers = http::HeaderMap::new();
//! headers.insert("svix-id", "msg_loFOjxBNrRLzqYUf".parse().unwrap());
//! headers.insert("svix-timestamp", "1731705121".parse().unwrap());
//! headers.insert("svix-signature", "v1,xTG8bMLOXfiSMLbahczrTch2SLyY+O13u/u/ihyUlnQ=".parse().unwrap());
//! let body = br#"{"type":"role.created","data":{}}"#;
//! let now = Timestamp::from_seconds(1_731_705_121);
//!
//! let verified = receive::verify(&headers, body, &secrets, now).unwrap();
//! assert_eq!(verified.id.as_str(), "msg_loFOjxBNrRLzqYUf");
//! let reading = receive::read(body, now);
//! assert_eq!(reading.kind, receive::EventKind::Known);
//! ```

mod addresses;
mod event;
mod event_type;
mod glimpse;
mod signature;

use aws_lc_rs::digest::{SHA256, digest};

pub use addresses::addresses;
pub use event::{EventKind, Reading, read};
pub use signature::{MAX_SIGNATURES, ReceiveError, TOLERANCE_SECONDS, Verified, verify};

/// The SHA-256 of a body, by which another body under a known delivery id is noticed.
pub fn body_digest(body: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    // SHA-256 is 32 bytes long; zip keeps that from being an assertion.
    out.iter_mut().zip(digest(&SHA256, body).as_ref()).for_each(|(to, from)| *to = *from);
    out
}
