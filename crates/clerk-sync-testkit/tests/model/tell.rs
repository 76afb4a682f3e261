//! Steps in plain words.

use clerk_sync_core::{Entry, Record};
use clerk_sync_testkit::State;

use crate::clerk::{Change, Clerk, Content, USERS, id_of};
use crate::ledger::{Cause, Ledger};
use crate::replica::{Handler, Then};
use crate::world::{Protocol, Sending, Stage, Step, WorldOf};

pub(crate) fn user(user: usize) -> &'static str {
    ["A", "B"][user]
}

/// What a change does, in words.
pub(crate) fn change(clerk: &Clerk, event: u8) -> String {
    let user_of = |index| user(index);
    match clerk.change(event) {
        Change::Becomes { user, version, content } => {
            format!("{} at version {version}: {}", user_of(user), self::content(&content))
        }
        Change::Unversioned { user, version, content } => {
            format!("{} at version {version} (not told): {}", user_of(user), self::content(&content))
        }
        Change::SignsIn { user } => format!("{} signs in", user_of(user)),
        Change::Deleted { user } => format!("{} is deleted", user_of(user)),
    }
}

fn content(content: &Content) -> String {
    let email = content.email.map_or("no address".into(), |(email, verified)| {
        format!("{email}{}", if verified { "" } else { " (unverified)" })
    });
    let username = content.username.map_or(String::new(), |name| format!(", username {name}"));
    format!("{}, {email}{username}", content.first_name)
}

pub(crate) fn step<P: Protocol>(
    stage: &Stage<P>,
    step: Step,
    before: &WorldOf<P>,
    after: &WorldOf<P>,
) -> String {
    let handler = |slot: u8, read: u8| {
        stage.protocol.tell_handler(&stage.clerk, before.handlers[usize::from(slot)], read)
    };
    match step {
        Step::Clerk => format!("Clerk: {}", change(&stage.clerk, before.position)),
        Step::Deliver { event, why } => {
            let why = match why {
                Sending::Owed => "is delivered",
                Sending::Duplicate => "is delivered once more",
                Sending::Replay => "is replayed by an operator under a new id",
            };
            format!("webhook {} {why} ({})", event + 1, change(&stage.clerk, event))
        }
        Step::Request { user } => format!("{} asks for /me", self::user(usize::from(user))),
        Step::Sweep => "a sweep starts".into(),
        Step::Take => {
            let taken = after.handlers.iter().find(|handler| {
                let count = |handlers: &[P::Handler]| handlers.iter().filter(|h| h == handler).count();
                count(&after.handlers) > count(&before.handlers)
            });
            let words = taken.map(|taken| stage.protocol.tell_handler(&stage.clerk, *taken, before.position));
            format!("a worker takes over: next, {}", words.unwrap_or_default())
        }
        Step::Advance { slot, read, stale } => {
            format!("{}{}", handler(slot, read), if stale { " (a stale answer)" } else { "" })
        }
        Step::Crash { slot } => format!("a replica dies before: {}", handler(slot, before.position)),
        Step::CrashAll => "a replica dies with all it had under way".into(),
        Step::FailBefore { slot } => format!("fails, nothing is written: {}", handler(slot, before.position)),
        Step::FailAfter { slot } => {
            format!("is done, but reports an error: {}", handler(slot, before.position))
        }
    }
}

