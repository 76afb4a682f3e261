use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clerk::json::{Members, depth_is_bounded, filled_text, integer};

/// How long to wait when Clerk names no time, in milliseconds. Its windows are ten seconds, so a moment
/// is often enough.
const DEFAULT_RETRY_AFTER_MS: u64 = 1_000;

/// The longest wait taken from an answer, in milliseconds: a wrong number must not silence us for days.
const MAX_RETRY_AFTER_MS: u64 = 5 * 60 * 1_000;

/// The longest error code kept, in bytes.
const MAX_CODE_BYTES: usize = 64;

/// What a good answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    /// A bare array.
    List,
}

/// What an attempt brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200.
    Body(Vec<u8>),
    /// Clerk's own 404: there is no such thing.
    NotFound,
    /// Asked to wait.
    Throttled { retry_after_ms: u64 },
    /// Nothing usable.
    Failed { reason: &'static str, retry_after_ms: Option<u64>, again: bool },
    /// 401.
    RefusedKey,
    /// Any other refusal.
    Refused { status: u16, code: String },
}

impl Answer {
    pub(super) const fn failed(reason: &'static str) -> Self {
        Self::Failed { reason, retry_after_ms: None, again: true }
    }

    pub(super) const fn failed_for_good(reason: &'static str) -> Self {
        Self::Failed { reason, retry_after_ms: None, again: false }
    }
}

/// Sorts an answer by its status and by Clerk's own error code, never by a message's text.
///
/// A 404 counts only in Clerk's own words: a proxy's "not found" must not delete a user. The statuses and
/// codes are those of Clerk's document "bapi 2026-05-12" and its catalogue of errors.
pub(super) fn classify(status: u16, headers: &HeaderMap, body: Vec<u8>, shape: Shape) -> Answer {
    let code = || error_code(&body);
    match status {
        200 if is_json(&body, shape) => Answer::Body(body),
        200 => Answer::failed("the answer is no JSON"),
        401 => Answer::RefusedKey,
        404 => match code() {
            // The catalogue has such codes with and without the ending.
            Some(code) if code == "resource_not_found" || code == "resource_not_found_code" => {
                Answer::NotFound
            }
            _ => Answer::failed("a 404 that is not Clerk's"),
        },
        // Somebody else is writing to it; a moment later it can be read.
        409 if code().as_deref() == Some("resource_locked") => Answer::failed("the resource is busy"),
        429 => {
            Answer::Throttled { retry_after_ms: retry_after_ms(headers).unwrap_or(DEFAULT_RETRY_AFTER_MS) }
        }
        300..=399 => Answer::failed_for_good("a redirect, which is not followed"),
        400..=499 => Answer::Refused { status, code: code().unwrap_or_default() },
        500..=599 => {
            Answer::Failed { reason: "a server error", retry_after_ms: retry_after_ms(headers), again: true }
        }
        _ => Answer::failed("an unexpected status"),
    }
}

/// `Retry-After` in whole seconds, as Clerk sends it; anything else names no time.
fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let seconds = text.parse::<u64>().unwrap_or(u64::MAX);
    digits.then(|| seconds.saturating_mul(1_000).min(MAX_RETRY_AFTER_MS))
}

/// Whether it is JSON at all, its values skipped unread; whoever reads them sees to their depth.
fn is_json(body: &[u8], shape: Shape) -> bool {
    let start = match shape {
        Shape::Object => '{',
        Shape::List => '[',
    };
    let text = std::str::from_utf8(body).ok();
    let value = text.and_then(|text| serde_json::from_str::<&RawValue>(text.trim()).ok());
    value.is_some_and(|value| value.get().starts_with(start))
}

/// The first error's code, if it is a word.
fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Errors<'a> {
        #[serde(borrow)]
        errors: Vec<&'a RawValue>,
    }
    let text = std::str::from_utf8(body).ok().filter(|text| depth_is_bounded(text))?;
    let errors = serde_json::from_str::<Errors<'_>>(text).ok()?.errors;
    let code = filled_text(Members::read(errors.first()?.get())?.member("code"))?;
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    Some(code).filter(|code| code.len() <= MAX_CODE_BYTES && code.bytes().all(word))
}

/// The `id` of an instance.
pub(super) fn instance_id(body: &[u8]) -> Option<String> {
    let members = Members::read(std::str::from_utf8(body).ok()?)?;
    filled_text(members.member("id"))
}

/// The `total_count` of a count.
pub(super) fn total_count(body: &[u8]) -> Option<u64> {
    let members = Members::read(std::str::from_utf8(body).ok()?)?;
    integer(members.member("total_count")?).and_then(|count| u64::try_from(count).ok())
}
