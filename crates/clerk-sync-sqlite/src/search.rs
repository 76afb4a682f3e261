//! Pages of what operators look for. The text of a statement depends on which filters are set, never on their
//! values, so each is prepared once.

use clerk_sync_core::{Delivery, DeliveryCursor, DeliveryFilter, DeliveryStatus, Entry, UserFilter, UserId};
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::error::Failure;
use crate::row::{DELIVERY_COLUMNS, USER_COLUMNS, read_delivery, read_entry};

/// The longest page.
const MAX_PAGE: u32 = 1_000;

/// A statement as it is put together: conditions that all have to hold, and their values.
#[derive(Default)]
pub(crate) struct Search {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

impl Search {
    fn new(select: &str) -> Self {
        Self { sql: format!("{select} WHERE true"), values: Vec::new() }
    }

    fn and(&mut self, condition: &str) {
        self.sql += " AND ";
        self.sql += condition;
    }

    fn and_with(&mut self, condition: &str, value: impl Into<Value>) {
        self.and(condition);
        self.values.push(value.into());
    }

    fn finish(mut self, order: &str, limit: u32) -> Self {
        self.sql += &format!(" ORDER BY {order} LIMIT ?");
        self.values.push(limit.min(MAX_PAGE).into());
        self
    }
}

pub(crate) fn users(
    connection: &Connection,
    filter: &UserFilter,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Vec<Entry>, Failure> {
    let Search { sql, values } = user_search(filter, after, limit);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(read_entry(row)?);
    }
    Ok(page)
}

pub(crate) fn user_search(filter: &UserFilter, after: Option<&UserId>, limit: u32) -> Search {
    let mut search = Search::new(concat!("SELECT ", USER_COLUMNS!(), " FROM clerk_user"));
    search.and_with("id > ?", after.map_or("", UserId::as_str).to_owned());
    match filter.deleted {
        Some(true) => search.and("deleted_at IS NOT NULL"),
        Some(false) => search.and("deleted_at IS NULL"),
        None => {}
    }
    match filter.dirty {
        Some(true) => search.and("repair_due_at IS NOT NULL"),
        Some(false) => search.and("repair_due_at IS NULL"),
        None => {}
    }
    if let Some(source) = filter.source {
        search.and_with("source = ?", source.as_str().to_owned());
    }
    if let (Some(prefix), Some(end)) = (&filter.email_prefix, filter.email_end()) {
        search.and_with("email_claim_key >= ?", prefix.clone());
        search.and_with("email_claim_key < ?", end);
    }
    search.finish("id", limit)
}

/// What meets the filter, as of one moment. By user and by type there is an index over all deliveries; else it
/// is by status, so the newest of each are put together.
pub(crate) fn deliveries(
    connection: &Connection,
    filter: &DeliveryFilter,
    after: Option<&DeliveryCursor>,
    limit: u32,
) -> Result<Vec<Delivery>, Failure> {
    let one_index = filter.user_id.is_some() || filter.event_type.is_some();
    let statuses: &[Option<DeliveryStatus>] = match filter.status {
        None if !one_index => &DeliveryStatus::ALL.map(Some),
        status => &[status],
    };
    let transaction = connection.unchecked_transaction()?;
    let mut found: Vec<Delivery> = Vec::new();
    for status in statuses {
        let Search { sql, values } = delivery_search(filter, *status, after, limit);
        let mut statement = transaction.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            found.push(read_delivery(row)?);
        }
    }
    found.sort_by(|a, b| (b.received_at, &b.id).cmp(&(a.received_at, &a.id)));
    found.truncate(limit.min(MAX_PAGE) as usize);
    Ok(found)
}

pub(crate) fn delivery_search(
    filter: &DeliveryFilter,
    status: Option<DeliveryStatus>,
    after: Option<&DeliveryCursor>,
    limit: u32,
) -> Search {
    let mut search = Search::new(concat!("SELECT ", DELIVERY_COLUMNS!(), " FROM clerk_delivery"));
    // Of several columns the one with the fewest deliveries chooses the index; a plus takes the others out of
    // the choice, since without statistics they all look alike.
    if let Some(user) = &filter.user_id {
        search.and_with("user_id = ?", user.as_str().to_owned());
    }
    if let Some(event_type) = &filter.event_type {
        let condition = if filter.user_id.is_some() { "+event_type = ?" } else { "event_type = ?" };
        search.and_with(condition, event_type.clone());
    }
    if let Some(status) = status {
        let alone = filter.user_id.is_none() && filter.event_type.is_none();
        search.and_with(if alone { "status = ?" } else { "+status = ?" }, status.as_str().to_owned());
    }
    if let Some(from) = filter.received_from {
        search.and_with("received_at >= ?", from.as_millis());
    }
    if let Some(before) = filter.received_before {
        search.and_with("received_at < ?", before.as_millis());
    }
    if let Some(after) = after {
        search.and_with("(received_at, id) < (?, ?)", after.received_at.as_millis());
        search.values.push(after.id.as_str().to_owned().into());
    }
    search.finish("received_at DESC, id DESC", limit)
}
