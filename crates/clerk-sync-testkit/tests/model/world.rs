//! The world around a protocol: Clerk goes through its script, webhooks come late, twice, out of order and
//! again, people ask, replicas run handlers step by step and die between any two. What a handler does in a
//! step is the protocol's business; ours and the document's live in the same world.

use std::hash::Hash;

use crate::clerk::{Clerk, EVENTS, USERS};
use crate::violation::Violation;

/// How many handlers may be under way at once, at most.
pub(crate) const HANDLERS: usize = 3;

/// How often each thing may happen that nobody has to let happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Bounds {
    /// Requests of each user.
    pub(crate) requests: [u8; USERS],
    /// Webhooks delivered once more, at any time.
    pub(crate) duplicates: u8,
    /// Webhooks an operator sends again under a new id, at any time: the event log cannot know them.
    pub(crate) replays: u8,
    /// Replicas killed.
    pub(crate) crashes: u8,
    /// Answers of Clerk's that are older than the moment they are given.
    pub(crate) stale: u8,
    /// Commits whose caller is told of an error, done or not.
    pub(crate) errors: u8,
    /// Full comparisons with Clerk's list.
    pub(crate) sweeps: u8,
}

/// One state: plain data, so that two can be compared. Replicas share nothing but the database, so it does
/// not matter which of them runs a handler, and handlers are kept sorted: swapping two is the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct World<D, H> {
    pub(crate) database: D,
    /// Idle ones first.
    pub(crate) handlers: [H; HANDLERS],
    /// How often each webhook is still to be sent.
    pub(crate) owed: [u8; EVENTS],
    /// How many changes have happened in Clerk.
    pub(crate) position: u8,
    /// What may still happen.
    pub(crate) left: Bounds,
}

/// What happens between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Clerk,
    Deliver {
        event: u8,
        why: Sending,
    },
    Request {
        user: u8,
    },
    Sweep,
    /// A worker takes what waits in the database.
    Take,
    /// A handler takes its next step; what it reads of Clerk it reads as of `read`.
    Advance {
        slot: u8,
        read: u8,
        stale: bool,
    },
    Crash {
        slot: u8,
    },
    /// One replica dies with all handlers under way.
    CrashAll,
    /// The commit fails.
    FailBefore {
        slot: u8,
    },
    /// The commit is done, and its caller is told of an error.
    FailAfter {
        slot: u8,
    },
}

/// Why a webhook is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    Owed,
    Duplicate,
    Replay,
}

/// A state that follows, by which step.
pub(crate) struct Next<W> {
    pub(crate) step: Step,
    pub(crate) world: W,
    /// What the step itself broke.
    pub(crate) broken: Option<Violation>,
}

/// The state type of a protocol's world.
pub(crate) type WorldOf<P> = World<<P as Protocol>::Database, <P as Protocol>::Handler>;

/// How webhooks, requests and background work are handled against a database.
pub(crate) trait Protocol {
    type Database: Copy + Eq + Hash;
    type Handler: Copy + Eq + Hash + Ord;
    const IDLE: Self::Handler;

    fn empty(&mut self, clerk: &Clerk) -> Self::Database;
    fn on_webhook(&self, event: u8, replayed: bool) -> Self::Handler;
    fn on_request(&self, user: u8) -> Self::Handler;
    /// A full comparison, if the protocol has one.
    fn on_sweep(&self) -> Option<Self::Handler>;
    /// The handlers that may take up what waits in the database.
    fn waiting(&self, clerk: &Clerk, world: &WorldOf<Self>, out: &mut Vec<Self::Handler>)
    where
        Self: Sized;
    /// Every way the next step of the handler in `slot` can go.
    fn advance(
        &mut self,
        clerk: &Clerk,
        world: &WorldOf<Self>,
        slot: usize,
        out: &mut Vec<Next<WorldOf<Self>>>,
    ) where
        Self: Sized;
    /// The webhook whose sender will not have its answer if this handler dies, and whether it is a replay.
    fn unanswered(&self, handler: Self::Handler) -> Option<(u8, bool)>;
    /// What is wrong with the database whatever else is going on.
    fn wrong(&mut self, clerk: &Clerk, database: Self::Database) -> Option<Violation>;
    /// Whether nothing waits in the database.
    fn is_settled(&self, database: Self::Database) -> bool;
    /// In what the database differs from Clerk at the end of the script.
    fn differs(&mut self, clerk: &Clerk, database: Self::Database) -> Option<Violation>;
    /// What a handler is about to do, and what is in the database, in words.
    fn tell_handler(&self, clerk: &Clerk, handler: Self::Handler, read: u8) -> String;
    fn tell_database(&self, database: Self::Database) -> String;
}

/// A protocol in a world with bounds.
pub(crate) struct Stage<P> {
    pub(crate) clerk: Clerk,
    pub(crate) bounds: Bounds,
    /// How many handlers may be under way at once.
    pub(crate) concurrency: usize,
    pub(crate) protocol: P,
}

impl<D: Copy, H: Copy + Ord> World<D, H> {
    /// Replaces the handler in `slot`.
    pub(crate) fn put(&mut self, slot: usize, handler: H) {
        self.handlers[slot] = handler;
        self.handlers.sort_unstable();
    }
}

