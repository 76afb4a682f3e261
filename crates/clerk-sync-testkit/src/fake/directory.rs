use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use clerk_sync_core::port::{Directory, Lane, Order, PageOf, Start};
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
    pages: Vec<PageOf>,
    failing_pages: VecDeque<DirectoryError>,
    refuses_cursors: bool,
    instance: Option<String>,
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

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.script().users.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.script().users.is_empty()
    }

    /// Plans the answer to the next question about `id`; several are given in the order planned, then the
    /// truth is again.
    pub fn plan(&self, id: &UserId, answer: Answer) {
        self.script().planned.entry(id.clone()).or_default().push_back(answer);
    }

    /// From now on a list cannot be continued after a user, as with an older API.
    pub fn refuse_cursors(&self) {
        self.script().refuses_cursors = true;
    }

    /// Plans that the next page asked for is an error; several are given in the order planned.
    pub fn fail_page(&self, error: DirectoryError) {
        self.script().failing_pages.push_back(error);
    }

    /// The pages asked for, in order.
    pub fn pages(&self) -> Vec<PageOf> {
        self.script().pages.clone()
    }

    /// From now on the secret key is that of another instance.
    pub fn become_instance(&self, id: &str) {
        self.script().instance = Some(id.to_owned());
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

impl Script {
    fn page(&self, page: &PageOf) -> Result<Vec<Snapshot>, DirectoryError> {
        let mut users: Vec<&Snapshot> = self.users.values().collect();
        match page.order {
            Order::Created => users.sort_by_key(|user| (user.profile.created_at, &user.id)),
            Order::NewestVersion => users.sort_by_key(|user| Reverse((user.version, &user.id))),
        }
        let skip = match &page.start {
            Start::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            Start::After(_) if self.refuses_cursors || page.order != Order::Created => {
                return Err(DirectoryError::Refused { status: 422, code: "form_param_unknown".into() });
            }
            Start::After(id) => match users.iter().position(|user| user.id == *id) {
                Some(position) => position + 1,
                None => {
                    return Err(DirectoryError::Refused { status: 404, code: "resource_not_found".into() });
                }
            },
        };
        Ok(users.into_iter().skip(skip).take(page.limit as usize).cloned().collect())
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

    async fn page(&self, page: &PageOf, _lane: Lane) -> Result<Vec<Snapshot>, DirectoryError> {
        let gate = {
            let mut script = self.script();
            script.pages.push(page.clone());
            script.gate.clone()
        };
        if let Some(gate) = gate
            && let Ok(permit) = gate.acquire().await
        {
            permit.forget();
        }
        let mut script = self.script();
        match script.failing_pages.pop_front() {
            Some(error) => Err(error),
            None => script.page(page),
        }
    }

    async fn count(&self, _lane: Lane) -> Result<u64, DirectoryError> {
        Ok(self.script().users.len() as u64)
    }

    async fn instance_id(&self) -> Result<String, DirectoryError> {
        Ok(self.script().instance.clone().unwrap_or_else(|| "ins_2fake".into()))
    }
}
