//! Forgetting a deleted user: what is left of a person in the event log.

use std::collections::BTreeSet;

use clerk_sync_core::port::{Inspect, Store};
use clerk_sync_core::{DeliveryCursor, DeliveryFilter, Entry, Source, StoreError, Timestamp, UserId};
use thiserror::Error;

use crate::clerk::receive::addresses;

/// How many deliveries are read or erased at once.
const PAGE: u32 = 500;
/// How many addresses are looked for in events about nobody.
const MAX_ADDRESSES: usize = 64;

/// What was erased of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The user.
    pub user_id: UserId,
    /// When Clerk deleted them.
    pub deleted_at: Timestamp,
    /// What told of it.
    pub deleted_by: Source,
    /// Deliveries about the user; their entries stay, without bodies.
    pub deliveries: u64,
    /// Bodies erased: of these, and of events about nobody that named the user's id or one of their addresses.
    pub bodies_erased: u64,
}

/// Why nothing was erased.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EraseError {
    /// The user lives in Clerk, so whatever was erased would come back.
    #[error("the user is not deleted: delete them in Clerk first, or all of it comes back")]
    Alive,
    /// There is neither a record nor a tombstone.
    #[error("there is no such user here")]
    Unknown,
    /// The store failed; what was erased so far stays so. Do it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Erases what the event log still says of a deleted user. The row keeps nothing of them since their deletion.
///
/// Bodies go; ids, types, times and outcomes of deliveries stay, and so does the tombstone: without them a
/// replay could bring the user back.
///
/// # Errors
/// See [`EraseError`].
pub async fn erase(store: &dyn Store, inspect: &dyn Inspect, id: &UserId) -> Result<Erasure, EraseError> {
    let tombstone = match store.record(id).await? {
        Some(Entry::Gone(tombstone)) => tombstone,
        Some(Entry::Live(_)) => return Err(EraseError::Alive),
        None => return Err(EraseError::Unknown),
    };
    let (deliveries, mentions) = what_is_said_of(inspect, id).await?;
    let mut bodies_erased = 0;
    loop {
        let erased = inspect.erase_bodies(id, &mentions, PAGE).await?;
        bodies_erased += erased;
        if erased < u64::from(PAGE) {
            break;
        }
    }
    let Some(Entry::Gone(_)) = store.record(id).await? else { return Err(EraseError::Alive) };
    Ok(Erasure {
        user_id: id.clone(),
        deleted_at: tombstone.at,
        deleted_by: tombstone.source,
        deliveries,
        bodies_erased,
    })
}

/// How many deliveries are about the user, and the texts by which others mention them, as JSON has them.
async fn what_is_said_of(inspect: &dyn Inspect, id: &UserId) -> Result<(u64, Vec<String>), StoreError> {
    let filter = DeliveryFilter { user_id: Some(id.clone()), ..DeliveryFilter::default() };
    let (mut count, mut after, mut found) = (0, None, BTreeSet::new());
    loop {
        let page = inspect.search_deliveries(&filter, after.as_ref(), PAGE).await?;
        count += page.len() as u64;
        for delivery in &page {
            found.extend(delivery.body.as_deref().map(addresses).unwrap_or_default());
        }
        match page.last() {
            Some(last) if page.len() == PAGE as usize => after = Some(DeliveryCursor::from(last)),
            _ => break,
        }
    }
    let texts = std::iter::once(id.to_string()).chain(found.into_iter().take(MAX_ADDRESSES));
    Ok((count, texts.filter_map(|text| serde_json::to_string(&text).ok()).collect()))
}
