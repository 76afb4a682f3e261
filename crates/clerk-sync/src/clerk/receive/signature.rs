use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clerk_sync_core::{DeliveryId, Timestamp};
use http::HeaderMap;

use crate::clerk::secret::WebhookSecrets;

/// How far `svix-timestamp` may be from now, in seconds, either way and this included.
pub const TOLERANCE_SECONDS: i64 = 300;

/// How many signatures of one delivery are looked at. A rotation sends two.
pub const MAX_SIGNATURES: usize = 8;

/// Digits of the largest timestamp read; milliseconds have 13 and are refused for it.
const MAX_TIMESTAMP_DIGITS: usize = 11;

/// A delivery whose signature is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The message's id, the same for every attempt.
    pub id: DeliveryId,
    /// When this attempt was signed.
    pub signed_at: Timestamp,
    /// The name of the secret that proved it.
    pub secret_name: String,
}

/// Why a delivery is refused. Neither kind says anything of the secret or the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The headers are not those of a webhook: 400.
    #[error("malformed webhook: {reason}")]
    Malformed {
        /// A stable word, for metrics only.
        reason: &'static str,
    },
    /// The headers are well formed and prove nothing: 401.
    #[error("unauthenticated webhook: {reason}")]
    Unauthenticated {
        /// A stable word, for metrics only.
        reason: &'static str,
    },
}

impl ReceiveError {
    /// The code callers may see; it is the same for every reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed_webhook",
            Self::Unauthenticated { .. } => "unauthenticated",
        }
    }

    /// What exactly was wrong, as a label of a metric: `missing_header`, `mixed_headers`, `repeated_header`,
    /// `header_text`, `delivery_id`, `timestamp`, `clock_skew` or `signature`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed { reason } | Self::Unauthenticated { reason } => reason,
        }
    }
}

const fn malformed(reason: &'static str) -> ReceiveError {
    ReceiveError::Malformed { reason }
}

/// Checks that `body` was signed by the holder of one of `secrets`, within 300 s of `now`.
///
/// The three headers are `svix-id`, `svix-timestamp` and `svix-signature`, or the same with `webhook-`, of
/// one family only. The signature is HMAC-SHA256 over `id.timestamp.body`, base64 with padding, after `v1,`;
/// other versions are skipped. Only the first eight signatures are looked at, each against every secret.
///
/// The scheme is that of Standard Webhooks 1.0.0 and of Svix's documentation ("Verifying webhooks manually").
///
/// # Errors
/// [`ReceiveError::Malformed`] when the headers cannot be read, [`ReceiveError::Unauthenticated`] when no
/// signature is right or the time is off.
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &WebhookSecrets,
    now: Timestamp,
) -> Result<Verified, ReceiveError> {
    let [id_text, timestamp_text, signatures] = family(headers)?;
    let id = DeliveryId::parse(id_text).map_err(|_| malformed("delivery_id"))?;
    let seconds = seconds(timestamp_text).ok_or(malformed("timestamp"))?;
    let signed_at = Timestamp::from_seconds(seconds);
    if now.as_seconds().saturating_sub(seconds).saturating_abs() > TOLERANCE_SECONDS {
        return Err(ReceiveError::Unauthenticated { reason: "clock_skew" });
    }
    let given = given_signatures(signatures);
    for secret in secrets.iter() {
        let mut mac = hmac::Context::with_key(&secret.key);
        for part in [id_text.as_bytes(), b".", timestamp_text.as_bytes(), b".", body] {
            mac.update(part);
        }
        let right = mac.sign();
        if given.iter().any(|signature| verify_slices_are_equal(right.as_ref(), signature).is_ok()) {
            return Ok(Verified { id, signed_at, secret_name: secret.name.clone() });
        }
    }
    Err(ReceiveError::Unauthenticated { reason: "signature" })
}

/// The id, timestamp and signature headers, of one family.
fn family(headers: &HeaderMap) -> Result<[&str; 3], ReceiveError> {
    const SVIX: [&str; 3] = ["svix-id", "svix-timestamp", "svix-signature"];
    const STANDARD_WEBHOOKS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let any = |names: [&str; 3]| names.iter().any(|name| headers.contains_key(*name));
    let [id, timestamp, signature] = match (any(SVIX), any(STANDARD_WEBHOOKS)) {
        (true, false) => SVIX,
        (false, true) => STANDARD_WEBHOOKS,
        (true, true) => return Err(malformed("mixed_headers")),
        (false, false) => return Err(malformed("missing_header")),
    };
    Ok([single(headers, id)?, single(headers, timestamp)?, single(headers, signature)?])
}

/// The one value of a header. Clerk's SDK sees a repeated one as one text joined with a comma, and so refuses it.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, ReceiveError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(malformed("missing_header"))?;
    if values.next().is_some() {
        return Err(malformed("repeated_header"));
    }
    // `to_str` is visible ASCII, and tabs; a tab fails in each of the three readers after this.
    value.to_str().ok().filter(|text| !text.is_empty()).ok_or(malformed("header_text"))
}

/// Digits alone: what libraries reformat before they sign (`+1`, `01`, ` 1`) is not the text that was signed.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= MAX_TIMESTAMP_DIGITS;
    let plain = digits && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

fn given_signatures(header: &str) -> Vec<Vec<u8>> {
    let entries = header.split(' ').filter(|entry| !entry.is_empty()).take(MAX_SIGNATURES);
    let current = entries.filter_map(|entry| entry.split_once(',')).filter(|(version, _)| *version == "v1");
    current.filter_map(|(_, encoded)| STANDARD.decode(encoded).ok()).collect()
}
