//! Fetches under way, one per user: whoever wants the same user shares the answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use clerk_sync_core::UserId;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::user::Looked;

type Flight = Shared<BoxFuture<'static, Looked>>;

#[derive(Default)]
struct Board {
    flights: HashMap<UserId, (u64, WeakShared<BoxFuture<'static, Looked>>)>,
    started: u64,
}

/// The fetches under way. Those who wait drive the fetch; when all of them have given up it ends with them.
#[derive(Clone, Default)]
pub(super) struct Flights {
    board: Arc<Mutex<Board>>,
}

/// Takes the flight off the board when it ends or is given up.
struct Landing {
    board: Arc<Mutex<Board>>,
    id: UserId,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        if board.flights.get(&self.id).is_some_and(|(number, _)| *number == self.number) {
            board.flights.remove(&self.id);
        }
    }
}

impl Flights {
    /// The fetch under way for `id`, or the one `start` makes.
    pub(super) fn share<F>(&self, id: &UserId, start: impl FnOnce() -> F) -> Flight
    where
        F: Future<Output = Looked> + Send + 'static,
    {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = board.flights.get(id).and_then(|(_, weak)| weak.upgrade()) {
            return flight;
        }
        board.started += 1;
        let landing = Landing { board: Arc::clone(&self.board), id: id.clone(), number: board.started };
        let number = board.started;
        let fetch = start();
        let flight = async move {
            let looked = fetch.await;
            drop(landing);
            looked
        }
        .boxed()
        .shared();
        if let Some(weak) = flight.downgrade() {
            board.flights.insert(id.clone(), (number, weak));
        }
        flight
    }
}
