//! Our protocol: the engine's order of steps, each an atomic question to the database or to Clerk.
//!
//! It mirrors `clerk-sync/src/engine`: `absorb` (view, decide, commit; stale: look again), `user` (record, ask,
//! after the staleness bound record and ask once more), `repair` (take, wait for the bound, ask, ask twice when
//! there is none, absorb behind the fence), `deliveries` (go on with what waits). The rules are not here: what
//! is decided is decided by `decide` and `receive`.

use clerk_sync_core::{Delivery, Entry, Fact, Outcome};
use clerk_sync_testkit::State;
use clerk_sync_testkit::sample::NOW;

use crate::clerk::{Clerk, USERS};
use crate::ledger::{Cause, Ledger, bit, deliveries, delivery_of};
use crate::tell;
use crate::violation::Violation;
use crate::world::{HANDLERS, Next, Protocol, Step, WorldOf};

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
}

/// One step of one handler.
struct Turn<'a> {
    ledger: &'a mut Ledger,
    clerk: &'a Clerk,
    world: &'a WorldOf<Replica>,
    slot: usize,
    claims: bool,
}

type Out = Vec<Next<WorldOf<Replica>>>;

impl Turn<'_> {
    /// The handler goes on as `handler`.
    fn becomes(&self, handler: Handler) -> WorldOf<Replica> {
        let mut world = *self.world;
        world.put(self.slot, handler);
        world
    }

    fn push(&self, out: &mut Out, world: WorldOf<Replica>, broken: Option<Violation>) {
        let (slot, read) = (self.slot as u8, self.world.position);
        out.push(Next { step: Step::Advance { slot, read, stale: false }, world, broken });
    }

    /// Every moment as of which a read that is not older than `since` may be answered; all but now are stale.
    fn moments(&self, since: u8) -> impl Iterator<Item = (u8, bool)> + use<> {
        let now = self.world.position;
        let first = if self.world.left.stale > 0 { since } else { now };
        (first..=now).map(move |at| (at, at != now))
    }

    /// Reads a user in Clerk, in every way the answer may come: `go` is what follows from an answer as of the
    /// given moment. Answers between which nothing happened to the user are one.
    fn read(&self, out: &mut Out, user: u8, since: u8, go: impl Fn(u8) -> Handler) {
        let now = self.clerk.latest(usize::from(user), self.world.position);
        let mut before = None;
        for (at, stale) in self.moments(since) {
            let at = self.clerk.latest(usize::from(user), at);
            if stale && (at == now || before.replace(at) == Some(at)) {
                continue;
            }
            let mut world = self.becomes(go(at));
            if stale {
                world.left.stale -= 1;
            }
            out.push(Next {
                step: Step::Advance { slot: self.slot as u8, read: at, stale },
                world,
                broken: None,
            });
        }
    }

    fn look(&mut self, out: &mut Out, cause: Cause, then: Then) {
        let decision = self.ledger.decide(self.clerk, self.world.database, cause);
        if self.ledger.decision(decision).changes.is_empty() {
            let (next, broken) = self.end(cause, decision, then);
            self.push(out, self.becomes(next), broken);
        } else {
            self.push(out, self.becomes(Handler::Commit { cause, decision, then }), None);
        }
    }

    /// The commit, which may be stale; and, as often as the bounds allow, one that fails or seems to.
    fn commit(&mut self, out: &mut Out, cause: Cause, decision: u32, then: Then) {
        let (end, broken_end) = self.end(cause, decision, then);
        let (done, broken) = self.committed(decision);
        match done {
            None => self.push(out, self.becomes(Handler::Look { cause, then }), None),
            Some(mut world) => {
                world.put(self.slot, end);
                self.push(out, world, broken.or(broken_end));
            }
        }
        if self.world.left.errors > 0 {
            let slot = self.slot as u8;
            for (step, base) in
                [(Step::FailBefore { slot }, Some(*self.world)), (Step::FailAfter { slot }, done)]
            {
                self.fail(out, step, base, cause);
            }
        }
    }

    /// The caller of a commit sees an error. A webhook is refused, or stored alone when the store seems to
    /// work; whatever else it was, somebody comes again: whoever asked, or a worker once the lease is over.
    fn fail(&self, out: &mut Out, step: Step, base: Option<WorldOf<Replica>>, cause: Cause) {
        let Some(mut world) = base else { return };
        world.left.errors -= 1;
        if let Cause::Webhook { event, replayed } = cause {
            let mut parked = world;
            parked.put(self.slot, Handler::Park { event, replayed });
            out.push(Next { step, world: parked, broken: None });
            match replayed {
                true => world.left.replays += 1,
                false => world.owed[usize::from(event)] += 1,
            }
        }
        world.put(
            self.slot,
            match cause {
                Cause::Retry { event, replayed, taken } => {
                    Handler::Close { event, replayed, taken, failed: true }
                }
                _ => Handler::Idle,
            },
        );
        out.push(Next { step, world, broken: None });
    }

    /// The world after the commit, in which this handler has not gone on yet; `None`: stale.
    fn committed(&mut self, decision: u32) -> (Option<WorldOf<Replica>>, Option<Violation>) {
        let committed = self.ledger.commit(self.clerk, self.world.database, decision);
        let Some(database) = committed.database else { return (None, None) };
        let mut world = *self.world;
        world.database = database;
        if committed.moved != 0 {
            for slot in (0..HANDLERS).filter(|slot| *slot != self.slot) {
                world.handlers[slot] = self.overtaken(world.handlers[slot], committed.moved);
            }
        }
        (Some(world), committed.broken)
    }

    /// Another handler, now that something was written to the users in `moved`.
    fn overtaken(&self, handler: Handler, moved: u8) -> Handler {
        match handler {
            Handler::Look { cause, then } => Handler::Look { cause: cause.overtaken(moved), then },
            Handler::Commit { cause, decision, then } => {
                let cause = cause.overtaken(moved);
                if self.ledger.expects(decision, moved) {
                    Handler::Look { cause, then }
                } else {
                    Handler::Commit { cause, decision, then }
                }
            }
            Handler::Mend { user, asked, since, current } => {
                Handler::Mend { user, asked, since, current: current && moved >> user & 1 == 0 }
            }
            other => other,
        }
    }

    /// What follows once a fact is absorbed, and whether somebody was told something wrong.
    fn end(&self, cause: Cause, decision: u32, then: Then) -> (Handler, Option<Violation>) {
        match (cause, then) {
            (Cause::Webhook { event, replayed }, _) => (Handler::Answer { event, replayed }, None),
            (Cause::Listed { user, at, local } | Cause::Unlisted { user, at, local }, _) => {
                (self.swept(local, at, user + 1), None)
            }
            (Cause::Lookup { user, .. } | Cause::Claims { user, .. }, then) => {
                match &self.ledger.decision(decision).entry {
                    Some(entry) => self.found(user, matches!(entry, Entry::Gone(_)), then),
                    None => (Handler::Idle, None),
                }
            }
            _ => (Handler::Idle, None),
        }
    }

    fn found(&self, user: u8, gone: bool, then: Then) -> (Handler, Option<Violation>) {
        match then {
            Then::Apply { event, replayed, taken } => {
                (Handler::Look { cause: Cause::Retry { event, replayed, taken }, then: Then::Nothing }, None)
            }
            Then::Tell | Then::Nothing => {
                (Handler::Idle, self.refused_if_live(usize::from(user)).filter(|_| gone))
            }
        }
    }

    fn find(&self, out: &mut Out, user: u8, asked: u8, since: u8, then: Then) {
        let here = self.ledger.summary(self.world.database);
        if (here.live | here.gone) >> user & 1 == 1 {
            let (next, broken) = self.found(user, here.gone >> user & 1 == 1, then);
            return self.push(out, self.becomes(next), broken);
        }
        if self.claims
            && then == Then::Tell
            && let Some(at) =
                (0..=self.world.position).rev().find(|at| self.clerk.is_live(usize::from(user), *at))
        {
            let cause = Cause::Claims { user, at: self.clerk.latest(usize::from(user), at) };
            return self.push(out, self.becomes(Handler::Look { cause, then }), None);
        }
        if asked < 2 {
            return self.push(out, self.becomes(Handler::Ask { user, asked, since, then }), None);
        }
        match then {
            Then::Apply { event, replayed, taken } => {
                self.push(out, self.becomes(Handler::Close { event, replayed, taken, failed: false }), None)
            }
            Then::Tell | Then::Nothing => {
                let broken = self.refused_if_live(usize::from(user));
                self.push(out, self.becomes(Handler::Idle), broken)
            }
        }
    }

    fn ask(&self, out: &mut Out, user: u8, asked: u8, since: u8, then: Then) {
        let now = self.clerk.latest(usize::from(user), self.world.position);
        self.read(out, user, since, |at| {
            if self.clerk.is_live(usize::from(user), at) {
                Handler::Look { cause: Cause::Lookup { user, at }, then }
            } else {
                Handler::Find { user, asked: asked + 1, since: now, then }
            }
        });
    }

    fn mend(&self, out: &mut Out, user: u8, asked: u8, since: u8, current: bool) {
        let now = self.clerk.latest(usize::from(user), self.world.position);
        self.read(out, user, since, |at| {
            let cause = if self.clerk.is_live(usize::from(user), at) {
                Cause::Repaired { user, at, current }
            } else if asked == 0 {
                return Handler::Mend { user, asked: 1, since: now, current };
            } else {
                Cause::Absent { user, current }
            };
            Handler::Look { cause, then: Then::Nothing }
        });
    }

    /// A commit of the event log alone. Stale: it is in the log already, pending or done.
    fn log(&mut self, out: &mut Out, decision: u32, next: Handler, refused: Option<Violation>) {
        let (done, broken) = self.committed(decision);
        let mut world = done.unwrap_or(*self.world);
        world.put(self.slot, next);
        self.push(out, world, broken.or(refused));
    }

    fn park(&mut self, out: &mut Out, event: u8, replayed: bool) {
        let parked = delivery_of(self.clerk, event, replayed).pending("", NOW);
        let decision = self.ledger.logging(parked, None);
        self.log(out, decision, Handler::Answer { event, replayed }, None);
    }

    fn close(&mut self, out: &mut Out, (event, replayed): (u8, bool), taken: u8, failed: bool) {
        let attempts = u32::from(taken);
        let delivery = Delivery { attempts, ..delivery_of(self.clerk, event, replayed) };
        let closed =
            if failed { delivery.failed("", NOW, 0) } else { delivery.processed(Outcome::Unknown, NOW) };
        let decision = self.ledger.logging(closed, Some(attempts));
        let refused = self.refused_if_live(self.clerk.change(event).user()).filter(|_| !failed);
        self.log(out, decision, Handler::Idle, refused);
    }

    /// To be told that there is no such user, or to have what is known of them put away for that, must not
    /// happen to anybody who lives in Clerk.
    fn refused_if_live(&self, user: usize) -> Option<Violation> {
        self.clerk.is_live(user, self.world.position).then_some(Violation::ValidUserRefused)
    }

    fn answer(&self, out: &mut Out, event: u8, replayed: bool) {
        let logged = self.ledger.summary(self.world.database).logged & bit((event, replayed)) != 0;
        let broken = (!logged).then_some(Violation::AcknowledgedUnlogged);
        self.push(out, self.becomes(Handler::Idle), broken);
    }

    fn sweep_here(&self, out: &mut Out) {
        let local = self.ledger.summary(self.world.database).live;
        self.push(out, self.becomes(Handler::SweepThere { local }), None);
    }

    /// The list may be of any moment: what is in it is merged like an event, what is not is only doubted.
    fn sweep_there(&self, out: &mut Out, local: u8) {
        for (at, stale) in self.moments(0) {
            let mut world = self.becomes(self.swept(local, at, 0));
            if stale {
                world.left.stale -= 1;
            }
            out.push(Next {
                step: Step::Advance { slot: self.slot as u8, read: at, stale },
                world,
                broken: None,
            });
        }
    }

    /// The sweep goes on with the users from `user` on.
    fn swept(&self, local: u8, at: u8, user: u8) -> Handler {
        let cause = (user..USERS as u8).find_map(|user| {
            if self.clerk.is_live(usize::from(user), at) {
                Some(Cause::Listed { user, at, local })
            } else if local >> user & 1 == 1 {
                Some(Cause::Unlisted { user, at, local })
            } else {
                None
            }
        });
        cause.map_or(Handler::Idle, |cause| Handler::Look { cause, then: Then::Nothing })
    }
}

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
