//! What operators ask of a [`State`].

use std::cmp::Reverse;
use std::ops::Bound;

use clerk_sync_core::port::Backlog;
use clerk_sync_core::{
    Delivery, DeliveryCursor, DeliveryFilter, DeliveryId, DeliveryStatus, Entry, Repair, Source, Timestamp,
    UserFilter, UserId,
};

use super::State;

/// The longest page of entries or deliveries.
const MAX_PAGE: u32 = 1_000;

/// Whether the delivery's effect is still to be applied.
pub(super) fn waits(delivery: &Delivery) -> bool {
    matches!(delivery.status, DeliveryStatus::Pending | DeliveryStatus::Failed)
}

impl State {
    /// What waits, and how long it has waited.
    pub fn backlog(&self, unconfirmed_before: Timestamp) -> Backlog {
        let with = |status| self.deliveries.values().filter(|d| d.status == status).count() as u64;
        let unconfirmed: Vec<Timestamp> = self
            .records()
            .filter(|record| {
                matches!(record.source, Source::Lookup | Source::Claims)
                    && record.webhook_at.is_none()
                    && record.recorded_at < unconfirmed_before
            })
            .map(|record| record.recorded_at)
            .collect();
        let repairs: Vec<Repair> = self.records().filter_map(|record| record.repair).collect();
        Backlog {
            pending: with(DeliveryStatus::Pending),
            failed: with(DeliveryStatus::Failed),
            dead: with(DeliveryStatus::Dead),
            oldest_unprocessed: self.deliveries.values().filter(|d| waits(d)).map(|d| d.received_at).min(),
            dirty: repairs.len() as u64,
            oldest_repair: repairs.iter().map(|repair| repair.due_at).min(),
            unconfirmed: unconfirmed.len() as u64,
            newest_unconfirmed: unconfirmed.into_iter().max(),
            users: self.records().count() as u64,
        }
    }

    /// A page of entries in the order of their ids, from after `after`; at most 1 000.
    pub fn entries(&self, after: Option<&UserId>, limit: u32) -> Vec<Entry> {
        self.search_users(&UserFilter::default(), after, limit)
    }

    /// A page of the entries looked for, in the order of their ids, from after `after`; at most 1 000.
    pub fn search_users(&self, filter: &UserFilter, after: Option<&UserId>, limit: u32) -> Vec<Entry> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = self.entries.range((from, Bound::Unbounded)).map(|(_, entry)| entry);
        page.filter(|entry| filter.matches(entry)).take(limit.min(MAX_PAGE) as usize).cloned().collect()
    }

    /// A page of the deliveries looked for, the newest first, from after `after`; at most 1 000.
    pub fn search_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
        limit: u32,
    ) -> Vec<Delivery> {
        let place =
            |delivery: &Delivery| -> (Timestamp, DeliveryId) { (delivery.received_at, delivery.id.clone()) };
        let after = after.map(|cursor| (cursor.received_at, cursor.id.clone()));
        let mut found: Vec<&Delivery> = self
            .deliveries
            .values()
            .filter(|delivery| filter.matches(delivery))
            .filter(|delivery| after.as_ref().is_none_or(|after| place(delivery) < *after))
            .collect();
        found.sort_by_key(|delivery| Reverse(place(delivery)));
        found.into_iter().take(limit.min(MAX_PAGE) as usize).cloned().collect()
    }

    /// Drops the bodies of up to `limit` deliveries in `status` received before `before`, oldest first.
    pub fn drop_bodies(&mut self, status: DeliveryStatus, before: Timestamp, limit: u32) -> u64 {
        let mut found: Vec<&mut Delivery> = self
            .deliveries
            .values_mut()
            .filter(|d| d.status == status && d.received_at < before && d.body.is_some())
            .collect();
        found.sort_by(|a, b| (a.received_at, &a.id).cmp(&(b.received_at, &b.id)));
        let dropped = found.into_iter().take(limit as usize).map(|delivery| delivery.body = None);
        dropped.count() as u64
    }

    /// Drops the bodies of up to `limit` deliveries about `user`, or about nobody and with one of the texts.
    pub fn erase_bodies(&mut self, user: &UserId, mentions: &[String], limit: u32) -> u64 {
        let says = |body: &str| mentions.iter().any(|text| body.contains(text.as_str()));
        let found = self.deliveries.values_mut().filter(|delivery| match &delivery.user_id {
            Some(id) => id == user && delivery.body.is_some(),
            None => delivery.body.as_deref().is_some_and(says),
        });
        found.take(limit as usize).map(|delivery| delivery.body = None).count() as u64
    }
}
