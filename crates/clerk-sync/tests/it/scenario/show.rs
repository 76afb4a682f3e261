//! Rows, answers and times as short lines.

use clerk_sync::{Refusal, User};
use clerk_sync_core::{Delivery, EmailAddress, Entry, Record, Timestamp, Username};
use clerk_sync_testkit::sample::NOW;

/// A moment as the time since the script began.
pub(super) fn time(at: Timestamp) -> String {
    let millis = at.millis_since(NOW);
    if millis % 1_000 == 0 { format!("{:+}s", millis / 1_000) } else { format!("{millis:+}ms") }
}

pub(super) fn entry(entry: &Entry) -> String {
    match entry {
        Entry::Gone(tombstone) => {
            format!("{} gone {} by {}", tombstone.id, time(tombstone.at), tombstone.source.as_str())
        }
        Entry::Live(record) => live(record),
    }
}

fn live(record: &Record) -> String {
    let mut line = format!("{} rev {}", record.id, record.rev.0);
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str(&format!(" {name}={value}"));
        }
    };
    add("version", Some(record.version.map_or_else(|| "none".into(), time)));
    add("first", record.profile.first_name.clone());
    add("email", Some(held(record.email.as_ref().map(EmailAddress::as_str), record.email_claim_key())));
    add("username", Some(held(record.username.as_ref().map(Username::as_str), record.username_claim_key())));
    add("role", record.role.as_ref().map(ToString::to_string));
    add("signed_in", record.last_sign_in_at.map(time));
    add("by", Some(record.source.as_str().into()));
    add("webhook", record.webhook_at.map(time));
    add("dirty", record.repair.map(|repair| repair.attempts.to_string()));
    line
}

/// What is held; in brackets what is only claimed.
fn held(held: Option<&str>, claimed: Option<&str>) -> String {
    match (held, claimed) {
        (Some(held), _) => held.into(),
        (None, Some(claimed)) => format!("({claimed})"),
        (None, None) => "-".into(),
    }
}

pub(super) fn delivery(delivery: &Delivery) -> String {
    let name = delivery.id.as_str().trim_start_matches("msg_").replace('_', ".");
    let outcome = delivery.outcome.as_deref().unwrap_or("-");
    let body = if delivery.body.is_some() { "kept" } else { "dropped" };
    let mut line = format!(
        "{name} {:?} {} attempts={} outcome={outcome} body={body}",
        delivery.event_type,
        delivery.status.as_str(),
        delivery.attempts
    );
    if let Some(error) = &delivery.error {
        line.push_str(&format!(" error={error:?}"));
    }
    line
}

pub(super) fn answer(answer: &Result<User, Refusal>) -> String {
    match answer {
        Ok(user) => format!("ok {}", live(&user.record)),
        Err(Refusal::Unavailable { cause, retry_after_ms }) => {
            format!("unavailable cause={cause} retry_after={retry_after_ms}ms")
        }
        Err(refusal) => {
            let retry = refusal.retry_after_ms().map(|millis| format!(" retry_after={millis}ms"));
            format!("{}{}", refusal.code(), retry.unwrap_or_default())
        }
    }
}
