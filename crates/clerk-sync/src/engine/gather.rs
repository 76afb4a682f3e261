//! Group commit: deliveries that come while others are being stored wait for them and share the next commit.
//!
//! One alone goes at once and costs what it costs; under load a database makes one thing durable for many, and
//! the groups of one process lose no races to each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clerk_sync_core::Outcome;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Engine, Unjoined};

/// How many share a commit at most.
pub(super) const LARGEST: usize = 64;

type Carrying = BoxFuture<'static, Arc<Carried>>;

/// A group that had its turn.
struct Carried {
    /// What became of each, by place; `None` of one that has to be taken by itself.
    outcomes: Vec<Option<Outcome>>,
    /// The turn, for one that was all by itself.
    turn: Mutex<Option<OwnedSemaphorePermit>>,
}

/// A delivery has to be taken by itself, because it is the only one or could not be taken with others.
pub(super) struct Alone {
    /// The turn of the only one: those who come meanwhile are the next group.
    pub(super) _turn: Option<OwnedSemaphorePermit>,
}

/// The deliveries on their way to the store. Those who wait carry their group there; when all of them have given
/// up it ends with them.
pub(super) struct Gather {
    /// One group at a time.
    turn: Arc<Semaphore>,
    open: Mutex<Option<Group>>,
}

/// Those who wait for their turn.
struct Group {
    members: Members,
    carrying: WeakShared<Carrying>,
}

/// `None` once they have their turn: whoever comes then is of the next group.
type Members = Arc<Mutex<Option<Vec<Unjoined>>>>;

impl Default for Gather {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), open: Mutex::default() }
    }
}

impl Gather {
    /// Stores a delivery with those that wait already, and answers what became of it.
    ///
    /// # Errors
    /// When it has to be taken by itself.
    pub(super) async fn share(&self, engine: &Arc<Engine>, delivery: Unjoined) -> Result<Outcome, Alone> {
        let (place, carrying) = self.enter(engine, delivery);
        let carried = carrying.await;
        let outcome = carried.outcomes.get(place).copied().flatten();
        outcome.ok_or_else(|| Alone { _turn: locked(&carried.turn).take() })
    }

    fn enter(&self, engine: &Arc<Engine>, delivery: Unjoined) -> (usize, Shared<Carrying>) {
        let mut open = locked(&self.open);
        let mut delivery = Some(delivery);
        if let Some(Group { members, carrying }) = &*open
            && let Some(carrying) = carrying.upgrade()
            && let Some(members) = locked(members).as_mut().filter(|members| members.len() < LARGEST)
        {
            members.extend(delivery.take());
            return (members.len() - 1, carrying);
        }
        let members: Members = Arc::new(Mutex::new(Some(delivery.into_iter().collect())));
        let carrying =
            carry(Arc::clone(engine), Arc::clone(&self.turn), Arc::clone(&members)).boxed().shared();
        *open = carrying.downgrade().map(|carrying| Group { members, carrying });
        (0, carrying)
    }
}

async fn carry(engine: Arc<Engine>, turn: Arc<Semaphore>, members: Members) -> Arc<Carried> {
    // It is never closed.
    let turn = turn.acquire_owned().await.ok();
    let members = locked(&members).take().unwrap_or_default();
    Arc::new(match members.len() {
        1 => Carried { outcomes: vec![None], turn: Mutex::new(turn) },
        _ => Carried { outcomes: engine.absorb_together(members).await, turn: Mutex::default() },
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
