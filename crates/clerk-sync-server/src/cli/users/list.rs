use anyhow::Result;
use clap::Args;
use clerk_sync::core::{EmailAddress, Entry, Source, UserFilter, UserId};

use crate::cli::operator::{Place, entry_json};
use crate::cli::say;
use crate::moment;

#[derive(Debug, Args)]
pub(in crate::cli) struct Settings {
    /// Only the deleted.
    #[arg(long, conflicts_with_all = ["live", "dirty"])]
    deleted: bool,
    /// Only those who are not deleted.
    #[arg(long)]
    live: bool,
    /// Only records that must be compared with Clerk.
    #[arg(long)]
    dirty: bool,
    /// Only those made by this: webhook, lookup, claims, sweep or repair.
    #[arg(long, value_name = "SOURCE", value_parser = source)]
    source: Option<Source>,
    /// Only those whose e-mail address in Clerk begins so.
    #[arg(long, value_name = "PREFIX")]
    email: Option<String>,
    /// Goes on after this user.
    #[arg(long, value_name = "ID", value_parser = |id: &str| UserId::parse(id))]
    after: Option<UserId>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    place: Place,
}

fn source(word: &str) -> Result<Source, String> {
    let known = Source::ALL.map(Source::as_str).join(", ");
    Source::from_word(word).ok_or_else(|| format!("it is one of {known}"))
}

pub(super) async fn run(settings: Settings) -> Result<()> {
    let filter = UserFilter {
        deleted: if settings.deleted { Some(true) } else { settings.live.then_some(false) },
        dirty: settings.dirty.then_some(true),
        source: settings.source,
        email_prefix: settings.email.as_deref().map(str::to_lowercase),
    };
    let (_, inspect) = settings.place.open().await?;
    let page = inspect.search_users(&filter, settings.after.as_ref(), settings.limit).await?;
    for entry in &page {
        match settings.place.json {
            true => say(&entry_json(entry).to_string()),
            false => say(&line(entry)),
        }
    }
    if settings.place.json {
        return Ok(());
    }
    match page.last() {
        None => say("nobody is like that"),
        Some(last) if page.len() == settings.limit as usize => {
            say(&format!("there may be more: --after {}", id(last)));
        }
        Some(_) => {}
    }
    Ok(())
}

fn id(entry: &Entry) -> &UserId {
    match entry {
        Entry::Live(record) => &record.id,
        Entry::Gone(tombstone) => &tombstone.id,
    }
}

fn line(entry: &Entry) -> String {
    match entry {
        Entry::Gone(tombstone) => {
            format!("{:<32}  deleted  {}", tombstone.id.as_str(), moment::show(tombstone.at))
        }
        Entry::Live(record) => {
            let state = if record.is_dirty() { "dirty" } else { "clean" };
            let email = record.email.as_ref().map_or("-", EmailAddress::as_str);
            let (id, source) = (record.id.as_str(), record.source.as_str());
            format!("{id:<32}  {state:<7}  {}  {source:<7}  {email}", moment::show(record.changed_at))
        }
    }
}
