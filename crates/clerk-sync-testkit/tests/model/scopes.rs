//! The scopes: what each fixes, and what it is there to show. All states within a scope are visited.

use crate::clerk::{Change, Content};
use crate::world::Bounds;

/// A script of Clerk's, and bounds for everything else.
pub(crate) struct Scope {
    pub(crate) name: &'static str,
    pub(crate) shows: &'static str,
    pub(crate) script: &'static [Change],
    pub(crate) bounds: Bounds,
    /// How many handlers may be under way at once.
    pub(crate) concurrency: usize,
    /// Whether requests come with claims enough to make a record.
    pub(crate) claims: bool,
    /// Whether it is visited only when asked for.
    pub(crate) large: bool,
}

const NOTHING: Bounds =
    Bounds { requests: [0, 0], duplicates: 0, replays: 0, crashes: 0, stale: 0, errors: 0, sweeps: 0 };

const SHARED: Content = Content { email: Some(("shared@x.test", true)), username: None, first_name: "Ada" };
const SHARED_UNVERIFIED: Content = Content { email: Some(("shared@x.test", false)), ..SHARED };
const OTHER: Content = Content { email: Some(("other@x.test", true)), ..SHARED };
const RENAMED: Content = Content { first_name: "Eve", ..SHARED_UNVERIFIED };
const NAMED: Content = Content { username: Some("ada"), ..OTHER };
const NAMED_TOO: Content = Content { username: Some("ada"), ..SHARED };

const A: usize = 0;
const B: usize = 1;

/// A user is created, or changes.
const fn becomes(user: usize, version: i64, content: Content) -> Change {
    Change::Becomes { user, version, content }
}

pub(crate) const SCOPES: &[Scope] = &[
    Scope {
        name: "shared address",
        shows: "two users claim one address; creation, update, deletion; the address goes to the right one",
        script: &[
            becomes(A, 1, SHARED_UNVERIFIED),
            becomes(B, 2, SHARED),
            becomes(A, 3, RENAMED),
            Change::Deleted { user: B },
        ],
        bounds: Bounds { requests: [1, 1], duplicates: 1, crashes: 1, stale: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: false,
    },
];
