use anyhow::Result;
use clap::Args;
use clerk_sync_emulator::{Options, Weather};
use futures_util::future::join_all;

use super::{database, verdict};
use crate::rig::{Rig, ServerSettings, somebody};

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Requests at once.
    #[arg(long, default_value_t = 1_000)]
    count: usize,
    /// How long Clerk takes to answer, in milliseconds.
    #[arg(long, default_value_t = 80)]
    latency_ms: u64,
}

pub(super) async fn run(settings: &Settings) -> Result<bool> {
    let (database, _folder) = database(None, "stampede").await?;
    let latency = settings.latency_ms;
    let weather = Weather { webhooks_off: true, api_latency_ms: [latency, latency], ..Weather::default() };
    let rig =
        Rig::start(Options { weather, ..Options::default() }, ServerSettings::default(), database).await?;
    let person = rig.sign_up(somebody("Ada", "ada@example.com"))?;
    let answers = join_all((0..settings.count).map(|_| rig.me(&person))).await;
    let mut wrong = 0;
    let mut slowest = std::time::Duration::ZERO;
    for answer in answers {
        let answer = answer?;
        slowest = slowest.max(answer.took);
        wrong += usize::from(answer.status != 200);
    }
    let calls = rig.clerk.calls().user_reads.get(&*person.id).copied().unwrap_or(0);
    let mut well = true;
    verdict(&mut well, "first requests of one unknown user, at once", settings.count, true);
    verdict(&mut well, "answers other than 200", wrong, wrong == 0);
    verdict(&mut well, "calls to Clerk for the user", calls, calls == 1);
    verdict(&mut well, "slowest answer, ms (for information)", slowest.as_millis(), true);
    rig.stop().await?;
    Ok(well)
}
