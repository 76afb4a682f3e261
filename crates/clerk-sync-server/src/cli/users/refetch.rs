use anyhow::{Context, Result};
use clap::Args;
use clerk_sync::core::{Entry, UserId};
use serde_json::Value;

use crate::cli::operator::{Place, entry_json};
use crate::cli::say;

#[derive(Debug, Args)]
pub(in crate::cli) struct Settings {
    /// The user.
    #[arg(value_parser = |id: &str| UserId::parse(id))]
    id: UserId,
    #[command(flatten)]
    place: Place,
}

/// Members that every write moves.
const MOVING: [&str; 3] = ["revision", "changed_at", "repair_due_at"];

pub(super) async fn run(settings: Settings) -> Result<()> {
    let sync = settings.place.sync().await?;
    let (store, _) = settings.place.open().await?;
    let before = store.record(&settings.id).await?.as_ref().map(entry_json).unwrap_or_default();
    let entry =
        sync.refetch(&settings.id).await.with_context(|| format!("{} was not fetched", settings.id))?;
    let after = entry_json(&entry);
    if settings.place.json {
        say(&after.to_string());
        return Ok(());
    }
    let verdict = match (&entry, before.is_null()) {
        (Entry::Gone(_), _) => "Clerk has no such user: deleted",
        (Entry::Live(_), true) => "made from Clerk's answer",
        (Entry::Live(_), false) => "compared with Clerk's answer",
    };
    say(&format!("{}: {verdict}", settings.id));
    let changes = changed(&before, &after);
    if changes.is_empty() && !before.is_null() {
        say("nothing differed");
    }
    changes.iter().for_each(|line| say(line));
    Ok(())
}

fn changed(before: &Value, after: &Value) -> Vec<String> {
    let members = after.as_object().into_iter().flatten();
    let different = members.filter(|(name, value)| {
        !MOVING.contains(&name.as_str()) && before.get(name.as_str()).unwrap_or(&Value::Null) != *value
    });
    different
        .map(|(name, value)| format!("  {name}: {} -> {value}", before.get(name).unwrap_or(&Value::Null)))
        .collect()
}
