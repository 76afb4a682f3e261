use anyhow::{Context, Result};
use clap::Args;
use clerk_sync::SystemClock;
use clerk_sync::core::UserId;
use clerk_sync::core::port::Clock;
use serde_json::json;

use crate::cli::operator::Place;
use crate::cli::say;
use crate::moment;

#[derive(Debug, Args)]
pub(in crate::cli) struct Settings {
    /// The user; deleted in Clerk before.
    #[arg(value_parser = |id: &str| UserId::parse(id))]
    id: UserId,
    #[command(flatten)]
    place: Place,
}

/// Prints the receipt: JSON, over several lines unless asked otherwise.
pub(super) async fn run(settings: Settings) -> Result<()> {
    let (store, inspect) = settings.place.open().await?;
    let erasure = clerk_sync::erase(store.as_ref(), inspect.as_ref(), &settings.id).await;
    let erasure = erasure.with_context(|| format!("{} was not erased", settings.id))?;
    let receipt = json!({
        "user_id": erasure.user_id.as_str(),
        "deleted_at": moment::show(erasure.deleted_at),
        "deletion_told_by": erasure.deleted_by.as_str(),
        "erased_at": moment::show(SystemClock.now()),
        "deliveries_about_the_user": erasure.deliveries,
        "bodies_erased": erasure.bodies_erased,
        "stays": [
            "the id and the time of the deletion, without which the user could come back",
            "ids, types, times and outcomes of deliveries, and digests of their bodies",
        ],
    });
    say(&if settings.place.json { receipt.to_string() } else { serde_json::to_string_pretty(&receipt)? });
    Ok(())
}
