//! What can only be seen from inside: query plans, groups, and planted faults.

mod faults;
mod groups;
mod plans;

use crate::{Options, SqliteStore};

fn store(options: Options) -> SqliteStore {
    SqliteStore::open_temporary(options).unwrap()
}
