use anyhow::{Context, Result};
use clap::Args;
use clerk_sync::core::{Delivery, DeliveryCursor, DeliveryId, UserId};

use super::Which;
use crate::cli::operator::{Place, delivery_json};
use crate::cli::say;
use crate::moment;

#[derive(Debug, Args)]
pub(in crate::cli) struct Settings {
    #[command(flatten)]
    which: Which,
    /// Goes on after this delivery.
    #[arg(long, value_name = "ID", value_parser = |id: &str| DeliveryId::parse(id))]
    after: Option<DeliveryId>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(settings: Settings) -> Result<()> {
    let filter = settings.which.filter()?;
    let (_, inspect) = settings.place.open().await?;
    let after = match &settings.after {
        None => None,
        Some(id) => {
            let known = inspect.delivery(id).await?;
            Some(DeliveryCursor::from(
                &known.with_context(|| format!("--after {id}: there is no such delivery"))?,
            ))
        }
    };
    let page = inspect.search_deliveries(&filter, after.as_ref(), settings.limit).await?;
    for delivery in &page {
        match settings.place.json {
            true => say(&delivery_json(delivery).to_string()),
            false => say(&line(delivery)),
        }
    }
    if settings.place.json {
        return Ok(());
    }
    match page.last() {
        None => say("no delivery is like that"),
        Some(last) if page.len() == settings.limit as usize => {
            say(&format!("there may be more: --after {}", last.id));
        }
        Some(_) => {}
    }
    Ok(())
}

fn line(delivery: &Delivery) -> String {
    let (user, outcome) = (delivery.user_id.as_ref().map(UserId::as_str), delivery.outcome.as_deref());
    let [user, outcome] = [user, outcome].map(|text| text.unwrap_or("-"));
    format!(
        "{}  {:<9}  {:<20}  {:<16}  {user:<32}  {}",
        moment::show(delivery.received_at),
        delivery.status.as_str(),
        delivery.event_type,
        outcome,
        delivery.id
    )
}
