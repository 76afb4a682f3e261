//! `users`: the rows, what made them, and forgetting the deleted.

mod erase;
mod list;
mod refetch;
mod show;

use anyhow::Result;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Users {
    /// Lists users and tombstones, in the order of their ids.
    #[command(after_help = "Examples:
  clerk-sync users list --dirty
  clerk-sync users list --email ada@ --json
  clerk-sync users list --deleted --limit 1000 --after user_38peB5uMEQeCed7i5Nq9Ifj6Kd2")]
    List(list::Settings),
    /// Shows a user: the row, and the events and calls that made it.
    #[command(after_help = "Examples:
  clerk-sync users show user_38peB5uMEQeCed7i5Nq9Ifj6Kd2
  clerk-sync users show user_38peB5uMEQeCed7i5Nq9Ifj6Kd2 --json | jq .facts")]
    Show(show::Settings),
    /// Fetches a user from Clerk now, and settles the row by the answer.
    #[command(after_help = "Examples:
  clerk-sync users refetch user_38peB5uMEQeCed7i5Nq9Ifj6Kd2")]
    Refetch(refetch::Settings),
    /// Erases what the event log still says of a deleted user, and prints a receipt.
    #[command(after_help = "Examples:
  clerk-sync users erase user_38peB5uMEQeCed7i5Nq9Ifj6Kd2 > receipt.json

The user must be deleted in Clerk first: a living one would come back with the next event. The tombstone, the ids and
outcomes of deliveries stay. Tables of your own and backups are yours to erase.")]
    Erase(erase::Settings),
}

impl Users {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::List(settings) => list::run(settings).await,
            Self::Show(settings) => show::run(settings).await,
            Self::Refetch(settings) => refetch::run(settings).await,
            Self::Erase(settings) => erase::run(settings).await,
        }
    }
}
