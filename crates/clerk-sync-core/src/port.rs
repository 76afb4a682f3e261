//! The ports: what the engine needs of the world, as traits.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use async_trait::async_trait;

use crate::{
    Change, Commit, Delivery, DeliveryCursor, DeliveryFilter, DeliveryId, DeliveryStatus, DirectoryError,
    Entry, Health, Record, Snapshot, StoreError, Subject, Timestamp, UserFilter, UserId, View,
};

/// The database, as the engine needs it: small and hot.
///
/// What each method means is defined by the conformance suite in `clerk-sync-testkit`; every store passes
/// it. All errors but `Corrupt` leave the outcome of a commit unknown: the caller looks again.
#[async_trait]
pub trait Store: Send + Sync {
    /// What is stored under `id`: one read by primary key.
    async fn record(&self, id: &UserId) -> Result<Option<Entry>, StoreError>;

    /// A consistent picture of everything [`Subject`] names; see [`View`] for what belongs in it.
    async fn view(&self, subject: &Subject) -> Result<View, StoreError>;

    /// [`Store::view`] of each subject, in their order: a page of users is judged by it. Each is of one moment, not
    /// all of the same. One by one by default; a store that can see many at once should.
    async fn views(&self, subjects: &[Subject]) -> Result<Vec<View>, StoreError> {
        let mut views = Vec::with_capacity(subjects.len());
        for subject in subjects {
            views.push(self.view(subject).await?);
        }
        Ok(views)
    }

    /// Applies all changes, or none. `Done` means durable.
    async fn commit(&self, changes: Vec<Change>) -> Result<Commit, StoreError>;

    /// The text of a note, as the last [`Change::Note`] left it: small things the database knows about itself.
    async fn note(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Takes up to `limit` dirty records that are due at `now`, oldest due first, and moves their due time to
    /// `lease_until` without changing the revision. Who takes a record has it until then; a crash gives it
    /// back.
    async fn take_repairs(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError>;

    /// Takes up to `limit` deliveries that are pending or failed and due at `now`, oldest due first, and moves
    /// their due time to `lease_until`.
    async fn take_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Resolves with users another process may have committed, so that requests held for them look again.
    ///
    /// It is for waking and nothing else: ids may come twice, come without a change, or be missed after an
    /// error. A store that hears of nothing never resolves, which is the default.
    async fn changed(&self) -> Result<Vec<UserId>, StoreError> {
        core::future::pending().await
    }
}

/// What operators and metrics ask of a database; none of it is on the way of a request.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Whether the database answers and can be written to, cheaply.
    async fn ping(&self) -> Result<(), StoreError>;

    /// What waits, and how long it has waited. `unconfirmed_before`: records made just in time before this
    /// moment and still without a webhook are counted as unconfirmed.
    async fn backlog(&self, unconfirmed_before: Timestamp) -> Result<Backlog, StoreError>;

    /// Whether the database is as the store needs it. Slower than `ping`: it looks at everything there is.
    async fn health(&self) -> Result<Health, StoreError>;

    /// A page of the entries looked for, in the order of their ids, from after `after`; at most 1 000.
    async fn search_users(
        &self,
        filter: &UserFilter,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError>;

    /// A page of the deliveries looked for, the newest first, from after `after`; at most 1 000.
    async fn search_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// A delivery's entry in the event log.
    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// A page of entries in the order of their ids, from after `after`; at most 1 000.
    async fn entries(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.search_users(&UserFilter::default(), after, limit).await
    }

    /// The newest deliveries first, of one status or all; at most 1 000.
    async fn deliveries(
        &self,
        status: Option<DeliveryStatus>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.search_deliveries(&DeliveryFilter { status, ..DeliveryFilter::default() }, None, limit).await
    }

    /// Drops the bodies of up to `limit` deliveries in `status` received before `before`; ids stay, so that a
    /// replay is still known. Answers how many were dropped.
    async fn drop_bodies(
        &self,
        status: DeliveryStatus,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError>;

    /// Drops the bodies of up to `limit` deliveries that are about `user`, or about no user and contain one of
    /// the texts in `mentions`; ids stay. Answers how many were dropped. Without an index for texts it looks at
    /// every body about no user.
    async fn erase_bodies(&self, user: &UserId, mentions: &[String], limit: u32) -> Result<u64, StoreError>;
}

/// What waits in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Deliveries stored and not yet applied.
    pub pending: u64,
    /// Deliveries whose effect failed and which will be tried again.
    pub failed: u64,
    /// Deliveries given up on.
    pub dead: u64,
    /// When the oldest pending or failed delivery was received.
    pub oldest_unprocessed: Option<Timestamp>,
    /// Records that must be compared with Clerk.
    pub dirty: u64,
    /// When the oldest repair was due.
    pub oldest_repair: Option<Timestamp>,
    /// Records made just in time, old enough, and still without a webhook.
    pub unconfirmed: u64,
    /// When the newest of these was made.
    pub newest_unconfirmed: Option<Timestamp>,
    /// Users.
    pub users: u64,
}

/// Which kind of work asks Clerk; the request budget serves them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Somebody is waiting for an answer.
    Lookup,
    /// A dirty record is to be settled.
    Repair,
    /// A full comparison.
    Sweep,
}

/// What a list of users is sorted by. There is no other order a walk could rely on, and no filter by version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest users first: whoever signs up during a walk comes at its end.
    Created,
    /// Newest versions first.
    NewestVersion,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// After this user of the page before; only in the order of creation. Refused by Clerk where it does not
    /// know the user (any more) or the parameter.
    After(UserId),
    /// After so many users. Users who come or go meanwhile shift it.
    Offset(u64),
}

/// A page of all users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf {
    /// Their order.
    pub order: Order,
    /// Where it begins.
    pub start: Start,
    /// How many users at most, 1 to 500.
    pub limit: u32,
}

impl PageOf {
    /// The longest page Clerk gives.
    pub const MAX: u32 = 500;
}

/// Clerk, asked by id and by page.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The user as Clerk has it now; `None`: Clerk says there is no such id. The answer may be stale by
    /// a bound Clerk does not document.
    async fn user(&self, id: &UserId, lane: Lane) -> Result<Option<Snapshot>, DirectoryError>;

    /// A page of users as Clerk has them now, or had them a moment ago; shorter than its limit only where it
    /// is the last. What is not in it is not there for that reason alone.
    async fn page(&self, page: &PageOf, lane: Lane) -> Result<Vec<Snapshot>, DirectoryError>;

    /// How many users there are.
    async fn count(&self, lane: Lane) -> Result<u64, DirectoryError>;

    /// The id of the instance the secret key belongs to.
    async fn instance_id(&self) -> Result<String, DirectoryError>;
}

/// Time, as an argument.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Resolves once `millis` milliseconds have passed.
    async fn sleep(&self, millis: u64);
}
