use anyhow::{Context, Result};
use clap::Args;
use clerk_sync::core::{Delivery, DeliveryId, DeliveryStatus, Outcome};
use serde_json::Value;

use super::payload::redacted;
use crate::cli::operator::{Place, delivery_json, lines};
use crate::cli::say;
use crate::moment;

#[derive(Debug, Args)]
pub(in crate::cli) struct Settings {
    /// The delivery: its svix-id.
    #[arg(value_parser = |id: &str| DeliveryId::parse(id))]
    id: DeliveryId,
    /// The payload as it came, personal data and all.
    #[arg(long)]
    payload: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(settings: Settings) -> Result<()> {
    let (_, inspect) = settings.place.open().await?;
    let delivery = inspect.delivery(&settings.id).await?;
    let delivery = delivery.with_context(|| format!("there is no delivery {}", settings.id))?;
    let payload = payload(&delivery, settings.payload);
    if settings.place.json {
        let mut value = delivery_json(&delivery);
        value["payload"] = payload.unwrap_or_default();
        value["timeline"] = timeline(&delivery).into();
        say(&value.to_string());
        return Ok(());
    }
    say(&format!("delivery {}", delivery.id));
    say(&lines(&delivery_json(&delivery)));
    say("timeline");
    for line in timeline(&delivery) {
        say(&format!("  {line}"));
    }
    match payload {
        None => say("payload: not there (never kept, dropped by age, or erased)"),
        Some(payload) => {
            say(if settings.payload {
                "payload"
            } else {
                "payload, redacted (--payload shows it as it came)"
            });
            say(&serde_json::to_string_pretty(&payload)?);
        }
    }
    Ok(())
}

/// The body, or as much of it as may be shown; one that is no JSON is shown whole or not at all.
fn payload(delivery: &Delivery, whole: bool) -> Option<Value> {
    let body = delivery.body.as_deref()?;
    Some(match serde_json::from_str::<Value>(body) {
        Ok(value) if whole => value,
        Ok(value) => redacted(&value),
        Err(_) if whole => Value::from(body),
        Err(_) => Value::from("… (no JSON)"),
    })
}

/// What happened, in the order it did.
fn timeline(delivery: &Delivery) -> Vec<String> {
    let mut steps = vec![format!("{} received", moment::show(delivery.received_at))];
    let error = delivery.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
    let attempts = delivery.attempts;
    if let Some(at) = delivery.processed_at {
        let outcome = delivery.outcome.as_deref().unwrap_or_default();
        let known = Outcome::ALL.into_iter().find(|one| one.as_str() == outcome);
        let reason = known.map(|one| format!(" ({})", one.reason())).unwrap_or_default();
        steps.push(format!("{} processed by attempt {attempts}: {outcome}{reason}", moment::show(at)));
    }
    match delivery.status {
        DeliveryStatus::Processed => {}
        DeliveryStatus::Dead => steps.push(format!("given up on after {attempts} attempt(s){error}")),
        DeliveryStatus::Pending | DeliveryStatus::Failed => {
            let due = delivery.due_at.map(moment::show).unwrap_or_default();
            steps.push(format!("{due} due again, after {attempts} attempt(s){error}"));
        }
    }
    steps
}
