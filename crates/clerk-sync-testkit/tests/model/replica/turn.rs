//! The steps of one handler, each an atomic question to the database or to Clerk.

use clerk_sync_core::{Delivery, Entry, Outcome};
use clerk_sync_testkit::sample::NOW;

use super::{Handler, Out, Replica, Then};
use crate::clerk::{Clerk, USERS};
use crate::ledger::{Cause, Ledger, bit, delivery_of};
use crate::violation::Violation;
use crate::world::{HANDLERS, Next, Step, WorldOf};

/// One step of one handler.
pub(super) struct Turn<'a> {
    pub(super) ledger: &'a mut Ledger,
    pub(super) clerk: &'a Clerk,
    pub(super) world: &'a WorldOf<Replica>,
    pub(super) slot: usize,
    pub(super) claims: bool,
}

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

    pub(super) fn look(&mut self, out: &mut Out, cause: Cause, then: Then) {
        let decision = self.ledger.decide(self.clerk, self.world.database, cause);
        if self.ledger.decision(decision).changes.is_empty() {
            let (next, broken) = self.end(cause, decision, then);
            self.push(out, self.becomes(next), broken);
        } else {
            self.push(out, self.becomes(Handler::Commit { cause, decision, then }), None);
        }
    }

    /// The commit, which may be stale; and, as often as the bounds allow, one that fails or seems to.
    pub(super) fn commit(&mut self, out: &mut Out, cause: Cause, decision: u32, then: Then) {
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

    pub(super) fn find(&self, out: &mut Out, user: u8, asked: u8, since: u8, then: Then) {
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

    pub(super) fn ask(&self, out: &mut Out, user: u8, asked: u8, since: u8, then: Then) {
        let now = self.clerk.latest(usize::from(user), self.world.position);
        self.read(out, user, since, |at| {
            if self.clerk.is_live(usize::from(user), at) {
                Handler::Look { cause: Cause::Lookup { user, at }, then }
            } else {
                Handler::Find { user, asked: asked + 1, since: now, then }
            }
        });
    }

    pub(super) fn mend(&self, out: &mut Out, user: u8, asked: u8, since: u8, current: bool) {
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

    pub(super) fn park(&mut self, out: &mut Out, event: u8, replayed: bool) {
        let parked = delivery_of(self.clerk, event, replayed).pending("", NOW);
        let decision = self.ledger.logging(parked, None);
        self.log(out, decision, Handler::Answer { event, replayed }, None);
    }

    pub(super) fn close(&mut self, out: &mut Out, (event, replayed): (u8, bool), taken: u8, failed: bool) {
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

    pub(super) fn answer(&self, out: &mut Out, event: u8, replayed: bool) {
        let logged = self.ledger.summary(self.world.database).logged & bit((event, replayed)) != 0;
        let broken = (!logged).then_some(Violation::AcknowledgedUnlogged);
        self.push(out, self.becomes(Handler::Idle), broken);
    }

    pub(super) fn sweep_here(&self, out: &mut Out) {
        let local = self.ledger.summary(self.world.database).live;
        self.push(out, self.becomes(Handler::SweepThere { local }), None);
    }

    /// The list may be of any moment: what is in it is merged like an event, what is not is only doubted.
    pub(super) fn sweep_there(&self, out: &mut Out, local: u8) {
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