impl<P: Protocol> Stage<P> {
    pub(crate) fn start(&mut self) -> WorldOf<P> {
        let mut owed = [0; EVENTS];
        owed[..usize::from(self.clerk.len())].fill(1);
        World {
            database: self.protocol.empty(&self.clerk),
            handlers: [P::IDLE; HANDLERS],
            owed,
            position: 0,
            left: self.bounds,
        }
    }

    /// Every state that can follow.
    pub(crate) fn next(&mut self, world: &WorldOf<P>, out: &mut Vec<Next<WorldOf<P>>>) {
        if world.position < self.clerk.len() {
            let mut after = *world;
            after.position += 1;
            out.push(Next { step: Step::Clerk, world: after, broken: None });
        }
        let busy = world.handlers.iter().filter(|handler| **handler != P::IDLE).count();
        if busy < self.concurrency {
            self.arrivals(world, out);
        }
        for slot in 0..HANDLERS {
            let handler = world.handlers[slot];
            // Two handlers about to do the same are interchangeable.
            if handler == P::IDLE || slot > 0 && world.handlers[slot - 1] == handler {
                continue;
            }
            self.protocol.advance(&self.clerk, world, slot, out);
            if world.left.crashes > 0 {
                out.push(Next {
                    step: Step::Crash { slot: slot as u8 },
                    world: self.crash(world, &[slot]),
                    broken: None,
                });
            }
        }
        if world.left.crashes > 0 && busy > 1 {
            let world = self.crash(world, &[0, 1, 2]);
            out.push(Next { step: Step::CrashAll, world, broken: None });
        }
    }

    fn arrivals(&mut self, world: &WorldOf<P>, out: &mut Vec<Next<WorldOf<P>>>) {
        let mut arrive = |step, mut after: WorldOf<P>, handler| {
            after.put(0, handler);
            out.push(Next { step, world: after, broken: None });
        };
        for event in 0..world.position {
            let index = usize::from(event);
            let sent_before = world.owed[index] == 0;
            if !sent_before {
                let mut after = *world;
                after.owed[index] -= 1;
                let step = Step::Deliver { event, why: Sending::Owed };
                arrive(step, after, self.protocol.on_webhook(event, false));
            }
            // A duplicate of what is still owed is the owed one; which of the two is which cannot be told.
            if sent_before && world.left.duplicates > 0 {
                let mut after = *world;
                after.left.duplicates -= 1;
                let step = Step::Deliver { event, why: Sending::Duplicate };
                arrive(step, after, self.protocol.on_webhook(event, false));
            }
            if world.left.replays > 0 {
                let mut after = *world;
                after.left.replays -= 1;
                let step = Step::Deliver { event, why: Sending::Replay };
                arrive(step, after, self.protocol.on_webhook(event, true));
            }
        }
        for user in 0..USERS {
            // Whoever was ever created has a token that outlives them a little.
            if world.left.requests[user] > 0 && self.clerk.latest(user, world.position) > 0 {
                let mut after = *world;
                after.left.requests[user] -= 1;
                arrive(Step::Request { user: user as u8 }, after, self.protocol.on_request(user as u8));
            }
        }
        if world.left.sweeps > 0
            && let Some(handler) = self.protocol.on_sweep()
        {
            let mut after = *world;
            after.left.sweeps -= 1;
            arrive(Step::Sweep, after, handler);
        }
        let mut waiting = Vec::new();
        self.protocol.waiting(&self.clerk, world, &mut waiting);
        for handler in waiting {
            arrive(Step::Take, *world, handler);
        }
    }

    fn crash(&self, world: &WorldOf<P>, slots: &[usize]) -> WorldOf<P> {
        let mut after = *world;
        after.left.crashes -= 1;
        for &slot in slots {
            after.refuse(&self.protocol, world.handlers[slot]);
            after.handlers[slot] = P::IDLE;
        }
        after.handlers.sort_unstable();
        after
    }

    /// Whether nothing is under way and nothing is left that has to happen.
    pub(crate) fn is_quiet(&self, world: &WorldOf<P>) -> bool {
        world.position == self.clerk.len()
            && world.handlers.iter().all(|handler| *handler == P::IDLE)
            && world.owed.iter().all(|owed| *owed == 0)
            && self.protocol.is_settled(world.database)
    }

    /// What is wrong with a state.
    pub(crate) fn judge(&mut self, world: &WorldOf<P>) -> Option<Violation> {
        if let Some(violation) = self.protocol.wrong(&self.clerk, world.database) {
            return Some(violation);
        }
        if self.is_quiet(world) { self.protocol.differs(&self.clerk, world.database) } else { None }
    }
}

impl<D: Copy, H: Copy + Ord> World<D, H> {
    /// The handler ends without an answer: its webhook will be sent again.
    pub(crate) fn refuse<P: Protocol<Handler = H>>(&mut self, protocol: &P, handler: H) {
        match protocol.unanswered(handler) {
            Some((event, false)) => self.owed[usize::from(event)] += 1,
            Some((_, true)) => self.left.replays += 1,
            None => {}
        }
    }
}

impl Step {
    /// Whether everything that has to happen could happen without this.
    pub(crate) fn may_never_be(self) -> bool {
        match self {
            Self::Clerk | Self::Take => false,
            Self::Advance { stale, .. } => stale,
            Self::Deliver { why, .. } => why != Sending::Owed,
            Self::Request { .. }
            | Self::Sweep
            | Self::Crash { .. }
            | Self::CrashAll
            | Self::FailBefore { .. }
            | Self::FailAfter { .. } => true,
        }
    }
}
