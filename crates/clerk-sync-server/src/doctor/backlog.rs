//! What waits in the database, and what has stopped coming.

use clerk_sync::core::Timestamp;

use super::evidence::EventLog;
use super::{Check, Evidence, Finding};

/// Retries begin after a second and double: what is older than this has failed several times.
const PENDING_WARNING_MS: i64 = 5 * 60_000;
const PENDING_ERROR_MS: i64 = 60 * 60_000;
/// A repair is due at once; a running server takes it within seconds, and puts it off for ten minutes at most.
const REPAIR_OVERDUE_MS: i64 = 10 * 60_000;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "pending",
        about: "the oldest event that is stored and not applied has waited for long",
        fix: "See that `serve` is running; `clerk-sync events list --status failed` and `events show ID` say why; `events replay ID` tries again.",
        judge: pending,
    },
    Check {
        name: "dead_letters",
        about: "events that were given up on",
        fix: "`clerk-sync events list --status dead` shows them; once the cause is gone `clerk-sync events replay --status dead --yes` applies them.",
        judge: dead_letters,
    },
    Check {
        name: "repairs",
        about: "records that should have been compared with Clerk are overdue",
        fix: "See that `serve` is running and can reach Clerk; `clerk-sync users list --dirty` shows them, `users refetch ID` settles one.",
        judge: repairs,
    },
    Check {
        name: "unconfirmed",
        about: "users made just in time that no webhook has told of, while others have come",
        fix: "Look for failed messages in Clerk's Dashboard, Webhooks, and have them sent again; see webhook_events.",
        judge: unconfirmed,
    },
    Check {
        name: "silence",
        about: "no webhook has come since users were made just in time, or ever",
        fix: "In Clerk's Dashboard, Webhooks: is there an endpoint with this address, is it enabled (it is switched off after five days of failures), what do its last attempts say?",
        judge: silence,
    },
    Check {
        name: "deletions",
        about: "a comparison found so many users missing in Clerk that their deletion is held back",
        fix: "See that the secret key is right and Clerk's Dashboard lacks these users as well; then `clerk-sync sweep --confirm-deletions COUNT`.",
        judge: deletions,
    },
];

fn log(evidence: &Evidence) -> Result<&EventLog, Finding> {
    evidence.log().ok_or_else(|| Finding::not_judged("the database cannot be read"))
}

fn pending(evidence: &Evidence) -> Finding {
    let backlog = match log(evidence) {
        Ok(log) => &log.backlog,
        Err(finding) => return finding,
    };
    let Some(oldest) = backlog.oldest_unprocessed else { return Finding::ok("nothing waits") };
    let age = evidence.now.millis_since(oldest);
    let count = backlog.pending.saturating_add(backlog.failed);
    let seen = format!("{count} wait, the oldest for {}", span(age));
    match age {
        age if age >= PENDING_ERROR_MS => Finding::error(seen),
        age if age >= PENDING_WARNING_MS => Finding::warning(seen),
        _ => Finding::ok(seen),
    }
}

fn dead_letters(evidence: &Evidence) -> Finding {
    match log(evidence) {
        Err(finding) => finding,
        Ok(log) if log.backlog.dead == 0 => Finding::ok("none"),
        Ok(log) => Finding::warning(format!("{} dead letter(s)", log.backlog.dead)),
    }
}

fn repairs(evidence: &Evidence) -> Finding {
    let backlog = match log(evidence) {
        Ok(log) => &log.backlog,
        Err(finding) => return finding,
    };
    let Some(due) = backlog.oldest_repair else { return Finding::ok("no record is to be compared") };
    let late = evidence.now.millis_since(due);
    let seen = format!("{} record(s) to be compared", backlog.dirty);
    match late >= REPAIR_OVERDUE_MS {
        true => Finding::warning(format!("{seen}, the oldest overdue by {}", span(late))),
        false => Finding::ok(seen),
    }
}

/// Whether users are made just in time and nothing has come since: webhooks do not get here at all.
fn is_silent(log: &EventLog) -> bool {
    let newest = log.newest.first().map_or(Timestamp::MIN, |delivery| delivery.received_at);
    log.backlog.newest_unconfirmed.is_some_and(|made| made > newest)
}

fn unconfirmed(evidence: &Evidence) -> Finding {
    match log(evidence) {
        Err(finding) => finding,
        Ok(log) if log.backlog.unconfirmed == 0 => Finding::ok("none"),
        Ok(log) if is_silent(log) => Finding::not_judged("no webhook comes at all"),
        Ok(log) => Finding::warning(format!("{} user(s) without a webhook", log.backlog.unconfirmed)),
    }
}

fn silence(evidence: &Evidence) -> Finding {
    let log = match log(evidence) {
        Ok(log) => log,
        Err(finding) => return finding,
    };
    let newest = log.newest.first().map(|delivery| evidence.now.millis_since(delivery.received_at));
    if let Some(silent) = log.equality.as_ref().and_then(|equality| equality.silent) {
        let age = evidence.now.millis_since(Timestamp::from_millis(silent.since_ms));
        return Finding::error(format!(
            "users sign up, no webhook for {}: {}",
            span(age),
            silent.cause.advice()
        ));
    }
    match newest {
        _ if is_silent(log) => Finding::error(match newest {
            Some(age) => {
                format!("the last webhook came {} ago; users were made just in time since", span(age))
            }
            None => "users were made just in time, and no webhook has ever come".to_owned(),
        }),
        None if log.backlog.users > 0 => Finding::warning("there are users, and no webhook has ever come"),
        None => Finding::not_judged("nobody has signed up yet"),
        Some(age) => Finding::ok(format!("the last webhook came {} ago", span(age))),
    }
}

fn deletions(evidence: &Evidence) -> Finding {
    let equality = match log(evidence) {
        Ok(log) => log.equality.as_ref(),
        Err(finding) => return finding,
    };
    match equality.map(|equality| equality.brake) {
        None => Finding::not_judged("the settings do not do for a server"),
        Some(None) => Finding::ok("none is held back"),
        Some(Some(brake)) => Finding::error(format!(
            "{} of {} users are missing in Clerk, {} may go without confirmation",
            brake.missing, brake.users, brake.allowed
        )),
    }
}

/// A time in words, rounded down.
fn span(millis: i64) -> String {
    match millis.max(0) / 1_000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
