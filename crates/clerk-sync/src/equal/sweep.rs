//! A full comparison: list everything and join it, then doubt whoever was not listed (mark and sweep, R9).

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;

use clerk_sync_core::port::Lane;
use clerk_sync_core::{Entry, Fact, Timestamp, UserId};

use super::compared::{Compared, Rigour};
use super::lease::Lease;
use super::listing::Listed;
use super::walk::Walk;
use super::{EqualError, Equality, Progress, Told};
use crate::engine::Unjoined;

pub(super) const LEASE: &str = "sweep_lease";
/// Entries read at once.
const PAGE: u32 = 1_000;
/// How long repairs may take before a command ends, in milliseconds.
pub(super) const SETTLE_MS: u64 = 120_000;
/// Doubts committed at once.
const DOUBTS: usize = 500;

/// What a sweep is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepOptions {
    /// Only report.
    pub check: bool,
    /// The number of deletions held back by the brake that somebody has confirmed.
    pub confirm_deletions: Option<u64>,
    /// Whether to repair what was found before answering, for up to two minutes. Otherwise that is left to whoever
    /// drives [`ClerkSync::run`](crate::ClerkSync::run).
    pub settle: bool,
}

/// What a sweep found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Users Clerk listed.
    pub users: u64,
    /// Users that had no record.
    pub created: u64,
    /// Records that were older than Clerk's users.
    pub updated: u64,
    /// Records that differed in another way.
    pub differing: u64,
    /// Differences of records that were there, by column.
    pub fields: BTreeMap<&'static str, u64>,
    /// Users of the database that Clerk did not list: asked about by id, and deleted once Clerk has said twice
    /// that they are gone.
    pub missing: u64,
    /// Users found to differ who still wait for Clerk's answer by id, where it was waited for.
    pub unsettled: u64,
    /// How long listing and comparing took, in milliseconds.
    pub took_ms: i64,
    /// Whether it only looked.
    pub check: bool,
}

/// Ids seen, as hashes: 16 bytes each. Where two ids share one, a deletion may be overlooked until the next sweep,
/// which has other hashes; nobody is deleted for it.
pub(super) struct Seen {
    hashes: HashSet<u64>,
    by: RandomState,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { hashes: HashSet::new(), by: RandomState::new() }
    }

    pub(super) fn add(&mut self, id: &UserId) {
        self.hashes.insert(self.by.hash_one(id));
    }

    pub(super) fn has(&self, id: &UserId) -> bool {
        self.hashes.contains(&self.by.hash_one(id))
    }
}

impl Equality {
    /// Compares every user; one process at a time.
    pub(crate) async fn sweep(
        &self,
        options: SweepOptions,
        told: Told<'_>,
    ) -> Result<SweepReport, EqualError> {
        self.verify_instance().await?;
        if let Some(confirmed) = options.confirm_deletions {
            self.may_confirm(confirmed).await?;
        }
        let lease = self.lease(LEASE).await?;
        let swept = self.sweep_under(&lease, options, told).await;
        if !matches!(swept, Err(EqualError::Superseded)) {
            self.let_go(lease).await;
        }
        swept
    }

    async fn sweep_under(
        &self,
        lease: &Lease,
        options: SweepOptions,
        told: Told<'_>,
    ) -> Result<SweepReport, EqualError> {
        let started = self.engine.clock.now();
        let rigour = if options.check { Rigour::Look } else { Rigour::Settle };
        let mut seen = Seen::new();
        let found = self.walk_all(lease, rigour, &mut seen, told).await?;
        let (missing, users) = self.missing(lease, &seen, started).await?;
        let count = missing.len() as u64;
        let ended = self.engine.clock.now();
        let took_ms = ended.millis_since(started);
        if !options.check {
            self.engine.metrics.drifted(&found.fields);
            let passed = self.pass(count, users, options.confirm_deletions.unwrap_or(0)).await;
            if passed.is_ok() {
                self.doubt(lease, &missing).await?;
            }
            // Not before the doubts are stored: after a kill in between, the next sweep would be a day away.
            if matches!(passed, Ok(()) | Err(EqualError::Braked { .. })) {
                self.note_swept(ended, took_ms).await?;
            }
            passed?;
        }
        let mut unsettled = 0;
        if options.settle && !options.check {
            let touched = [found.touched, missing].concat();
            unsettled = self.under(lease, self.settle(touched, SETTLE_MS)).await?.len() as u64;
        }
        Ok(SweepReport {
            users: found.users,
            created: found.created,
            updated: found.updated,
            differing: found.differing,
            fields: found.fields.iter().map(|(field, count)| (field.as_str(), *count)).collect(),
            missing: count,
            unsettled,
            took_ms,
            check: options.check,
        })
    }

    /// Lists all users and compares them; the next page is on its way while one is compared.
    pub(super) async fn walk_all(
        &self,
        lease: &Lease,
        rigour: Rigour,
        seen: &mut Seen,
        told: Told<'_>,
    ) -> Result<Compared, EqualError> {
        let total = self.under(lease, self.count(Lane::Sweep)).await?;
        let mut found = Compared::default();
        let mut next = Some(self.under(lease, self.list(Walk::default())).await?);
        while let Some(Listed { met, walk, is_last }) = next.take() {
            if walk.users > self.settings.max_users {
                return Err(EqualError::TooManyUsers { max_users: self.settings.max_users });
            }
            met.ids().for_each(|id| seen.add(id));
            told(Progress { users: walk.users, total });
            let both = futures_util::future::join(self.compare(met, rigour), self.list_on(walk, is_last));
            let (compared, listed) = self.under(lease, async { Ok(both.await) }).await?;
            found.add(compared?);
            next = listed?;
            self.keep(lease, vec![]).await?;
        }
        Ok(found)
    }

    /// Users who were in the database before the list was begun and are not in it, and how many users there are.
    ///
    /// They are read after listing, since what counts is when their records were made: whoever had one by then was
    /// in Clerk by then. A record that another process's clock puts too early is asked about in vain.
    pub(super) async fn missing(
        &self,
        lease: &Lease,
        seen: &Seen,
        started: Timestamp,
    ) -> Result<(Vec<UserId>, u64), EqualError> {
        let bound = i64::try_from(self.engine.settings.staleness_bound_ms).unwrap_or(i64::MAX);
        let before = started.plus_millis(-bound);
        let (mut missing, mut users, mut after) = (vec![], 0, None);
        loop {
            let page = self.inspect.entries(after.as_ref(), PAGE).await?;
            after = page.last().map(|entry| entry.id().clone());
            for record in page.iter().filter_map(Entry::live) {
                users += 1;
                if record.recorded_at < before && !seen.has(&record.id) {
                    missing.push(record.id.clone());
                }
            }
            self.keep(lease, vec![]).await?;
            if (page.len() as u64) < u64::from(PAGE) {
                return Ok((missing, users));
            }
        }
    }

    /// A list is no reason to delete: Clerk is asked by id, by the repairs.
    pub(super) async fn doubt(&self, lease: &Lease, ids: &[UserId]) -> Result<(), EqualError> {
        for ids in ids.chunks(DOUBTS) {
            self.keep(lease, vec![]).await?;
            let doubts = ids.iter().map(|id| Unjoined::from(Fact::Doubted { id: id.clone() })).collect();
            self.engine.absorb_all(doubts).await?;
        }
        Ok(())
    }
}
