//! Whether session tokens can be proved, and whose.

use super::evidence::is_local;
use super::{Check, Evidence, Finding};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "jwks",
        about: "the keys of session tokens cannot be fetched",
        fix: "Let this machine reach CLERK_API_URL/v1/jwks, or set CLERK_JWT_KEY to the public key from Clerk's Dashboard, API keys.",
        judge: jwks,
    },
    Check {
        name: "key_id",
        about: "the `kid` of session tokens is not among the keys",
        fix: "Take secret key, publishable key and tokens from the same instance; Clerk names an instance's key by the instance's id.",
        judge: key_id,
    },
    Check {
        name: "jwt_key",
        about: "CLERK_JWT_KEY is malformed, or is not a key Clerk publishes",
        fix: "Copy the JWKS public key of this instance from Clerk's Dashboard, API keys, or remove CLERK_JWT_KEY: then the keys are fetched, and rotations followed.",
        judge: jwt_key,
    },
    Check {
        name: "issuer",
        about: "the issuer is missing, malformed, or not the one in the publishable key",
        fix: "Remove CLERK_SYNC_ISSUER unless the Frontend API is proxied; then give it exactly as the iss of a token. Judge one with --token.",
        judge: issuer,
    },
    Check {
        name: "authorized_parties",
        about: "no origins (`azp`) are set, or one no token can have",
        fix: "Set CLERK_SYNC_AUTHORIZED_PARTIES to the origins of the app: scheme, host and port, without a path or a slash at the end.",
        judge: authorized_parties,
    },
    Check {
        name: "token",
        about: "the token given with `--token` is refused",
        fix: "The word says which rule it breaks: expired (they live a minute), issuer, authorized_party, signature (see jwt_key), unknown_key (see key_id).",
        judge: token,
    },
];

fn jwks(evidence: &Evidence) -> Finding {
    match (&evidence.published, evidence.instance_id()) {
        (Some(published), _) if published.any => Finding::ok("Clerk publishes keys"),
        (_, None) => Finding::not_judged(evidence.clerk_silent()),
        (_, Some(_)) if evidence.config().is_some_and(|config| config.jwt_key.is_some()) => {
            Finding::not_judged("CLERK_JWT_KEY is used instead")
        }
        _ => Finding::error("Clerk answers, but gives no usable keys at /v1/jwks"),
    }
}

fn key_id(evidence: &Evidence) -> Finding {
    if evidence.token == Some(Err("unknown_key")) {
        return Finding::error("no key has the kid of the token given");
    }
    match evidence.published.as_ref().and_then(|published| published.of_instance) {
        Some(true) => Finding::ok("a key is named by the instance's id"),
        Some(false) => Finding::error("no key is named by the instance's id"),
        None => Finding::not_judged("instance or keys are not known"),
    }
}

fn jwt_key(evidence: &Evidence) -> Finding {
    if let Some(fault) = evidence.faults_of(&["CLERK_JWT_KEY"]) {
        return Finding::error(fault);
    }
    if evidence.config().is_none_or(|config| config.jwt_key.is_none()) {
        return Finding::ok("not set: the keys are fetched");
    }
    match evidence.published.as_ref().and_then(|published| published.has_configured) {
        Some(true) => Finding::ok("it is one of the keys Clerk publishes"),
        Some(false) => Finding::error("it is none of the keys Clerk publishes: every token will be refused"),
        None => Finding::not_judged("the keys Clerk publishes are not known"),
    }
}

fn issuer(evidence: &Evidence) -> Finding {
    if let Some(fault) = evidence.faults_of(&["CLERK_PUBLISHABLE_KEY", "CLERK_SYNC_ISSUER"]) {
        return Finding::error(fault);
    }
    let Some(config) = evidence.config() else { return Finding::not_judged(evidence.clerk_silent()) };
    let Some(key) = &config.publishable_key else {
        return Finding::ok(format!("{}, by CLERK_SYNC_ISSUER", config.issuer));
    };
    if key.issuer() == config.issuer {
        return Finding::ok(config.issuer.clone());
    }
    let seen = format!("CLERK_SYNC_ISSUER is {}, the publishable key says {}", config.issuer, key.issuer());
    match evidence.token {
        Some(Ok(())) => Finding::ok(format!("{seen}; the token given agrees with the former")),
        Some(Err("issuer")) => Finding::error(format!("{seen}; the token given is not of the former")),
        _ => Finding::warning(seen),
    }
}

fn authorized_parties(evidence: &Evidence) -> Finding {
    let Some(config) = evidence.config() else { return Finding::not_judged(evidence.clerk_silent()) };
    let origins = &config.authorized_parties;
    if origins.is_empty() {
        return Finding::warning("none: tokens made for any site of the instance are accepted");
    }
    let wrong: Vec<&str> = origins.iter().map(String::as_str).filter(|origin| !is_origin(origin)).collect();
    if !wrong.is_empty() {
        return Finding::error(format!("no origin: {}", wrong.join(", ")));
    }
    let local =
        |origin: &String| reqwest::Url::parse(origin).is_ok_and(|url| url.host_str().is_some_and(is_local));
    if config.secret_key.is_live() && origins.iter().all(local) {
        return Finding::error("a production key, and only origins of this machine");
    }
    Finding::ok(origins.join(", "))
}

/// Whether a browser could send it as an origin, letter for letter.
fn is_origin(text: &str) -> bool {
    let url = reqwest::Url::parse(text);
    url.is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}

fn token(evidence: &Evidence) -> Finding {
    match evidence.token {
        None if evidence.asked.token.is_none() => Finding::not_judged("no --token was given"),
        None => Finding::not_judged("the settings give no keys to judge it by"),
        Some(Ok(())) => Finding::ok("the token given holds"),
        Some(Err("unknown_key")) => Finding::not_judged("its key is not known"),
        Some(Err("keys_unavailable")) => Finding::not_judged("the keys cannot be had"),
        Some(Err("issuer")) if issuer(evidence).status != super::Status::Ok => {
            Finding::not_judged("the issuer of the settings is in doubt")
        }
        Some(Err("signature")) if jwt_key(evidence).status != super::Status::Ok => {
            Finding::not_judged("CLERK_JWT_KEY is another key")
        }
        Some(Err(reason)) => Finding::error(format!("it is refused: {reason}")),
    }
}
