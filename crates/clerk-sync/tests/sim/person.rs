//! A user as the simulated Clerk has them, and what Clerk would send about them.

use clerk_sync::clerk::snapshot_from_user;
use clerk_sync_core::{Snapshot, UserId};

use crate::plan::Oddity;
use crate::tape::Tape;

pub(crate) const INSTANCE: &str = "ins_sim";

const EMAILS: u64 = 5;
const USERNAMES: u64 = 3;

/// What may change about a user; small ranges, so that users get in each other's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    email: Option<u64>,
    verified: bool,
    username: Option<u64>,
    first_name: bool,
    pub(crate) banned: bool,
}

impl Person {
    /// Somebody with values none of `others` has now.
    pub(crate) fn random(tape: &mut Tape, others: &[&Self]) -> Self {
        let mut free = |end: u64, taken: &dyn Fn(&Self) -> Option<u64>| {
            let first = tape.below(end);
            let mut values = (0..end).map(|step| (first + step) % end);
            values.find(|value| others.iter().all(|other| taken(other) != Some(*value)))
        };
        let email = free(EMAILS, &|other| other.email);
        let username = free(USERNAMES, &|other| other.username);
        Self {
            email: email.filter(|_| tape.below(20) > 0),
            verified: tape.below(4) > 0,
            username: username.filter(|_| tape.below(3) == 0),
            first_name: tape.below(2) == 0,
            banned: tape.below(30) == 0,
        }
    }

    pub(crate) fn clashes_with(&self, other: &Self) -> bool {
        (self.email.is_some() && self.email == other.email)
            || (self.username.is_some() && self.username == other.username)
    }

    /// The User object.
    pub(crate) fn json(&self, user: usize, created_at: i64, version: i64) -> String {
        let status = if self.verified { "verified" } else { "unverified" };
        let email = self.email.map_or_else(String::new, |email| {
            format!(
                r#"{{"id":"idn_1","email_address":"e{email}@example.com","verification":{{"status":"{status}"}}}}"#
            )
        });
        let username = match self.username {
            None => "null".to_owned(),
            // The name that is derived for whoever has none and is called so.
            Some(0) => r#""ADA""#.to_owned(),
            Some(name) => format!(r#""name{name}""#),
        };
        let first_name = if self.first_name { r#""Ada""# } else { "null" };
        format!(
            r#"{{"id":"user_{user}","object":"user","first_name":{first_name},"username":{username},"primary_email_address_id":"idn_1","email_addresses":[{email}],"phone_numbers":[],"public_metadata":{{}},"banned":{},"locked":false,"created_at":{created_at},"updated_at":{version},"last_sign_in_at":null}}"#,
            self.banned
        )
    }
}

pub(crate) fn user_id(user: usize) -> UserId {
    UserId::parse(&format!("user_{user}")).unwrap()
}

/// The answer of the Backend API with this User object.
pub(crate) fn snapshot(json: &str) -> Snapshot {
    snapshot_from_user(json.as_bytes()).unwrap()
}

/// The webhook that tells of a change; `json` is the user, or nothing after a deletion.
pub(crate) fn changed(user: usize, json: Option<&str>, first: bool, now: i64) -> String {
    match json {
        Some(json) => event(if first { "user.created" } else { "user.updated" }, json, now),
        None => {
            event("user.deleted", &format!(r#"{{"deleted":true,"id":"user_{user}","object":"user"}}"#), now)
        }
    }
}

pub(crate) fn signed_in(user: usize, now: i64) -> String {
    let data = format!(r#"{{"id":"sess_1","object":"session","user_id":"user_{user}","created_at":{now}}}"#);
    event("session.created", &data, now)
}

/// A webhook with something wrong; what is wrong with a forged one is only its signature.
pub(crate) fn odd(user: usize, oddity: Oddity, now: i64) -> String {
    let deleted = changed(user, None, false, now);
    match oddity {
        Oddity::Unreadable => event("user.updated", &format!(r#"{{"user_id":"user_{user}"}}"#), now),
        Oddity::Foreign => deleted.replace(INSTANCE, "ins_other"),
        Oddity::Forged => deleted,
    }
}

fn event(event_type: &str, data: &str, now: i64) -> String {
    format!(
        r#"{{"data":{data},"instance_id":"{INSTANCE}","object":"event","timestamp":{now},"type":"{event_type}"}}"#
    )
}
