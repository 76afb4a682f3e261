//! What the commands of operators share: where the database is, and how things are shown.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use clerk_sync::ClerkSync;
use clerk_sync::SystemClock;
use clerk_sync::core::port::{Clock, Inspect, Store};
use clerk_sync::core::{Delivery, DeliveryStatus, EmailAddress, Entry, Record, Timestamp, Username};
use serde_json::{Value, json};

use crate::config::{Config, Raw};
use crate::{compose, moment};

/// Where the database is, and how to answer.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Configuration file; without it clerk-sync.toml, if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the users are, over DATABASE_URL.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    pub(super) json: bool,
}

impl Place {
    fn flags(&self) -> Raw {
        Raw::default().with("database_url", self.database_url.clone())
    }

    /// The database alone: no key of Clerk's is needed.
    pub(super) async fn open(&self) -> Result<(Arc<dyn Store>, Arc<dyn Inspect>)> {
        compose::ports(&Config::database(self.flags(), self.config.as_deref())?).await
    }

    /// Everything `serve` has, without serving.
    pub(super) async fn sync(&self) -> Result<ClerkSync> {
        let mut config = Config::load(self.flags(), self.config.as_deref())?;
        config.migrate = false;
        compose::sync(&config).await
    }
}

/// A moment of the command line.
pub(super) fn moment(flag: &str, text: Option<&str>) -> Result<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let read = moment::read(text, SystemClock.now());
    read.map(Some).with_context(|| {
        format!("{flag} {text}: give a time such as 15m, 2h, 7d (ago), 2026-01-27 or 2026-01-27T08:00:00Z")
    })
}

/// A status of the command line.
pub(super) fn status(word: &str) -> Result<DeliveryStatus, String> {
    let known = DeliveryStatus::ALL.map(DeliveryStatus::as_str).join(", ");
    DeliveryStatus::from_word(word).ok_or_else(|| format!("it is one of {known}"))
}

fn shown(moment: Option<Timestamp>) -> Option<String> {
    moment.map(moment::show)
}

/// A delivery without its body.
pub(super) fn delivery_json(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id.as_str(),
        "type": delivery.event_type,
        "status": delivery.status.as_str(),
        "outcome": delivery.outcome,
        "user_id": delivery.user_id.as_ref().map(|id| id.as_str()),
        "received_at": moment::show(delivery.received_at),
        "processed_at": shown(delivery.processed_at),
        "due_at": shown(delivery.due_at),
        "attempts": delivery.attempts,
        "error": delivery.error,
        "has_body": delivery.body.is_some(),
    })
}

/// An entry, with everything the row says.
pub(super) fn entry_json(entry: &Entry) -> Value {
    match entry {
        Entry::Gone(tombstone) => json!({
            "id": tombstone.id.as_str(),
            "deleted_at": moment::show(tombstone.at),
            "source": tombstone.source.as_str(),
        }),
        Entry::Live(record) => record_json(record),
    }
}

fn record_json(record: &Record) -> Value {
    let profile = &record.profile;
    let claim = profile.email.as_ref();
    json!({
        "id": record.id.as_str(),
        "email": record.email.as_ref().map(EmailAddress::as_str),
        "email_in_clerk": claim.map(|claim| claim.address.as_str()),
        "email_verified": claim.map(|claim| claim.verified),
        "username": record.username.as_ref().map(Username::as_str),
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "phone": profile.phone,
        "role": record.role.as_ref().map(ToString::to_string),
        "external_id": profile.external_id,
        "banned": profile.banned,
        "locked": profile.locked,
        "deprovisioned": profile.deprovisioned,
        "created_at": shown(profile.created_at),
        "updated_at": shown(record.version),
        "last_sign_in_at": shown(record.last_sign_in_at),
        "source": record.source.as_str(),
        "recorded_at": moment::show(record.recorded_at),
        "changed_at": moment::show(record.changed_at),
        "webhook_at": shown(record.webhook_at),
        "revision": record.rev.0,
        "dirty": record.is_dirty(),
        "repair_due_at": shown(record.repair.map(|repair| repair.due_at)),
    })
}

/// An object for a person: a member a line, what is not there left out.
pub(super) fn lines(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten().filter(|(_, member)| !member.is_null());
    let line = |(name, member): (&String, &Value)| match member {
        Value::String(text) => format!("  {name:<16} {text}"),
        other => format!("  {name:<16} {other}"),
    };
    members.map(line).collect::<Vec<_>>().join("\n")
}
