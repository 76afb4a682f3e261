//! Where we differ from Clerk's SDK (npm `@clerk/backend`), and why.
//!
//! A rule looks at the case itself, not only at our word for it: a right token refused under a wrong name is no
//! explanation.

use serde_json::Value;

use super::Verdict;
use super::deliveries::DeliveryCase;
use super::members::depth;
use super::tokens::{By, TokenCase};
use crate::support::forge::ISSUER;

pub(super) struct Rule<C> {
    pub(super) name: &'static str,
    pub(super) reason: &'static str,
    pub(super) explains: fn(&C, &Verdict, &Verdict) -> bool,
}

/// Whether we refuse for this reason what the SDK accepts.
fn refused(ours: &Verdict, theirs: &Verdict, words: &[&str]) -> bool {
    theirs.is_ok() && ours.as_ref().is_err_and(|word| words.contains(&word.as_str()))
}

fn is_whole(raw: Option<&str>) -> bool {
    raw.is_some_and(|raw| raw.parse::<i64>().is_ok())
}

/// Seconds beyond what a date of JavaScript can hold; the SDK compares with NaN then, which is never true.
fn is_beyond_dates(case: &TokenCase, name: &str) -> bool {
    case.claims
        .raw(name)
        .and_then(|raw| raw.parse::<i64>().ok())
        .is_some_and(|seconds| seconds.unsigned_abs() > 8_640_000_000_000)
}

fn is_odd_text(bytes: &[u8]) -> bool {
    bytes.starts_with("\u{feff}".as_bytes()) || std::str::from_utf8(bytes).is_err()
}

