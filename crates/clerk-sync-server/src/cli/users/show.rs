use anyhow::{Context, Result};
use clap::Args;
use clerk_sync::clerk::receive;
use clerk_sync::core::{Delivery, DeliveryFilter, Entry, Fact, Source, Timestamp, UserId};
use serde_json::{Value, json};

use crate::cli::operator::{Place, entry_json, lines};
use crate::cli::say;
use crate::moment;

/// How many deliveries of a user are shown.
const DELIVERIES: u32 = 200;

#[derive(Debug, Args)]
pub(in crate::cli) struct Settings {
    /// The user.
    #[arg(value_parser = |id: &str| UserId::parse(id))]
    id: UserId,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(settings: Settings) -> Result<()> {
    let (store, inspect) = settings.place.open().await?;
    let entry = store.record(&settings.id).await?;
    let entry = entry.with_context(|| format!("there is no user {} here", settings.id))?;
    let filter = DeliveryFilter { user_id: Some(settings.id.clone()), ..DeliveryFilter::default() };
    let deliveries = inspect.search_deliveries(&filter, None, DELIVERIES).await?;
    let facts = facts(&entry, &deliveries);
    if settings.place.json {
        let mut value = entry_json(&entry);
        value["facts"] = facts.into();
        say(&value.to_string());
        return Ok(());
    }
    say(&format!("user {}", settings.id));
    say(&lines(&entry_json(&entry)));
    say("facts, the oldest first (* what the row shows now)");
    for fact in &facts {
        let word = |name: &str| fact[name].as_str().unwrap_or("-");
        let mark = if fact["shown"] == true { "*" } else { " " };
        let (at, what, came_of_it) = (word("at"), word("what"), word("outcome"));
        say(&format!(
            "{mark} {at:<24}  {what:<20}  {came_of_it:<16}  {:<24}  {}",
            word("version"),
            word("delivery")
        ));
    }
    if deliveries.len() == DELIVERIES as usize {
        say(&format!("older deliveries: clerk-sync events list --user {}", settings.id));
    }
    Ok(())
}

/// Everything that made the entry, as far as it is known: deliveries, and the calls of which the record keeps
/// a trace.
fn facts(entry: &Entry, deliveries: &[Delivery]) -> Vec<Value> {
    let version = entry.live().and_then(|record| record.version);
    let mut facts: Vec<(Timestamp, Value)> =
        deliveries.iter().map(|delivery| (delivery.received_at, of_delivery(delivery, version))).collect();
    facts.extend(calls(entry, facts.iter().any(|(_, fact)| fact["shown"] == true)));
    facts.sort_by_key(|(at, _)| *at);
    facts.into_iter().map(|(_, fact)| fact).collect()
}

fn of_delivery(delivery: &Delivery, current: Option<Timestamp>) -> Value {
    let body = delivery.body.as_deref();
    let reading = body.map(|body| receive::read(body.as_bytes(), delivery.received_at));
    let version = match reading.and_then(|reading| reading.fact) {
        Some(Fact::Snapshot { snapshot, .. }) => snapshot.version,
        _ => None,
    };
    json!({
        "at": moment::show(delivery.received_at),
        "what": delivery.event_type,
        "source": Source::Webhook.as_str(),
        "delivery": delivery.id.as_str(),
        "outcome": delivery.outcome,
        "version": version.map(moment::show),
        "shown": version.is_some() && version == current,
    })
}

/// The call that made the record, and the one that brought what no delivery has.
fn calls(entry: &Entry, shown: bool) -> Vec<(Timestamp, Value)> {
    let call = |at: Timestamp, what: &str, source: Source, version: Option<Timestamp>, shown: bool| {
        let value = json!({
            "at": moment::show(at),
            "what": what,
            "source": source.as_str(),
            "delivery": null,
            "outcome": null,
            "version": version.map(moment::show),
            "shown": shown,
        });
        (at, value)
    };
    match entry {
        Entry::Gone(tombstone) if tombstone.source == Source::Webhook => vec![],
        Entry::Gone(tombstone) => vec![call(tombstone.at, "found deleted", tombstone.source, None, true)],
        Entry::Live(record) => {
            let mut calls = vec![];
            let made_by_call = record.source != Source::Webhook;
            let untouched = record.changed_at == record.recorded_at;
            if made_by_call {
                let version = record.version.filter(|_| untouched);
                calls.push(call(
                    record.recorded_at,
                    "made just in time",
                    record.source,
                    version,
                    untouched && !shown,
                ));
            }
            if !shown && !untouched {
                calls.push(call(record.changed_at, "last changed", Source::Repair, record.version, true));
            }
            calls
        }
    }
}
