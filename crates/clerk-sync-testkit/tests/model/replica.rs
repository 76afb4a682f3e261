//! Our protocol: the engine's order of steps, each an atomic question to the database or to Clerk.
//!
//! It mirrors `clerk-sync/src/engine`: `absorb` (view, decide, commit; stale: look again), `user` (record, ask,
//! after the staleness bound record and ask once more), `repair` (take, wait for the bound, ask, ask twice when
//! there is none, absorb behind the fence), `deliveries` (go on with what waits). The rules are not here: what
//! is decided is decided by `decide` and `receive`.

mod turn;

use clerk_sync_core::{Fact, Outcome};
use clerk_sync_testkit::State;

use crate::clerk::{Clerk, USERS};
use crate::ledger::{Cause, Ledger, bit, deliveries, delivery_of};
use crate::tell;
use crate::violation::Violation;
use crate::world::{Next, Protocol, WorldOf};
use turn::Turn;

/// A handler under way: what it does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Handler {
    Idle,
    /// View and decide.
    Look {
        cause: Cause,
        then: Then,
    },
    /// Commit what was decided.
    Commit {
        cause: Cause,
        decision: u32,
        then: Then,
    },
    /// Store the delivery alone, since its effect could not be committed.
    Park {
        event: u8,
        replayed: bool,
    },
    /// Answer the webhook with 2xx.
    Answer {
        event: u8,
        replayed: bool,
    },
    /// Read the record, for the first time or after Clerk had nothing: `asked` times, last as of `since`.
    Find {
        user: u8,
        asked: u8,
        since: u8,
        then: Then,
    },
    /// Ask Clerk by id for somebody who is not here. The first answer may be of any time before, the second
    /// comes after the staleness bound: not older than `since`.
    Ask {
        user: u8,
        asked: u8,
        since: u8,
        then: Then,
    },
    /// A delivery the worker took is put back as failed, or put away: a sign-in of somebody neither here nor
    /// in Clerk.
    Close {
        event: u8,
        replayed: bool,
        taken: u8,
        failed: bool,
    },
    /// Ask Clerk by id for a dirty record, after the bound: not older than `since`.
    Mend {
        user: u8,
        asked: u8,
        since: u8,
        current: bool,
    },
    /// Read the ids there are.
    SweepHere,
    /// Read Clerk's list.
    SweepThere {
        local: u8,
    },
}

/// What a record is looked for or made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Then {
    /// Nobody waits.
    Nothing,
    /// Somebody asked for `/me`.
    Tell,
    /// A delivery goes on.
    Apply { event: u8, replayed: bool, taken: u8 },
}

/// Our protocol on the model's database.
pub(crate) struct Replica {
    ledger: Ledger,
    claims: bool,
}

impl Replica {
    /// `claims`: whether requests come with claims enough to make a record.
    pub(crate) fn new(claims: bool) -> Self {
        Self { ledger: Ledger::default(), claims }
    }

    /// Everything that was ever decided.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.ledger.outcomes()
    }
}

/// The states that follow.
type Out = Vec<Next<WorldOf<Replica>>>;

impl Protocol for Replica {
    type Database = u32;
    type Handler = Handler;
    const IDLE: Handler = Handler::Idle;

    fn empty(&mut self, clerk: &Clerk) -> u32 {
        self.ledger.keep(clerk, State::default())
    }

    fn on_webhook(&self, event: u8, replayed: bool) -> Handler {
        Handler::Look { cause: Cause::Webhook { event, replayed }, then: Then::Nothing }
    }

    fn on_request(&self, user: u8) -> Handler {
        Handler::Find { user, asked: 0, since: 0, then: Then::Tell }
    }

    fn on_sweep(&self) -> Option<Handler> {
        Some(Handler::SweepHere)
    }

    fn waiting(&self, clerk: &Clerk, world: &WorldOf<Self>, out: &mut Vec<Handler>) {
        let summary = self.ledger.summary(world.database);
        for user in (0..USERS).filter(|user| summary.dirty >> user & 1 == 1) {
            let since = clerk.latest(user, world.position);
            out.push(Handler::Mend { user: user as u8, asked: 0, since, current: true });
        }
        if summary.waiting == 0 {
            return;
        }
        let state = self.ledger.state(world.database);
        for (event, replayed) in deliveries(clerk).filter(|of| summary.waiting & bit(*of) != 0) {
            let known = state.delivery(&delivery_of(clerk, event, replayed).id);
            let taken = known.map_or(0, |known| known.attempts) as u8;
            out.push(match clerk.fact(event) {
                Fact::SignedIn { .. } => {
                    let user = clerk.change(event).user() as u8;
                    Handler::Find { user, asked: 0, since: 0, then: Then::Apply { event, replayed, taken } }
                }
                _ => Handler::Look { cause: Cause::Retry { event, replayed, taken }, then: Then::Nothing },
            });
        }
    }

    fn advance(&mut self, clerk: &Clerk, world: &WorldOf<Self>, slot: usize, out: &mut Out) {
        let mut turn = Turn { ledger: &mut self.ledger, clerk, world, slot, claims: self.claims };
        match world.handlers[slot] {
            Handler::Idle => {}
            Handler::Look { cause, then } => turn.look(out, cause, then),
            Handler::Commit { cause, decision, then } => turn.commit(out, cause, decision, then),
            Handler::Park { event, replayed } => turn.park(out, event, replayed),
            Handler::Answer { event, replayed } => turn.answer(out, event, replayed),
            Handler::Find { user, asked, since, then } => turn.find(out, user, asked, since, then),
            Handler::Ask { user, asked, since, then } => turn.ask(out, user, asked, since, then),
            Handler::Close { event, replayed, taken, failed } => {
                turn.close(out, (event, replayed), taken, failed)
            }
            Handler::Mend { user, asked, since, current } => turn.mend(out, user, asked, since, current),
            Handler::SweepHere => turn.sweep_here(out),
            Handler::SweepThere { local } => turn.sweep_there(out, local),
        }
    }

    fn unanswered(&self, handler: Handler) -> Option<(u8, bool)> {
        match handler {
            Handler::Look { cause: Cause::Webhook { event, replayed }, .. }
            | Handler::Commit { cause: Cause::Webhook { event, replayed }, .. }
            | Handler::Park { event, replayed }
            | Handler::Answer { event, replayed } => Some((event, replayed)),
            _ => None,
        }
    }

    fn wrong(&mut self, _: &Clerk, database: u32) -> Option<Violation> {
        self.ledger.summary(database).wrong()
    }

    fn is_settled(&self, database: u32) -> bool {
        let summary = self.ledger.summary(database);
        summary.dirty == 0 && summary.waiting == 0
    }

    fn differs(&mut self, _: &Clerk, database: u32) -> Option<Violation> {
        self.ledger.summary(database).differs()
    }

    fn tell_handler(&self, clerk: &Clerk, handler: Handler, read: u8) -> String {
        tell::handler(clerk, &self.ledger, handler, read)
    }

    fn tell_database(&self, database: u32) -> String {
        tell::database(self.ledger.state(database))
    }
}

const _: () = assert!(size_of::<WorldOf<Replica>>() <= 80, "a state is small: there are millions of them");
