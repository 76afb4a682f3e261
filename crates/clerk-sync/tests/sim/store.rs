//! The database as one replica reaches it: the real store behind a wire with bad days.

use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use clerk_sync_core::port::{Backlog, Inspect, Store};
use clerk_sync_core::{
    Change, Commit, Delivery, DeliveryCursor, DeliveryFilter, DeliveryId, DeliveryStatus, Entry, Health,
    Record, StoreError, StoreErrorKind, Subject, Timestamp, UserFilter, UserId, View,
};

use crate::cover::Goal;
use crate::monitor::{self, Touch};
use crate::plan::REPLICAS;
use crate::world::{World, wait};

pub(crate) struct SimStore {
    pub(crate) world: Arc<World>,
    pub(crate) replica: usize,
}

#[derive(Default)]
struct Trouble {
    before: Option<&'static str>,
    after: bool,
    slow_before_ms: u64,
    slow_after_ms: u64,
    lost_race: bool,
}

fn unavailable(why: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, why)
}

impl SimStore {
    fn trouble(&self, write: bool) -> Trouble {
        let faults = &self.world.plan.faults;
        let mut state = self.world.state();
        let mut trouble = Trouble::default();
        if state.healed {
            return trouble;
        }
        if state.now_ms < state.outage_until_ms {
            state.cover.hit(Goal::Outage);
            trouble.before = Some("the database is away");
            return trouble;
        }
        if write && state.now_ms < state.read_only_until_ms {
            state.cover.hit(Goal::ReadOnly);
            trouble.before = Some("the database is read-only");
            return trouble;
        }
        if state.fault(faults.error_before) {
            state.cover.hit(Goal::ErrorBefore);
            trouble.before = Some("the connection was lost before");
        }
        trouble.after = state.fault(faults.error_after);
        trouble.lost_race = write && state.fault(faults.lost_race);
        if state.fault(faults.slow_store) {
            state.cover.hit(Goal::SlowStore);
            let slow_ms = 6_000 + state.tape.below(6_000);
            if state.tape.below(2) == 0 {
                trouble.slow_before_ms = slow_ms;
            } else {
                trouble.slow_after_ms = slow_ms;
            }
        }
        trouble
    }

    /// A call: a step there, the work in one go, a step back. Anything may come in between.
    async fn call<T: Send>(
        &self,
        write: bool,
        race: Option<T>,
        work: impl AsyncFnOnce() -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        if self.world.state().counting {
            return wait(work());
        }
        self.world.step().await;
        let trouble = self.trouble(write);
        if trouble.slow_before_ms > 0 {
            self.world.sleep(trouble.slow_before_ms).await;
        }
        if let Some(why) = trouble.before {
            return Err(unavailable(why));
        }
        let answer = match race.filter(|_| trouble.lost_race) {
            Some(lost) => {
                self.world.hit(Goal::LostRace);
                Ok(lost)
            }
            None => wait(work()),
        };
        if trouble.slow_after_ms > 0 {
            self.world.sleep(trouble.slow_after_ms).await;
        }
        self.world.step().await;
        if trouble.after {
            if write {
                self.world.hit(Goal::ErrorAfterCommit);
            }
            return Err(unavailable("the connection was lost after"));
        }
        answer
    }

    /// Other processes hear of a commit, or miss it.
    fn tell_others(&self, touched: &[Touch]) {
        let unheard = self.world.plan.faults.unheard;
        let mut wakers = Vec::new();
        let mut state = self.world.state();
        for touch in touched {
            let Touch::User(id) = touch else { continue };
            for other in (0..REPLICAS).filter(|other| *other != self.replica) {
                if state.tape.chance(unheard) {
                    continue;
                }
                let replica = &mut state.replicas[other];
                replica.news.push(id.clone());
                wakers.extend(replica.listener.take());
            }
        }
        drop(state);
        wakers.into_iter().for_each(|waker| waker.wake());
    }
}

#[async_trait]
impl Store for SimStore {
    async fn record(&self, id: &UserId) -> Result<Option<Entry>, StoreError> {
        self.call(false, None, async || self.world.store.record(id).await).await
    }

    async fn view(&self, subject: &Subject) -> Result<View, StoreError> {
        self.call(false, None, async || self.world.store.view(subject).await).await
    }

    async fn views(&self, subjects: &[Subject]) -> Result<Vec<View>, StoreError> {
        self.call(false, None, async || self.world.store.views(subjects).await).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Commit, StoreError> {
        let touched: Vec<Touch> = changes.iter().map(Touch::of).collect();
        let together = changes.iter().filter(|change| matches!(change, Change::Log { .. })).count() > 1;
        let work = async || {
            let answer = self.world.store.commit(changes).await;
            let replica = self.replica;
            self.world.state().say(|| format!("replica {replica} commits: {answer:?}"));
            if matches!(answer, Ok(Commit::Done)) {
                if together {
                    self.world.hit(Goal::Together);
                }
                monitor::after_commit(&self.world, replica, &touched);
                self.tell_others(&touched);
            }
            answer
        };
        self.call(true, Some(Commit::Stale), work).await
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.call(false, None, async || self.world.store.note(name).await).await
    }

    async fn take_repairs(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let work = async || {
            let taken = self.world.store.take_repairs(now, lease_until, limit).await;
            let mut state = self.world.state();
            let state = &mut *state;
            if let Ok(records) = &taken
                && !records.is_empty()
            {
                state.monitor.leased(self.replica, records, &mut state.cover);
                let replica = self.replica;
                state.say(|| {
                    let ids = records.iter().map(|r| (r.id.to_string(), r.rev.0)).collect::<Vec<_>>();
                    format!("replica {replica} takes repairs {ids:?}")
                });
            }
            taken
        };
        self.call(true, None, work).await
    }

    async fn take_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.call(true, None, async || self.world.store.take_deliveries(now, lease_until, limit).await).await
    }

    async fn changed(&self) -> Result<Vec<UserId>, StoreError> {
        let news = std::future::poll_fn(|context| {
            let mut state = self.world.state();
            let replica = &mut state.replicas[self.replica];
            if replica.news.is_empty() {
                replica.listener = Some(context.waker().clone());
                return Poll::Pending;
            }
            let news = std::mem::take(&mut replica.news);
            state.cover.hit(Goal::Heard);
            Poll::Ready(news)
        });
        let news = news.await;
        self.world.step().await;
        Ok(news)
    }
}

#[async_trait]
impl Inspect for SimStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.call(true, None, async || self.world.store.ping().await).await
    }

    async fn backlog(&self, unconfirmed_before: Timestamp) -> Result<Backlog, StoreError> {
        self.call(false, None, async || self.world.store.backlog(unconfirmed_before).await).await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.call(false, None, async || self.world.store.health().await).await
    }

    async fn search_users(
        &self,
        filter: &UserFilter,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        self.call(false, None, async || self.world.store.search_users(filter, after, limit).await).await
    }

    async fn search_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.call(false, None, async || self.world.store.search_deliveries(filter, after, limit).await).await
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.call(false, None, async || self.world.store.delivery(id).await).await
    }

    async fn drop_bodies(
        &self,
        status: DeliveryStatus,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.call(true, None, async || self.world.store.drop_bodies(status, before, limit).await).await
    }

    async fn erase_bodies(&self, user: &UserId, mentions: &[String], limit: u32) -> Result<u64, StoreError> {
        self.call(true, None, async || self.world.store.erase_bodies(user, mentions, limit).await).await
    }
}