/// What a handler of ours does next, in words.
pub(crate) fn handler(clerk: &Clerk, ledger: &Ledger, handler: Handler, read: u8) -> String {
    let name = |index: u8| user(usize::from(index));
    let number =
        |event: u8, replayed: bool| format!("{}{}", event + 1, if replayed { " (again)" } else { "" });
    let answered = |user: u8| match read_as_of(clerk, user, read) {
        Some(words) => format!("Clerk answers: {words}"),
        None => "Clerk has no such user".into(),
    };
    match handler {
        Handler::Idle => "nothing".into(),
        Handler::Look { cause, .. } => format!("{}: view and decide", because(clerk, cause)),
        Handler::Commit { cause, decision, .. } => {
            format!("{}: commit \"{}\"", because(clerk, cause), ledger.decision(decision).outcome)
        }
        Handler::Park { event, replayed } => format!("webhook {}: stored alone", number(event, replayed)),
        Handler::Answer { event, replayed } => format!("webhook {}: answered 2xx", number(event, replayed)),
        Handler::Find { user, asked, then, .. } => {
            let purpose = if matches!(then, Then::Apply { .. }) { "a delivery waits for" } else { "/me of" };
            format!("{purpose} {}: read the record, look {}", name(user), asked + 1)
        }
        Handler::Ask { user, asked, .. } => {
            format!("/me of {}: ask Clerk, time {}: {}", name(user), asked + 1, answered(user))
        }
        Handler::Close { event, replayed, failed, .. } => {
            format!(
                "webhook {}: {}",
                number(event, replayed),
                if failed { "put back as failed" } else { "put away" }
            )
        }
        Handler::Mend { user, asked, current, .. } => format!(
            "repair of {}{}: ask Clerk, time {}: {}",
            name(user),
            if current { "" } else { " (overtaken)" },
            asked + 1,
            answered(user)
        ),
        Handler::SweepHere => "sweep: read the ids here".into(),
        Handler::SweepThere { .. } => format!("sweep: read Clerk's list as of change {read}"),
    }
}

fn read_as_of(clerk: &Clerk, user: u8, at: u8) -> Option<String> {
    clerk.snapshot(usize::from(user), at)?;
    clerk.latest(usize::from(user), at).checked_sub(1).map(|event| change(clerk, event))
}

fn because(clerk: &Clerk, cause: Cause) -> String {
    let name = |index: u8| user(usize::from(index));
    let fence = |current: bool| if current { "" } else { ", overtaken" };
    let of = |user: u8, at: u8| read_as_of(clerk, user, at).unwrap_or_default();
    match cause {
        Cause::Webhook { event, replayed } => {
            format!("webhook {}{}", event + 1, if replayed { " (again)" } else { "" })
        }
        Cause::Retry { event, .. } => format!("webhook {}, by the worker", event + 1),
        Cause::Lookup { user, at } => format!("/me of {} with Clerk's answer ({})", name(user), of(user, at)),
        Cause::Claims { user, .. } => format!("/me of {} with the token's claims", name(user)),
        Cause::Repaired { user, at, current } => {
            format!("repair of {}{} with Clerk's answer ({})", name(user), fence(current), of(user, at))
        }
        Cause::Absent { user, current } => {
            format!("repair of {}{}: Clerk said twice there is none", name(user), fence(current))
        }
        Cause::Listed { user, at, .. } => format!("sweep: {} is in the list ({})", name(user), of(user, at)),
        Cause::Unlisted { user, .. } => format!("sweep: {} is not in the list", name(user)),
    }
}

/// What is in the database, in words.
pub(crate) fn database(state: &State) -> String {
    let rows = (0..USERS).filter_map(|index| {
        Some(match state.record(&id_of(index))? {
            Entry::Gone(_) => format!("{}: tombstone", user(index)),
            Entry::Live(record) => format!("{}: {}", user(index), row(record)),
        })
    });
    format!("= {}", rows.collect::<Vec<_>>().join("; "))
}

fn row(record: &Record) -> String {
    let version = record.version.map_or("no version".into(), |version| {
        format!("version {}", version.millis_since(clerk_sync_testkit::sample::at(-1_000)))
    });
    format!(
        "{version}, {}, address {}, name {}{}{}",
        record.profile.first_name.as_deref().unwrap_or("-"),
        record.email.as_ref().map_or("-", |email| email.as_str()),
        record.username.as_ref().map_or("-", |name| name.as_str()),
        record.role.as_ref().filter(|role| role.as_str() == "admin").map_or("", |_| ", admin"),
        if record.is_dirty() { ", dirty" } else { "" },
    )
}
