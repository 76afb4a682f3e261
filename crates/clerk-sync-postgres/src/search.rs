//! Pages of what operators look for: the text of a statement depends on which filters are set.

use std::fmt::Write as _;

use clerk_sync_core::{DeliveryCursor, DeliveryFilter, DeliveryStatus, UserFilter, UserId};
use tokio_postgres::types::{ToSql, Type};

use crate::row::{DELIVERY_COLUMNS, USER_COLUMNS};
use crate::value::Value;

/// The longest page.
const MAX_PAGE: u32 = 1_000;

/// A statement as it is put together: conditions that all have to hold, and their values.
pub(crate) struct Search<'a> {
    /// With `{s}` where the schema belongs.
    pub(crate) sql: String,
    values: Vec<(Value<'a>, Type)>,
}

impl<'a> Search<'a> {
    /// A page of entries, in the order of their ids.
    pub(crate) fn for_users(filter: &'a UserFilter, after: Option<&'a UserId>, limit: u32) -> Self {
        let select = concat!("SELECT ", USER_COLUMNS!(), " FROM {s}.clerk_user WHERE true");
        let mut search = Self { sql: select.to_owned(), values: Vec::new() };
        search.and("id > ", Value::text(after.map_or("", UserId::as_str)), Type::TEXT);
        for (yes, column) in [(filter.deleted, "deleted_at"), (filter.dirty, "repair_due_at")] {
            if let Some(yes) = yes {
                search.sql += &format!(" AND {column} IS {}NULL", if yes { "NOT " } else { "" });
            }
        }
        if let Some(source) = filter.source {
            search.and("source = ", Value::text(source.as_str()), Type::TEXT);
        }
        if let (Some(prefix), Some(end)) = (&filter.email_prefix, filter.email_end()) {
            search.and("email_claim_key >= ", Value::text(prefix), Type::TEXT);
            search.and("email_claim_key < ", Value::Text(Some(end.into())), Type::TEXT);
        }
        search.finish("id", limit)
    }

    /// A page of deliveries, the newest first. By user and by type there is an index over all of them; else it
    /// is by status, so the newest of each are put together.
    pub(crate) fn for_deliveries(
        filter: &'a DeliveryFilter,
        after: Option<&'a DeliveryCursor>,
        limit: u32,
    ) -> Self {
        let mut search = Self { sql: String::new(), values: Vec::new() };
        let one_index = filter.user_id.is_some() || filter.event_type.is_some();
        let of_each = filter.status.is_none() && !one_index;
        let select = concat!("SELECT ", DELIVERY_COLUMNS!(), " FROM {s}.clerk_delivery WHERE true");
        search.sql += if of_each { "SELECT newest.* FROM unnest(" } else { select };
        if of_each {
            let all = DeliveryStatus::ALL.map(DeliveryStatus::as_str).to_vec();
            search.value(Value::Texts(all), Type::TEXT_ARRAY);
            search.sql += ") AS wanted CROSS JOIN LATERAL (";
            search.sql += select;
            search.sql += " AND status = wanted";
        }
        if let Some(user) = &filter.user_id {
            search.and("user_id = ", Value::text(user.as_str()), Type::TEXT);
        }
        if let Some(event_type) = &filter.event_type {
            search.and("event_type = ", Value::text(event_type), Type::TEXT);
        }
        if let Some(status) = filter.status {
            search.and("status = ", Value::text(status.as_str()), Type::TEXT);
        }
        if let Some(from) = filter.received_from {
            search.and("received_at >= ", Value::time(from), Type::TIMESTAMPTZ);
        }
        if let Some(before) = filter.received_before {
            search.and("received_at < ", Value::time(before), Type::TIMESTAMPTZ);
        }
        if let Some(after) = after {
            search.and("(received_at, id) < (", Value::time(after.received_at), Type::TIMESTAMPTZ);
            search.sql += ", ";
            search.value(Value::text(after.id.as_str()), Type::TEXT);
            search.sql += ")";
        }
        let order = "received_at DESC, id DESC";
        let search = search.finish(order, limit);
        if of_each { Self { sql: search.sql + ") AS newest", ..search }.finish(order, limit) } else { search }
    }

    /// The values with their types, as the driver wants them.
    pub(crate) fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.values.iter().map(|(value, ty)| (value as &(dyn ToSql + Sync), ty.clone())).collect()
    }

    fn and(&mut self, condition: &str, value: Value<'a>, ty: Type) {
        self.sql += " AND ";
        self.sql += condition;
        self.value(value, ty);
    }

    fn value(&mut self, value: Value<'a>, ty: Type) {
        self.values.push((value, ty));
        // Writing to a string does not fail.
        let _ = write!(self.sql, "${}", self.values.len());
    }

    fn finish(mut self, order: &str, limit: u32) -> Self {
        self.sql += &format!(" ORDER BY {order} LIMIT ");
        self.value(Value::integer(limit.min(MAX_PAGE)), Type::INT8);
        self
    }
}
