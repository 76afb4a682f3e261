//! What operators ask of a [`State`].

use std::ops::Bound;

use clerk_sync_core::port::Backlog;
use clerk_sync_core::{Delivery, DeliveryStatus, Entry, Record, Source, Timestamp, UserId};

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
        let count = |rule: &dyn Fn(&Record) -> bool| self.records().filter(|r| rule(r)).count() as u64;
        Backlog {
            pending: with(DeliveryStatus::Pending),
            failed: with(DeliveryStatus::Failed),
            dead: with(DeliveryStatus::Dead),
            oldest_unprocessed: self.deliveries.values().filter(|d| waits(d)).map(|d| d.received_at).min(),
            dirty: count(&Record::is_dirty),
            unconfirmed: count(&|record| {
                matches!(record.source, Source::Lookup | Source::Claims)
                    && record.webhook_at.is_none()
                    && record.recorded_at < unconfirmed_before
            }),
            users: count(&|_| true),
        }
    }

    /// A page of entries in the order of their ids, from after `after`; at most 1 000.
    pub fn entries(&self, after: Option<&UserId>, limit: u32) -> Vec<Entry> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = self.entries.range((from, Bound::Unbounded)).map(|(_, entry)| entry.clone());
        page.take(limit.min(MAX_PAGE) as usize).collect()
    }

    /// The newest deliveries first, of one status or all; at most 1 000.
    pub fn deliveries(&self, status: Option<DeliveryStatus>, limit: u32) -> Vec<Delivery> {
        let mut found: Vec<&Delivery> =
            self.deliveries.values().filter(|d| status.is_none_or(|status| d.status == status)).collect();
        found.sort_by(|a, b| (b.received_at, &b.id).cmp(&(a.received_at, &a.id)));
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
}
