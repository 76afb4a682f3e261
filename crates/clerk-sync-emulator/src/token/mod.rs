//! Session tokens and JWT-template tokens as Clerk signs them (Clerk docs, "Session tokens").

mod claims;
mod key;

use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) use claims::fill;
pub(crate) use key::SigningKey;

use crate::session::{Session, SessionStatus};
use crate::user::User;

/// How long before its issue a token is valid, in seconds; as in captured tokens.
const NOT_BEFORE_S: i64 = 10;
/// The header member `cat` of session tokens.
const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";
/// The header member `cat` of tokens made from a JWT template.
const TEMPLATE_CATEGORY: &str = "cl_B7d4PD222AAA";

/// How a token differs from the ordinary one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenOptions {
    /// Seconds until it expires, instead of the instance's; negative for a token that expired already.
    pub expires_in_seconds: Option<i64>,
    /// Unix seconds of its issue, instead of now.
    pub issued_at: Option<i64>,
    /// The `azp` claim, instead of the instance's default.
    pub authorized_party: Option<String>,
    /// Leaves the `azp` claim out, as tokens of native apps do.
    pub no_authorized_party: bool,
    /// Version 1 of the session token (before 2025-04-14) instead of version 2.
    pub version_1: bool,
    /// Further claims; one of the same name replaces the ordinary claim.
    pub claims: Map<String, Value>,
}

/// What a token says about the instance that made it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Issuer<'a> {
    pub(crate) url: &'a str,
    pub(crate) authorized_party: Option<&'a str>,
    /// How long its tokens last, in seconds.
    pub(crate) token_lifetime_s: i64,
}

/// A fresh token's times and number.
#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) now_ms: i64,
    /// When the claims were read from the database; earlier than now if they are stale.
    pub(crate) read_at_ms: i64,
    pub(crate) jti: String,
}

/// The header and claims of a session token. `custom` are the claims the instance adds, already filled in.
pub(crate) fn session_token(
    issuer: Issuer<'_>,
    session: &Session,
    user: &User,
    custom: Map<String, Value>,
    options: &TokenOptions,
    issue: &Issue,
) -> (Value, Value) {
    let mut claims = base_claims(issuer, user, options, issue);
    claims.insert("sid".into(), json!(session.id));
    claims.insert("fva".into(), json!([(issue.now_ms - session.created_at).max(0) / 60_000, -1]));
    if !options.version_1 {
        claims.insert("v".into(), json!(2));
        let pending = session.status == SessionStatus::Pending;
        claims.insert("sts".into(), json!(if pending { "pending" } else { "active" }));
    }
    if let Some(actor) = &session.actor {
        claims.insert("act".into(), actor.clone());
    }
    // Custom claims cannot replace Clerk's own.
    for (name, value) in custom {
        claims.entry(name).or_insert(value);
    }
    claims.extend(options.claims.clone());
    (json!({"cat": SESSION_CATEGORY, "oiat": issue.read_at_ms.div_euclid(1_000)}), Value::Object(claims))
}

/// The header and claims of a token made from a JWT template: no session in it.
pub(crate) fn template_token(
    issuer: Issuer<'_>,
    user: &User,
    template: Map<String, Value>,
    options: &TokenOptions,
    issue: &Issue,
) -> (Value, Value) {
    let mut claims = base_claims(issuer, user, options, issue);
    for (name, value) in template {
        claims.entry(name).or_insert(value);
    }
    claims.extend(options.claims.clone());
    (json!({"cat": TEMPLATE_CATEGORY}), Value::Object(claims))
}

fn base_claims(issuer: Issuer<'_>, user: &User, options: &TokenOptions, issue: &Issue) -> Map<String, Value> {
    let iat = options.issued_at.unwrap_or(issue.now_ms.div_euclid(1_000));
    let mut claims = Map::new();
    claims.insert("iss".into(), json!(issuer.url));
    claims.insert("sub".into(), json!(user.id));
    claims.insert("iat".into(), json!(iat));
    claims.insert("nbf".into(), json!(iat.saturating_sub(NOT_BEFORE_S)));
    let lifetime_s = options.expires_in_seconds.unwrap_or(issuer.token_lifetime_s);
    claims.insert("exp".into(), json!(iat.saturating_add(lifetime_s)));
    claims.insert("jti".into(), json!(issue.jti));
    let party = options.authorized_party.as_deref().or(issuer.authorized_party);
    if let Some(party) = party.filter(|_| !options.no_authorized_party) {
        claims.insert("azp".into(), json!(party));
    }
    claims
}

#[cfg(test)]
mod tests;
