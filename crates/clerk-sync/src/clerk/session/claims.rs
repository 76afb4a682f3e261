//! What a proved payload says, and whether it may be believed now.

use clerk_sync_core::{Timestamp, UserId};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::organization::organization;
use super::{Actor, Refusal, Session, SessionRules, SessionStatus};
use crate::clerk::json::{Members, exact_text, filled_text, integer, is_null};

/// Clerk's own claims of versions 1 and 2; all others are custom ones.
const OWN: [&str; 20] = [
    "act",
    "aud",
    "azp",
    "exp",
    "fea",
    "fva",
    "iat",
    "iss",
    "jti",
    "nbf",
    "o",
    "org_id",
    "org_permissions",
    "org_role",
    "org_slug",
    "pla",
    "sid",
    "sts",
    "sub",
    "v",
];

/// Reads a payload whose signature is right.
pub(super) fn session(payload: &str, rules: &SessionRules, now: Timestamp) -> Result<Session, Refusal> {
    let claims = Members::read(payload).ok_or(Refusal::Payload)?;
    if exact_text(claims.member("iss")).as_deref() != Some(&rules.issuer) {
        return Err(Refusal::Issuer);
    }
    let subject = exact_text(claims.member("sub")).ok_or(Refusal::Subject)?;
    let user_id = UserId::parse(&subject).map_err(|_| Refusal::Subject)?;
    let session_id = filled_text(claims.member("sid")).ok_or(Refusal::SessionId)?;
    let (issued_at, expires_at) = times(&claims, rules, now)?;
    authorized_party(&claims, rules)?;
    Ok(Session {
        user_id,
        session_id,
        status: status(&claims)?,
        actor: claims.member("act").filter(|raw| !is_null(raw)).map(actor),
        organization: organization(&claims),
        issued_at,
        expires_at,
        claims: custom(&claims),
    })
}

/// Whether a token that expires at `expires_at` has expired: the rule of Clerk's SDK, the bound included.
pub(super) fn is_expired(expires_at: Timestamp, rules: &SessionRules, now: Timestamp) -> bool {
    expires_at <= now.plus_millis(-rules.leeway_ms)
}

fn times(
    claims: &Members<'_>,
    rules: &SessionRules,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Refusal> {
    let expires_at = seconds(claims, "exp", Refusal::Expiry)?.ok_or(Refusal::Expiry)?;
    if is_expired(expires_at, rules, now) {
        return Err(Refusal::Expired);
    }
    let latest = now.plus_millis(rules.leeway_ms);
    if seconds(claims, "nbf", Refusal::NotBefore)?.is_some_and(|not_before| not_before > latest) {
        return Err(Refusal::NotBefore);
    }
    // Clerk's SDK lets a token without `iat` pass; its lifetime could not be told.
    let issued_at = seconds(claims, "iat", Refusal::IssuedAt)?.ok_or(Refusal::IssuedAt)?;
    if issued_at > latest {
        return Err(Refusal::IssuedAt);
    }
    if expires_at.millis_since(issued_at) > rules.max_lifetime_ms {
        return Err(Refusal::Lifetime);
    }
    Ok((issued_at, expires_at))
}

/// A time claim. RFC 7519 would allow fractions; Clerk sends whole seconds and so does nobody else's key.
fn seconds(claims: &Members<'_>, name: &str, refusal: Refusal) -> Result<Option<Timestamp>, Refusal> {
    match claims.member(name) {
        None => Ok(None),
        Some(raw) => integer(raw).map(|seconds| Some(Timestamp::from_seconds(seconds))).ok_or(refusal),
    }
}

fn authorized_party(claims: &Members<'_>, rules: &SessionRules) -> Result<(), Refusal> {
    if rules.authorized_parties.is_empty() {
        return Ok(());
    }
    let Some(raw) = claims.member("azp") else {
        return if rules.allow_missing_azp { Ok(()) } else { Err(Refusal::AuthorizedParty) };
    };
    let party = exact_text(Some(raw)).ok_or(Refusal::AuthorizedParty)?;
    if rules.authorized_parties.contains(&party) { Ok(()) } else { Err(Refusal::AuthorizedParty) }
}

fn status(claims: &Members<'_>) -> Result<SessionStatus, Refusal> {
    match claims.member("sts") {
        None => Ok(SessionStatus::Active),
        raw => match exact_text(raw).as_deref() {
            Some("active") => Ok(SessionStatus::Active),
            Some("pending") => Ok(SessionStatus::Pending),
            // A state we have not heard of may well mean "not signed in".
            _ => Err(Refusal::Status),
        },
    }
}

/// An `act` we cannot read is impersonation all the same.
fn actor(raw: &RawValue) -> Actor {
    let members = Members::read(raw.get());
    let member = |name| members.as_ref().and_then(|members| filled_text(members.member(name)));
    Actor { subject: member("sub"), issuer: member("iss"), session_id: member("sid") }
}

/// The claims that are not Clerk's own. A number no `f64` can hold is left out: nothing could use it.
fn custom(claims: &Members<'_>) -> Map<String, Value> {
    let others = claims.0.iter().filter(|(name, _)| !OWN.contains(&name.as_ref()));
    let values =
        others.filter_map(|(name, raw)| Some((name.to_string(), serde_json::from_str(raw.get()).ok()?)));
    values.collect()
}
