use std::io::IsTerminal;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use clerk_sync::ClerkSync;
use clerk_sync::core::{DeliveryCursor, DeliveryId};
use serde_json::json;

use super::Which;
use crate::cli::operator::Place;
use crate::cli::say;

/// How many deliveries are read at once.
const PAGE: u32 = 200;

#[derive(Debug, Args)]
pub(in crate::cli) struct Settings {
    /// The deliveries: their svix-ids. Without any, those the filters name.
    #[arg(value_parser = |id: &str| DeliveryId::parse(id), conflicts_with_all = ["status", "event_type", "user", "since", "until"])]
    ids: Vec<DeliveryId>,
    #[command(flatten)]
    which: Which,
    /// Does it, where filters name the deliveries; without it what would happen is said.
    #[arg(long)]
    yes: bool,
    /// Only says what would happen.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// At most so many, the newest first.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    place: Place,
}

/// What came of all of them.
#[derive(Default)]
struct Tally {
    done: u32,
    failed: u32,
}

pub(super) async fn run(settings: Settings) -> Result<bool> {
    if settings.ids.is_empty() && !settings.which.is_any() {
        bail!("name deliveries, or say which with --status, --type, --user, --since or --until");
    }
    let sync = settings.place.sync().await?;
    let rehearsal = settings.dry_run || (settings.ids.is_empty() && !settings.yes);
    let replay = Replay { sync: &sync, rehearsal, json: settings.place.json, begun: Instant::now() };
    let mut tally = Tally::default();
    if settings.ids.is_empty() {
        replay.found(&settings, &mut tally).await?;
    } else {
        for id in &settings.ids {
            replay.one(id, &mut tally).await;
        }
    }
    if !settings.place.json {
        let verb = if rehearsal { "would be replayed" } else { "replayed" };
        say(&format!("{} {verb}, {} cannot be", tally.done, tally.failed));
        if rehearsal && settings.ids.is_empty() && tally.done > 0 {
            say("nothing was changed; add --yes to do it");
        }
    }
    Ok(tally.failed == 0)
}

struct Replay<'a> {
    sync: &'a ClerkSync,
    rehearsal: bool,
    json: bool,
    begun: Instant,
}

impl Replay<'_> {
    /// Page by page: what is replayed changes its status, never its place.
    async fn found(&self, settings: &Settings, tally: &mut Tally) -> Result<()> {
        let filter = settings.which.filter()?;
        let mut after: Option<DeliveryCursor> = None;
        loop {
            let left = settings.limit.saturating_sub(tally.done + tally.failed);
            let page = self.sync.inspect().search_deliveries(&filter, after.as_ref(), PAGE.min(left)).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(DeliveryCursor::from(last));
            for delivery in &page {
                self.one(&delivery.id, tally).await;
            }
            self.progress(tally);
        }
    }

    async fn one(&self, id: &DeliveryId, tally: &mut Tally) {
        let outcome = match self.rehearsal {
            true => self.sync.rehearse(id).await,
            false => self.sync.replay(id).await,
        };
        let error = outcome.as_ref().err().map(ToString::to_string);
        match error {
            None => tally.done += 1,
            Some(_) => tally.failed += 1,
        }
        let word = outcome.as_ref().ok().map(|outcome| outcome.as_str());
        if self.json {
            let line =
                json!({ "id": id.as_str(), "dry_run": self.rehearsal, "outcome": word, "error": error });
            say(&line.to_string());
        } else {
            let reason =
                outcome.map_or_else(|error| error.to_string(), |outcome| outcome.reason().to_owned());
            say(&format!("{id}  {:<16}  {reason}", word.unwrap_or("-")));
        }
    }

    /// How fast it goes, on a terminal, beside what is printed.
    fn progress(&self, tally: &Tally) {
        let mut errors = std::io::stderr();
        if errors.is_terminal() {
            let count = tally.done + tally.failed;
            let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
            let rate = f64::from(count) / seconds;
            // A terminal that is gone is theirs to close.
            let _ =
                std::io::Write::write_fmt(&mut errors, format_args!("{count} so far, {rate:.0} a second\n"));
        }
    }
}
