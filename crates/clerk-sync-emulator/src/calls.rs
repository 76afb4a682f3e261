//! How often the Backend API was called.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

/// How many users are counted one by one; calls about further ones count only by route.
const MAX_USERS: usize = 200_000;

/// Counters of calls to the Backend API, refused and failed ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// All calls.
    pub total: u64,
    /// Calls by method and path, ids left out: `GET /v1/users/{id}`.
    pub by_route: BTreeMap<&'static str, u64>,
    /// Calls of `GET /v1/users/{id}` by id, whether or not there is such a user.
    pub user_reads: HashMap<String, u64>,
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Calls that were hung up on.
    pub hung_up: u64,
    /// Calls of the Frontend API, which are in none of the others.
    pub frontend: u64,
}

impl Calls {
    pub(crate) fn count(&mut self, route: &'static str, status: u16, user_read: Option<&str>) {
        self.total += 1;
        *self.by_route.entry(route).or_default() += 1;
        *self.by_status.entry(status).or_default() += 1;
        let Some(id) = user_read else { return };
        if let Some(count) = self.user_reads.get_mut(id) {
            *count += 1;
        } else if self.user_reads.len() < MAX_USERS {
            self.user_reads.insert(id.to_owned(), 1);
        }
    }

    pub(crate) fn count_frontend(&mut self) {
        self.frontend += 1;
    }

    pub(crate) fn count_hung_up(&mut self) {
        self.total += 1;
        self.hung_up += 1;
    }
}
