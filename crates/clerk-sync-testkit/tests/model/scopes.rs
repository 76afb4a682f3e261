//! The scopes: what each fixes, and what it is there to show. All states within a scope are visited.

use crate::clerk::{Change, Content};
use crate::violation::Violation;
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
        shows: "two users claim one address; creation, update, deletion; a stale look-up, a duplicate, a crash",
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
    Scope {
        name: "reused address",
        shows: "a deleted user's address comes back with a new user",
        script: &[
            becomes(A, 1, SHARED),
            Change::Deleted { user: A },
            becomes(B, 2, SHARED),
            becomes(B, 3, RENAMED),
        ],
        bounds: Bounds { requests: [1, 1], duplicates: 1, crashes: 1, stale: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: false,
    },
    Scope {
        name: "swapped addresses",
        shows: "two users exchange their addresses",
        script: &[becomes(A, 1, SHARED), becomes(B, 2, OTHER), becomes(A, 3, OTHER), becomes(B, 4, SHARED)],
        bounds: Bounds { requests: [1, 1], duplicates: 1, crashes: 1, stale: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: false,
    },
    Scope {
        name: "usernames",
        shows: "a given username meets a derived one, and another given one",
        script: &[
            becomes(A, 1, OTHER),
            becomes(B, 2, NAMED_TOO),
            becomes(A, 3, NAMED),
            becomes(B, 4, SHARED),
        ],
        bounds: Bounds { requests: [1, 1], duplicates: 1, crashes: 1, stale: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: false,
    },
    Scope {
        name: "ties",
        shows: "changes in one millisecond, and back again (A-B-A), with stale answers to repairs",
        script: &[
            becomes(A, 1, SHARED),
            becomes(A, 1, OTHER),
            becomes(A, 1, SHARED),
            becomes(A, 1, OTHER),
            becomes(A, 1, SHARED),
        ],
        bounds: Bounds { requests: [1, 0], duplicates: 1, crashes: 1, stale: 2, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: false,
    },
    Scope {
        name: "sweep",
        shows: "a full comparison, with a stale list, amid creation, update and deletion",
        script: &[
            becomes(A, 1, SHARED),
            becomes(A, 2, OTHER),
            becomes(B, 3, SHARED),
            Change::Deleted { user: A },
        ],
        bounds: Bounds { requests: [1, 0], crashes: 1, stale: 1, sweeps: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: false,
    },
    Scope {
        name: "replays",
        shows: "an operator sends old webhooks again, under ids the event log does not know",
        script: &[
            becomes(A, 1, SHARED),
            becomes(A, 2, OTHER),
            becomes(B, 3, SHARED),
            Change::Deleted { user: A },
        ],
        bounds: Bounds { requests: [1, 0], replays: 1, crashes: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: false,
    },
    Scope {
        name: "errors",
        shows: "commits that fail, and commits that are done and report an error; deliveries stored alone",
        script: &[
            becomes(A, 1, SHARED),
            becomes(B, 2, SHARED),
            becomes(A, 3, OTHER),
            Change::Deleted { user: B },
        ],
        bounds: Bounds { requests: [1, 0], crashes: 1, errors: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: false,
    },
    Scope {
        name: "sign-ins",
        shows: "sign-ins told of before their user is known, and after they are gone; deliveries that wait and fail",
        script: &[
            becomes(A, 1, SHARED),
            Change::SignsIn { user: A },
            becomes(A, 2, OTHER),
            Change::Deleted { user: A },
        ],
        bounds: Bounds { crashes: 1, stale: 1, errors: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: false,
    },
    Scope {
        name: "claims",
        shows: "records made of token claims, of users who live and who are gone",
        script: &[
            becomes(A, 1, SHARED),
            becomes(B, 2, SHARED),
            becomes(B, 3, OTHER),
            Change::Deleted { user: A },
        ],
        bounds: Bounds { requests: [1, 1], crashes: 1, stale: 1, ..NOTHING },
        concurrency: 2,
        claims: true,
        large: false,
    },
    Scope {
        name: "unversioned",
        shows: "a webhook that does not say its version",
        script: &[
            becomes(A, 1, SHARED),
            Change::Unversioned { user: A, version: 2, content: OTHER },
            becomes(B, 3, SHARED),
            becomes(A, 4, SHARED),
        ],
        bounds: Bounds { requests: [1, 1], duplicates: 1, crashes: 1, stale: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: false,
    },
    Scope {
        name: "three at once",
        shows: "three handlers under way; creation, update and deletion with everything twice",
        script: &[becomes(A, 1, SHARED), becomes(A, 2, OTHER), Change::Deleted { user: A }],
        bounds: Bounds { requests: [2, 0], duplicates: 1, crashes: 1, stale: 1, ..NOTHING },
        concurrency: 3,
        claims: false,
        large: false,
    },
    Scope {
        name: "large: shared address and sweep",
        shows: "the first scope with a full comparison under way",
        script: &[
            becomes(A, 1, SHARED_UNVERIFIED),
            becomes(B, 2, SHARED),
            becomes(A, 3, RENAMED),
            Change::Deleted { user: B },
        ],
        bounds: Bounds { requests: [1, 1], crashes: 1, stale: 1, sweeps: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: true,
    },
    Scope {
        name: "large: replays",
        shows: "an operator's replays of two old webhooks, beside duplicates and stale answers",
        script: &[
            becomes(A, 1, SHARED),
            becomes(A, 2, OTHER),
            becomes(B, 3, SHARED),
            Change::Deleted { user: A },
        ],
        bounds: Bounds { requests: [1, 0], duplicates: 1, replays: 2, crashes: 1, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: true,
    },
    Scope {
        name: "large: errors",
        shows: "two commits of unknown outcome, beside duplicates and a crash",
        script: &[
            becomes(A, 1, SHARED),
            becomes(B, 2, SHARED),
            becomes(A, 3, OTHER),
            Change::Deleted { user: B },
        ],
        bounds: Bounds { requests: [1, 0], duplicates: 1, crashes: 1, errors: 2, ..NOTHING },
        concurrency: 2,
        claims: false,
        large: true,
    },
    Scope {
        name: "large: three at once",
        shows: "two users who share an address, with three handlers under way",
        script: &[becomes(A, 1, SHARED), becomes(B, 2, SHARED), Change::Deleted { user: A }],
        bounds: Bounds { requests: [1, 1], duplicates: 1, crashes: 1, stale: 1, ..NOTHING },
        concurrency: 3,
        claims: false,
        large: true,
    },
];

/// Where the document's algorithm goes wrong: the smallest scope for each of its bugs.
pub(crate) struct Bug {
    pub(crate) name: &'static str,
    /// What it breaks.
    pub(crate) violation: Violation,
    pub(crate) script: &'static [Change],
    pub(crate) bounds: Bounds,
}

pub(crate) const BUGS: &[Bug] = &[
    Bug {
        name: "revived user",
        violation: Violation::RevivedUser,
        script: &[becomes(A, 1, SHARED), Change::Deleted { user: A }],
        bounds: Bounds { requests: [1, 0], ..NOTHING },
    },
    Bug {
        name: "two admins",
        violation: Violation::TwoAdmins,
        script: &[becomes(A, 1, SHARED), becomes(B, 2, OTHER)],
        bounds: Bounds { requests: [1, 1], ..NOTHING },
    },
    Bug {
        name: "lost update",
        violation: Violation::LostUpdate,
        script: &[becomes(A, 1, SHARED), becomes(A, 2, OTHER)],
        bounds: NOTHING,
    },
    Bug {
        name: "dropped collision",
        violation: Violation::DroppedUser,
        script: &[becomes(A, 1, SHARED), becomes(A, 2, OTHER), becomes(B, 3, SHARED)],
        bounds: NOTHING,
    },
];