pub(super) const TOKENS: &[Rule<TokenCase>] = &[
    Rule {
        name: "bearer in any letter case",
        reason: "RFC 9110 compares schemes without case; the one place where we are laxer",
        explains: |case, ours, theirs| {
            let scheme = case.text.split(' ').next().unwrap_or_default();
            let other_case = scheme != "Bearer" && scheme.eq_ignore_ascii_case("bearer");
            case.by == By::Header && other_case && ours.is_ok() && theirs.is_err()
        },
    },
    Rule {
        name: "no scheme, or more than a token",
        reason: "one header, one reading: the SDK takes a bare token, and drops what follows one",
        explains: |case, ours, theirs| {
            let one_word = case.text.strip_prefix("Bearer ").is_some_and(|token| !token.contains(' '));
            case.by == By::Header && !one_word && refused(ours, theirs, &["scheme"])
        },
    },
    Rule {
        name: "over 8 KiB",
        reason: "Clerk's fit a cookie of 4 KB; nothing longer is worth a look",
        explains: |case, ours, theirs| refused(ours, theirs, &["too_long"]) && case.text.len() > 8 * 1_024,
    },
    Rule {
        name: "padding",
        reason: "RFC 7515 has none; one token, one spelling",
        explains: |case, ours, theirs| refused(ours, theirs, &["encoding"]) && case.text.contains('='),
    },
    Rule {
        name: "a mark, or bytes that are no UTF-8",
        reason: "RFC 7519 asks for UTF-8 and RFC 8259 for no mark; the SDK mends both",
        explains: |case, ours, theirs| {
            refused(ours, theirs, &["header"]) && is_odd_text(&case.header_bytes)
                || refused(ours, theirs, &["payload"]) && is_odd_text(&case.claims_bytes)
        },
    },
    Rule {
        name: "a member twice",
        reason: "RFC 7515 section 4: two readers could see two tokens",
        explains: |case, ours, theirs| {
            refused(ours, theirs, &["header"]) && case.header.is_ambiguous()
                || refused(ours, theirs, &["payload"]) && case.claims.is_ambiguous()
        },
    },
    Rule {
        name: "deeper than 128",
        reason: "no stack is spent on what nobody needs",
        explains: |case, ours, theirs| {
            refused(ours, theirs, &["header"]) && depth(&case.header.text()) > 128
                || refused(ours, theirs, &["payload"]) && depth(&case.claims.text()) > 128
        },
    },
    Rule {
        name: "another category",
        reason: "a token of a JWT template or a machine is no session; verifyToken lets templates pass",
        explains: |case, ours, theirs| {
            refused(ours, theirs, &["category"]) && case.header.value("cat") != "cl_B7d4PD111AAA"
        },
    },
    Rule {
        name: "crit, b64 or zip",
        reason: "RFC 7515 section 4.1.11: an extension that is not understood is refused",
        explains: |case, ours, theirs| {
            let named = ["crit", "b64", "zip"].into_iter().any(|name| case.header.raw(name).is_some());
            refused(ours, theirs, &["extension"]) && named
        },
    },
    Rule {
        name: "a kid that is no text",
        reason: "no key of Clerk's is called so; with a PEM the SDK does not look",
        explains: |case, ours, theirs| {
            let is_text = case.header.value("kid").is_string();
            refused(ours, theirs, &["key_id"]) && case.header.raw("kid").is_some() && !is_text
        },
    },
    Rule {
        name: "another issuer",
        reason: "authenticateRequest does not compare the issuer of a token with the instance's",
        explains: |case, ours, theirs| {
            case.by == By::Header && refused(ours, theirs, &["issuer"]) && case.claims.value("iss") != ISSUER
        },
    },
    Rule {
        name: "a subject that is no user's id",
        reason: "the id becomes a primary key; the SDK takes any text, the empty one too",
        explains: |case, ours, theirs| {
            let sub = case.claims.value("sub");
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let is_id = sub
                .as_str()
                .and_then(|sub| sub.strip_prefix("user_"))
                .is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain));
            refused(ours, theirs, &["subject"]) && !is_id
        },
    },
    Rule {
        name: "no session",
        reason: "without a session's id it is a token for something else",
        explains: |case, ours, theirs| {
            let sid = case.claims.value("sid");
            let empty = |sid: &str| sid.trim_matches('\0').is_empty();
            refused(ours, theirs, &["session_id"]) && sid.as_str().is_none_or(empty)
        },
    },
    Rule {
        name: "times that are no whole seconds",
        reason: "Clerk writes whole seconds; fractions, exponents and numbers beyond 64 bits are somebody else's",
        explains: |case, ours, theirs| {
            [("exp", "expiry"), ("nbf", "not_before"), ("iat", "issued_at")].into_iter().any(
                |(name, word)| {
                    let raw = case.claims.raw(name);
                    refused(ours, theirs, &[word]) && raw.is_some() && !is_whole(raw)
                },
            )
        },
    },
    Rule {
        name: "times no date can hold",
        reason: "the SDK compares with an invalid date, which is never late nor early",
        explains: |case, ours, theirs| {
            [("exp", "expired"), ("nbf", "not_before"), ("iat", "issued_at")]
                .into_iter()
                .any(|(name, word)| refused(ours, theirs, &[word]) && is_beyond_dates(case, name))
        },
    },
    Rule {
        name: "no time of issue",
        reason: "without it a lifetime has no beginning",
        explains: |case, ours, theirs| {
            refused(ours, theirs, &["issued_at"]) && case.claims.raw("iat").is_none()
        },
    },
    Rule {
        name: "valid for over a day",
        reason: "Clerk's live a minute, and nobody can take one back",
        explains: |case, ours, theirs| {
            let seconds = |name| case.claims.raw(name)?.parse::<i128>().ok();
            let life = seconds("exp").zip(seconds("iat")).map(|(exp, iat)| exp - iat);
            refused(ours, theirs, &["lifetime"]) && life.is_some_and(|life| life > 86_400)
        },
    },
    Rule {
        name: "a state nobody has heard of",
        reason: "it may well mean \"not signed in\"",
        explains: |case, ours, theirs| {
            let sts = case.claims.value("sts");
            refused(ours, theirs, &["status"]) && sts != "active" && sts != "pending"
        },
    },
];

/// The event as the SDK sees it.
fn body(case: &DeliveryCase) -> Value {
    // serde_json reads no half of a surrogate pair.
    let text = String::from_utf8_lossy(&case.body).replace("\\ud800", "");
    serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default()
}

