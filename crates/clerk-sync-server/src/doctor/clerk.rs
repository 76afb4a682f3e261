//! What was configured, and what Clerk says to it.

use clerk_sync::clerk::InstanceType;
use clerk_sync::clerk::api::BudgetSettings;
use clerk_sync::clerk::receive;
use clerk_sync::core::{DirectoryError, Outcome};

use super::{Check, Evidence, Finding};

/// Clocks may differ by this much without a word, in milliseconds.
const CLOCK_WARNING_MS: i64 = 30_000;
/// A webhook is refused at 300 s; well before that it has to be known.
const CLOCK_ERROR_MS: i64 = 120_000;

/// Settings that have a check of their own.
const ELSEWHERE: [&str; 7] = [
    "CLERK_SECRET_KEY",
    "CLERK_PUBLISHABLE_KEY",
    "CLERK_SYNC_ISSUER",
    "CLERK_JWT_KEY",
    "CLERK_WEBHOOK_SIGNING_SECRET",
    "CLERK_WEBHOOK_SECRET",
    "DATABASE_URL",
];

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "settings",
        about: "a setting has a value that cannot be used",
        fix: "Give it a value of the kind named in docs/configuration.md; `serve` will not start before.",
        judge: settings,
    },
    Check {
        name: "secret_key",
        about: "the secret key is missing, malformed, or refused by Clerk",
        fix: "Copy the secret key (sk_test_… or sk_live_…) from Clerk's Dashboard, API keys, into CLERK_SECRET_KEY; a rotated or deleted key is refused.",
        judge: secret_key,
    },
    Check {
        name: "clerk_api",
        about: "Clerk's Backend API gives no usable answer",
        fix: "Let this machine reach https://api.clerk.com (DNS, firewall, egress proxy), or correct CLERK_API_URL; see also status.clerk.com.",
        judge: clerk_api,
    },
    Check {
        name: "key_pair",
        about: "secret key and publishable key are of different kinds of instance",
        fix: "Copy both keys from the same instance in Clerk's Dashboard: pk_test_ goes with sk_test_, pk_live_ with sk_live_.",
        judge: key_pair,
    },
    Check {
        name: "production",
        about: "keys of a development instance in production (`--production`, or an https `--url`)",
        fix: "Use the keys of the production instance (pk_live_, sk_live_): development instances have low limits and users of their own.",
        judge: production,
    },
    Check {
        name: "instance",
        about: "the secret key belongs to another instance than the one the database mirrors, or than the webhooks in the event log",
        fix: "Use the secret key of the instance the webhook endpoint is in, or a database of its own for each instance.",
        judge: instance,
    },
    Check {
        name: "budget",
        about: "Clerk's rate limit is used up, or CLERK_SYNC_API_LIMIT is above it",
        fix: "Find out what else uses the same secret key; lower CLERK_SYNC_API_SHARE, set CLERK_SYNC_API_LIMIT to the real limit, or ask Clerk for a higher one.",
        judge: budget,
    },
    Check {
        name: "clock",
        about: "this machine's clock, Clerk's and the database's differ",
        fix: "Synchronise the clocks (chrony, systemd-timesyncd): webhooks are refused when they are five minutes apart, tokens when five seconds.",
        judge: clock,
    },
];

fn settings(evidence: &Evidence) -> Finding {
    let faults = evidence.asked.settings.faults.iter();
    let names: Vec<&str> = faults.map(|f| f.variable).filter(|name| !ELSEWHERE.contains(name)).collect();
    match evidence.faults_of(&names) {
        Some(faults) => Finding::error(faults),
        None => Finding::ok("every value can be used"),
    }
}

fn secret_key(evidence: &Evidence) -> Finding {
    if let Some(fault) = evidence.faults_of(&["CLERK_SECRET_KEY"]) {
        return Finding::error(fault);
    }
    let hint = evidence.config().map(|config| config.secret_key.hint()).unwrap_or_default();
    match evidence.clerk.as_ref().map(|clerk| &clerk.instance) {
        Some(Ok(_)) => Finding::ok(format!("Clerk accepts {hint}")),
        Some(Err(DirectoryError::RefusedKey)) => Finding::error(format!("Clerk refuses {hint}")),
        _ => Finding::not_judged(evidence.clerk_silent()),
    }
}

fn clerk_api(evidence: &Evidence) -> Finding {
    let Some(config) = evidence.config() else { return Finding::not_judged(evidence.clerk_silent()) };
    match evidence.clerk.as_ref().map(|clerk| &clerk.instance) {
        None => Finding::error(format!("{} cannot be asked with a secret key", config.api_url)),
        Some(Err(error @ (DirectoryError::Unavailable { .. } | DirectoryError::Refused { .. }))) => {
            Finding::error(format!("{}: {error}", config.api_url))
        }
        Some(_) => Finding::ok(format!("{} answers", config.api_url)),
    }
}

