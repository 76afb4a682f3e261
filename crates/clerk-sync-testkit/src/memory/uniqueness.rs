//! Who holds and who claims an e-mail address or a username.

use std::collections::BTreeMap;

use clerk_sync_core::{Entry, Record, UserId};

/// Who of `others` holds the address, and the highest claim to it of anyone else.
pub(super) fn email_rivals<'a>(others: &[&'a Record], key: &str) -> impl Iterator<Item = &'a Record> {
    let holder = others.iter().copied().find(|record| record.email_key() == Some(key));
    let claim = others
        .iter()
        .copied()
        .filter(|record| record.email_claim_key() == Some(key) && record.email_key() != Some(key))
        .max_by(|a, b| a.email_rank().cmp(&b.email_rank()));
    holder.into_iter().chain(claim)
}

/// Who of `others` holds the username, and the highest claim to it by a given name of anyone else.
pub(super) fn username_rivals<'a>(others: &[&'a Record], key: &str) -> impl Iterator<Item = &'a Record> {
    let holder = others.iter().copied().find(|record| record.username_key() == Some(key));
    let claim = others
        .iter()
        .copied()
        .filter(|record| record.username_claim_key() == Some(key) && record.username_key() != Some(key))
        .max_by(|a, b| a.username_rank().cmp(&b.username_rank()));
    holder.into_iter().chain(claim)
}

/// Whether the record under `id` holds an address or a name that another record holds too.
pub(super) fn holds_a_key_twice(entries: &BTreeMap<UserId, Entry>, id: &UserId) -> bool {
    let Some(own) = entries.get(id).and_then(Entry::live) else { return false };
    entries.values().filter_map(Entry::live).filter(|other| other.id != *id).any(|other| {
        let same_email = own.email_key().is_some() && own.email_key() == other.email_key();
        let same_username = own.username_key().is_some() && own.username_key() == other.username_key();
        same_email || same_username
    })
}
