use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use clerk_sync_core::port::{Directory, Lane};
use clerk_sync_core::{DirectoryError, Snapshot, UserId};
use tokio::sync::Semaphore;

/// What the directory answers once to a question, instead of the truth.
#[derive(Debug, Clone)]
pub enum Answer {
    /// There is no such user.
    NotFound,
    /// Too many requests: wait so many milliseconds.
    Throttled(u64),
    /// No usable answer: wait so many milliseconds.
    Unavailable(u64),
    /// An older state of the user.
    Stale(Box<Snapshot>),
    /// The secret key is refused.
    RefusedKey,
}

/// Clerk as a script: users, planned answers, a gate to hold answers back, and a count of the calls.
#[derive(Debug, Default)]
pub struct FakeDirectory {
    script: Mutex<Script>,
}

#[derive(Debug, Default)]
struct Script {
    users: BTreeMap<UserId, Snapshot>,
    planned: BTreeMap<UserId, VecDeque<Answer>>,
    calls: BTreeMap<UserId, Vec<Lane>>,
    gate: Option<Arc<Semaphore>>,
}

impl FakeDirectory {
    /// A directory without users that answers at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the truth about a user.
    pub fn put(&self, snapshot: Snapshot) {
        self.script().users.insert(snapshot.id.clone(), snapshot);
    }

    /// Deletes a user.
    pub fn remove(&self, id: &UserId) {
        self.script().users.remove(id);
    }

    /// The truth about a user.
    pub fn truth(&self, id: &UserId) -> Option<Snapshot> {
        self.script().users.get(id).cloned()
    }

    /// Plans the answer to the next question about `id`; several are given in the order planned, then the
    /// truth is again.
    pub fn plan(&self, id: &UserId, answer: Answer) {
        self.script().planned.entry(id.clone()).or_default().push_back(answer);
    }

    /// From now on answers wait until [`release`](Self::release) lets them go.
    pub fn hold(&self) {
        self.script().gate = Some(Arc::new(Semaphore::new(0)));
    }

    /// Lets `count` waiting or coming answers go.
    pub fn release(&self, count: usize) {
        if let Some(gate) = &self.script().gate {
            gate.add_permits(count);
        }
    }

    /// Lets all answers go, those that wait and those to come.
    pub fn open(&self) {
        if let Some(gate) = self.script().gate.take() {
            gate.close();
        }
    }

    /// How often `id` was asked for.
    pub fn calls(&self, id: &UserId) -> usize {
        self.script().calls.get(id).map_or(0, Vec::len)
    }

    /// For which kinds of work `id` was asked for, in order.
    pub fn lanes(&self, id: &UserId) -> Vec<Lane> {
        self.script().calls.get(id).cloned().unwrap_or_default()
    }

    /// How often anybody was asked for.
    pub fn total_calls(&self) -> usize {
        self.script().calls.values().map(Vec::len).sum()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Directory for FakeDirectory {
    async fn user(&self, id: &UserId, lane: Lane) -> Result<Option<Snapshot>, DirectoryError> {
        // The call counts when it is made; what it answers is settled when the gate lets it go.
        let gate = {
            let mut script = self.script();
            script.calls.entry(id.clone()).or_default().push(lane);
            script.gate.clone()
        };
        if let Some(gate) = gate
            && let Ok(permit) = gate.acquire().await
        {
            permit.forget();
        }
        let mut script = self.script();
        match script.planned.get_mut(id).and_then(VecDeque::pop_front) {
            None => Ok(script.users.get(id).cloned()),
            Some(Answer::NotFound) => Ok(None),
            Some(Answer::Stale(snapshot)) => Ok(Some(*snapshot)),
            Some(Answer::Throttled(retry_after_ms)) => Err(DirectoryError::Throttled { retry_after_ms }),
            Some(Answer::Unavailable(retry_after_ms)) => {
                Err(DirectoryError::Unavailable { retry_after_ms, reason: "planned".into() })
            }
            Some(Answer::RefusedKey) => Err(DirectoryError::RefusedKey),
        }
    }

    async fn instance_id(&self) -> Result<String, DirectoryError> {
        Ok("ins_2fake".into())
    }
}