fn key_pair(evidence: &Evidence) -> Finding {
    let Some(config) = evidence.config() else { return Finding::not_judged(evidence.clerk_silent()) };
    let Some(publishable) = &config.publishable_key else {
        return Finding::not_judged("there is no publishable key");
    };
    let kind = |live| if live { "production" } else { "development" };
    let publishable = kind(publishable.instance_type() == InstanceType::Production);
    let secret = kind(config.secret_key.is_live());
    if publishable == secret {
        return Finding::ok(format!("both keys are of a {secret} instance"));
    }
    Finding::error(format!(
        "the publishable key is of a {publishable} instance, the secret key of a {secret} one"
    ))
}

fn production(evidence: &Evidence) -> Finding {
    let Some(config) = evidence.config() else { return Finding::not_judged(evidence.clerk_silent()) };
    if !evidence.is_production() {
        return Finding::not_judged(
            "nothing says that this is production (--production, or --url with https)",
        );
    }
    if config.secret_key.is_live() {
        return Finding::ok("the secret key is of a production instance");
    }
    Finding::error(format!("{} is of a development instance", config.secret_key.hint()))
}

fn instance(evidence: &Evidence) -> Finding {
    let Some(ours) = evidence.instance_id() else { return Finding::not_judged(evidence.clerk_silent()) };
    let Some(log) = evidence.log() else {
        return Finding::not_judged("the event log cannot be read");
    };
    let recorded = log.equality.as_ref().and_then(|equality| equality.instance.as_deref());
    if let Some(recorded) = recorded.filter(|recorded| *recorded != ours) {
        return Finding::error(format!("the secret key is of {ours}, the database mirrors {recorded}"));
    }
    let foreign = Outcome::ForeignInstance.as_str();
    let (mut own, mut other) = (0_usize, 0_usize);
    for delivery in &log.newest {
        let body = delivery.body.as_deref();
        let theirs = body.and_then(|body| receive::read(body.as_bytes(), delivery.received_at).instance_id);
        match theirs {
            Some(theirs) if theirs == ours => own += 1,
            Some(_) => other += 1,
            None if delivery.outcome.as_deref() == Some(foreign) => other += 1,
            None => {}
        }
    }
    match (own, other) {
        (0, 0) if recorded.is_some() => Finding::ok(format!("secret key and database are of {ours}")),
        (0, 0) => Finding::not_judged("neither database nor deliveries say which instance they are of"),
        (own, 0) => Finding::ok(format!("the secret key and {own} deliveries are of {ours}")),
        (0, other) => {
            Finding::error(format!("the secret key is of {ours}, the {other} newest deliveries of another"))
        }
        (own, other) => Finding::warning(format!(
            "of the newest deliveries {own} are of {ours} and {other} of another instance"
        )),
    }
}

fn budget(evidence: &Evidence) -> Finding {
    let Some(config) = evidence.config() else { return Finding::not_judged(evidence.clerk_silent()) };
    if let Some(Err(DirectoryError::Throttled { retry_after_ms })) =
        evidence.clerk.as_ref().map(|clerk| &clerk.instance)
    {
        return Finding::error(format!("Clerk answers 429 and asks to wait {retry_after_ms} ms"));
    }
    let live = config.secret_key.is_live();
    let usual = if live { BudgetSettings::PRODUCTION } else { BudgetSettings::DEVELOPMENT }.requests;
    let set = config.budget.requests;
    if set > usual {
        return Finding::warning(format!(
            "CLERK_SYNC_API_LIMIT is {set}; Clerk's limit for such a key is {usual}"
        ));
    }
    Finding::ok(format!("at most {} % of {set} calls in ten seconds", config.budget.share_percent))
}

fn clock(evidence: &Evidence) -> Finding {
    let offsets = [
        ("Clerk's", evidence.clerk.as_ref().and_then(|clerk| clerk.clock_offset_ms)),
        ("the database's", evidence.database.as_ref().and_then(|database| database.clock_offset_ms)),
    ];
    let known: Vec<(&str, i64)> =
        offsets.into_iter().filter_map(|(whose, offset)| Some((whose, offset?))).collect();
    let Some((whose, offset)) = known.iter().copied().max_by_key(|(_, offset)| offset.saturating_abs())
    else {
        return Finding::not_judged("neither Clerk nor a database server told the time");
    };
    let seconds = offset.saturating_abs() / 1_000;
    let direction = if offset > 0 { "ahead of" } else { "behind" };
    let seen = format!("{whose} clock is {seconds} s {direction} this machine's");
    match offset.saturating_abs() {
        off if off >= CLOCK_ERROR_MS => Finding::error(seen),
        off if off >= CLOCK_WARNING_MS => Finding::warning(seen),
        _ => Finding::ok(format!("{} clock(s) compared, within {} s", known.len(), seconds + 1)),
    }
}
