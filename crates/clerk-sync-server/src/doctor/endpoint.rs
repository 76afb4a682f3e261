//! Whether the public address leads here, as Clerk and browsers need it.

use std::time::Duration;

use http::StatusCode;

use super::evidence::{Forwarded, Said, Unanswered};
use super::{Check, Evidence, Finding};

/// Svix gives up after fifteen seconds; a fifth of that is no longer normal.
const SLOW: Duration = Duration::from_secs(3);

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "endpoint",
        about: "nobody, or somebody else, answers at POST /webhooks/clerk of the public address",
        fix: "Route POST /webhooks/clerk of the public address to this server, with its path and body as they are.",
        judge: endpoint,
    },
    Check {
        name: "endpoint_redirect",
        about: "it answers 3xx, which Clerk counts as a failure",
        fix: "Give Clerk the address it redirects to (https, www or not, slash at the end or not), or exempt the path from redirects.",
        judge: redirect,
    },
    Check {
        name: "endpoint_auth",
        about: "something before this server answers 401 or 403",
        fix: "Exempt POST /webhooks/clerk from the app's or the proxy's authentication (middleware, basic auth, bot protection): its signature is its proof.",
        judge: authentication,
    },
    Check {
        name: "endpoint_speed",
        about: "it answers late; Clerk gives up after 15 s",
        fix: "Look at what stands between (cold starts, proxies, rate limits) and at clerk_sync_webhook_duration_seconds of this server.",
        judge: speed,
    },
    Check {
        name: "proxy_authorization",
        about: "a proxy takes the `Authorization` header out of requests to /me",
        fix: "Have the proxy pass it on (nginx: proxy_set_header Authorization $http_authorization; no auth_basic on the path), or send the cookie instead.",
        judge: authorization,
    },
];

const NOT_ASKED: &str = "no --url was given";

fn said(evidence: &Evidence) -> Result<&Said, Finding> {
    let Some(answer) = &evidence.endpoint else { return Err(Finding::not_judged(NOT_ASKED)) };
    answer.result.as_ref().map_err(|_| Finding::not_judged("there is no answer"))
}

fn endpoint(evidence: &Evidence) -> Finding {
    let Some(answer) = &evidence.endpoint else { return Finding::not_judged(NOT_ASKED) };
    let said = match &answer.result {
        Ok(said) => said,
        Err(Unanswered::TooSlow) => return Finding::not_judged("there is no answer in time"),
        Err(Unanswered::NoConnection) => return Finding::error("there is no connection to it"),
        Err(Unanswered::Broken) => return Finding::error("the connection broke before there was an answer"),
    };
    let status = said.status.as_u16();
    match said.code.as_deref() {
        Some("webhook_malformed") => Finding::ok("it refuses an unsigned webhook, as this server does"),
        Some("webhook_not_configured") => {
            Finding::error("the server there has no signing secret: it answers every webhook 503")
        }
        Some(code) => Finding::error(format!("the server there answers {status} {code}")),
        None if said.status.is_redirection() => Finding::not_judged("it redirects"),
        None if is_refusal(said) => Finding::not_judged("something before it refuses"),
        None => Finding::error(format!("somebody else answers: {status}")),
    }
}

fn is_refusal(said: &Said) -> bool {
    said.code.is_none() && matches!(said.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

fn redirect(evidence: &Evidence) -> Finding {
    match said(evidence) {
        Err(finding) => finding,
        Ok(said) if said.status.is_redirection() => {
            let to = said.location.as_deref().unwrap_or("nowhere");
            Finding::error(format!("it answers {} to {to}", said.status.as_u16()))
        }
        Ok(_) => Finding::ok("it does not redirect"),
    }
}

fn authentication(evidence: &Evidence) -> Finding {
    match said(evidence) {
        Err(finding) => finding,
        Ok(said) if is_refusal(said) => {
            Finding::error(format!("{} from something before this server", said.status.as_u16()))
        }
        Ok(_) => Finding::ok("nothing stands before it"),
    }
}

fn speed(evidence: &Evidence) -> Finding {
    let Some(answer) = &evidence.endpoint else { return Finding::not_judged(NOT_ASKED) };
    let millis = answer.took.as_millis();
    match &answer.result {
        Err(Unanswered::TooSlow) => Finding::error(format!("no answer within {millis} ms")),
        Err(_) => Finding::not_judged("there is no answer"),
        Ok(_) if answer.took >= SLOW => Finding::warning(format!("it took {millis} ms")),
        Ok(_) => Finding::ok(format!("it took {millis} ms")),
    }
}

fn authorization(evidence: &Evidence) -> Finding {
    match evidence.forwarded {
        None => Finding::not_judged(NOT_ASKED),
        // A token that does not hold is refused with the header as without it.
        Some(Forwarded::No) if matches!(evidence.token, Some(Err(_))) => {
            Finding::not_judged("the token given does not hold")
        }
        Some(Forwarded::No) => Finding::error("the server answers /me as if no token had come"),
        Some(Forwarded::Yes) => Finding::ok("it gets through"),
        Some(Forwarded::Unseen) => {
            Finding::not_judged("nothing tells: give a --token, or run this where the server listens")
        }
        Some(Forwarded::NotOurs) => Finding::not_judged("this server does not answer at /me of it"),
    }
}