pub(super) const DELIVERIES: &[Rule<DeliveryCase>] = &[
    Rule {
        name: "the names of Standard Webhooks",
        reason: "Svix sends either family, with the same signature; the SDK reads one",
        explains: |case, ours, theirs| {
            ours.is_ok()
                && theirs.is_err()
                && case.headers.iter().all(|(name, _)| name.starts_with("webhook-"))
        },
    },
    Rule {
        name: "both families of headers",
        reason: "one header could be the signed one and another the one that is read",
        explains: |case, ours, theirs| {
            let any = |family: &str| case.headers.iter().any(|(name, _)| name.starts_with(family));
            refused(ours, theirs, &["mixed_headers"]) && any("svix-") && any("webhook-")
        },
    },
    Rule {
        name: "a header twice",
        reason: "each header once; the SDK joins the two and reads what it can",
        explains: |case, ours, theirs| {
            let twice = |name| case.headers.iter().filter(|(found, _)| *found == name).count() > 1;
            refused(ours, theirs, &["repeated_header"])
                && (twice("svix-timestamp") || twice("svix-signature"))
        },
    },
    Rule {
        name: "an id with a dot, a space or a quote, or over 256 bytes",
        reason: "a dot could shift the boundary between id, time and body; the rest is no id of Svix's",
        explains: |case, ours, theirs| {
            let id = case.header("svix-id").unwrap_or_default();
            refused(ours, theirs, &["delivery_id"])
                && (id.len() > 256 || id.contains(['.', ' ', '"', '\'', '\\']))
        },
    },
    Rule {
        name: "a time written otherwise",
        reason: "what is read must be what was signed; the SDK writes the number again before it checks",
        explains: |case, ours, theirs| {
            let time = case.header("svix-timestamp").unwrap_or_default();
            let plain = time.parse::<u64>().is_ok_and(|number| number.to_string() == time);
            refused(ours, theirs, &["timestamp"]) && !plain
        },
    },
    Rule {
        name: "something after a signature",
        reason: "a signature is base64 and nothing else; the SDK drops what follows a second comma",
        explains: |case, ours, theirs| {
            let signatures = case.header("svix-signature").unwrap_or_default();
            let more = signatures.split(' ').any(|entry| entry.matches(',').count() > 1);
            refused(ours, theirs, &["signature"]) && more
        },
    },
    Rule {
        name: "more than eight signatures",
        reason: "a rotation sends two; the work for one delivery is bounded",
        explains: |case, ours, theirs| {
            let signatures = case.header("svix-signature").unwrap_or_default();
            let count = signatures.split(' ').filter(|entry| !entry.is_empty()).count();
            refused(ours, theirs, &["signature"]) && count > 8
        },
    },
    Rule {
        name: "signed without its mark, or as mended UTF-8",
        reason: "the signature is over the bytes; the SDK checks the text it has made of them",
        explains: |case, ours, theirs| refused(ours, theirs, &["signature"]) && is_odd_text(&case.body),
    },
    Rule {
        name: "no event",
        reason: "a body without a type is kept as a dead letter; the SDK hands it on",
        explains: |case, ours, theirs| {
            let typed = body(case)["type"].as_str().is_some_and(|name| !name.trim_matches('\0').is_empty());
            refused(ours, theirs, &["no_type", "not_json"]) && !typed
        },
    },
    Rule {
        name: "an ambiguous event",
        reason: "what is needed may not be said twice; kept as a dead letter",
        explains: |case, ours, theirs| refused(ours, theirs, &["not_json"]) && case.says_twice,
    },
    Rule {
        name: "a user's event without a user",
        reason: "nothing can be done with it; kept as a dead letter",
        explains: |case, ours, theirs| {
            let event = body(case);
            let of_user = event["type"].as_str().is_some_and(|name| name.starts_with("user."));
            let id = event["data"]["id"].as_str().unwrap_or_default();
            let is_id = id
                .strip_prefix("user_")
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()));
            refused(ours, theirs, &["no_user_id", "not_json"]) && of_user && !is_id
        },
    },
    Rule {
        name: "deeper than 128",
        reason: "no stack is spent on what nobody needs; kept as a dead letter",
        explains: |case, ours, theirs| {
            refused(ours, theirs, &["too_deep"]) && depth(&String::from_utf8_lossy(&case.body)) > 128
        },
    },
];
