//! Whether webhooks can be, and are, verified and of the kinds that are needed.

use super::{Check, Evidence, Finding};

const LAST_ACCEPTED: &str = "clerk_sync_last_webhook_timestamp_seconds";
const LAST_REFUSED: &str = "clerk_sync_last_refused_webhook_timestamp_seconds";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "webhook_secret",
        about: "the webhook signing secret is missing or malformed",
        fix: "Copy the endpoint's signing secret (whsec_…) from Clerk's Dashboard, Webhooks, into CLERK_WEBHOOK_SIGNING_SECRET.",
        judge: webhook_secret,
    },
    Check {
        name: "webhook_secret_name",
        about: "the secret is in a variable of another name",
        fix: "Rename the variable to CLERK_WEBHOOK_SIGNING_SECRET, which is Clerk's present name for it.",
        judge: webhook_secret_name,
    },
    Check {
        name: "webhook_signature",
        about: "the last webhook the running server got was refused: its signature did not match the secret, or its time was off",
        fix: "Compare the signing secret of the endpoint in Clerk's Dashboard with CLERK_WEBHOOK_SIGNING_SECRET of the running server (while rotating, set both), and the clocks; then have Clerk send the failed messages again.",
        judge: webhook_signature,
    },
    Check {
        name: "webhook_events",
        about: "events the endpoint seems not to be subscribed to: their type was never seen",
        fix: "Subscribe the endpoint to user.created, user.updated and user.deleted (Clerk's Dashboard, Webhooks). If it is, the first event of the kind ends this warning.",
        judge: webhook_events,
    },
];

fn webhook_secret(evidence: &Evidence) -> Finding {
    if let Some(fault) = evidence.faults_of(&["CLERK_WEBHOOK_SIGNING_SECRET", "CLERK_WEBHOOK_SECRET"]) {
        return Finding::error(fault);
    }
    let settings = &evidence.asked.settings;
    let count = evidence.config().and_then(|config| config.webhook_secrets.as_ref());
    match count.map(|secrets| secrets.names().count()) {
        Some(count) => Finding::ok(format!("{count} secret(s) by {}", settings.webhook_names.join(" and "))),
        // Then the name is what is wrong.
        None if !settings.lookalikes.is_empty() => Finding::not_judged("there is one under another name"),
        None if evidence.config().is_none() => Finding::not_judged(evidence.clerk_silent()),
        None => Finding::error("no signing secret is set: webhooks are answered 503"),
    }
}

fn webhook_secret_name(evidence: &Evidence) -> Finding {
    let settings = &evidence.asked.settings;
    match (settings.webhook_names.as_slice(), settings.lookalikes.as_slice()) {
        ([], []) => Finding::not_judged("no signing secret is set"),
        ([], others) => {
            Finding::error(format!("{} holds a signing secret, and is not read", others.join(" and ")))
        }
        (["CLERK_WEBHOOK_SECRET"], _) => Finding::warning(
            "only CLERK_WEBHOOK_SECRET is set: an older name, read here but not by Clerk's SDKs",
        ),
        (names, _) => Finding::ok(names.join(" and ")),
    }
}

fn webhook_signature(evidence: &Evidence) -> Finding {
    let Some(figures) = &evidence.server else {
        return Finding::not_judged("no server answers where these settings say it listens");
    };
    let accepted = figures.value(LAST_ACCEPTED).unwrap_or(0.0);
    let refused = figures.value(LAST_REFUSED).unwrap_or(0.0);
    if refused > accepted {
        let count = |reason| {
            let series = format!("clerk_sync_webhooks_refused_total{{reason=\"{reason}\"}}");
            figures.value(&series).unwrap_or(0.0)
        };
        return Finding::error(format!(
            "the last webhook was refused; since its start the server refused {} for the signature and {} for the time",
            count("signature"),
            count("clock_skew")
        ));
    }
    match accepted > 0.0 {
        true => Finding::ok("the last webhook was accepted"),
        false => Finding::not_judged("the server has had no webhook since its start"),
    }
}

fn webhook_events(evidence: &Evidence) -> Finding {
    let Some(log) = evidence.log() else { return Finding::not_judged("the event log cannot be read") };
    if log.newest.is_empty() {
        return Finding::not_judged("no webhook has come yet");
    }
    let never: Vec<&str> =
        log.newest_of.iter().filter(|(_, at)| at.is_none()).map(|(event, _)| *event).collect();
    match never.as_slice() {
        [] => Finding::ok("user.created, user.updated and user.deleted have all come"),
        never => Finding::warning(format!("never seen: {}", never.join(", "))),
    }
}
