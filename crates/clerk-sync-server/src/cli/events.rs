//! `events`: the event log, looked through and replayed.

mod list;
mod payload;
mod replay;
mod show;

use anyhow::Result;
use clap::{Args, Subcommand};
use clerk_sync::core::{DeliveryFilter, DeliveryStatus, UserId};

use super::operator::{moment, status};

#[derive(Debug, Subcommand)]
pub(super) enum Events {
    /// Lists deliveries, the newest first.
    #[command(after_help = "Examples:
  clerk-sync events list --status dead --since 7d
  clerk-sync events list --user user_38peB5uMEQeCed7i5Nq9Ifj6Kd2
  clerk-sync events list --json | jq -r .type | sort | uniq -c")]
    List(list::Settings),
    /// Shows one delivery: what happened to it, and what it says, personal data left out.
    #[command(after_help = "Examples:
  clerk-sync events show msg_2b7TQeMXZCT1TDkbTjLpzZbVcYC
  clerk-sync events show msg_2b7TQeMXZCT1TDkbTjLpzZbVcYC --payload --json | jq .payload.data")]
    Show(show::Settings),
    /// Takes stored deliveries again, as if they had just come; doing it twice is doing it once.
    #[command(after_help = "Examples:
  clerk-sync events replay msg_2b7TQeMXZCT1TDkbTjLpzZbVcYC --dry-run
  clerk-sync events replay --status dead              # says what would happen
  clerk-sync events replay --status dead --yes        # does it
  clerk-sync events replay --since 2026-01-27 --until 2026-01-28 --yes")]
    Replay(replay::Settings),
}

impl Events {
    /// Answers whether all went well.
    pub(super) async fn run(self) -> Result<bool> {
        match self {
            Self::List(settings) => list::run(settings).await.map(|()| true),
            Self::Show(settings) => show::run(settings).await.map(|()| true),
            Self::Replay(settings) => replay::run(settings).await,
        }
    }
}

/// Which deliveries are meant.
#[derive(Debug, Args)]
struct Which {
    /// Only of this status: pending, processed, failed or dead.
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Option<DeliveryStatus>,
    /// Only of this type, such as user.updated.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only about this user.
    #[arg(long, value_name = "ID", value_parser = |id: &str| UserId::parse(id))]
    user: Option<UserId>,
    /// Only received at this time or later: 15m, 2h, 7d (ago), a date, or a time as shown.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only received before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Which {
    fn filter(&self) -> Result<DeliveryFilter> {
        Ok(DeliveryFilter {
            status: self.status,
            event_type: self.event_type.clone(),
            user_id: self.user.clone(),
            received_from: moment("--since", self.since.as_deref())?,
            received_before: moment("--until", self.until.as_deref())?,
        })
    }

    fn is_any(&self) -> bool {
        let texts = [&self.event_type, &self.since, &self.until];
        self.status.is_some() || self.user.is_some() || texts.into_iter().any(Option::is_some)
    }
}
