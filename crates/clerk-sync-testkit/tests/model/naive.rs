//! The document's algorithm, in the same world: the checker has to find its bugs, or it could find none.
//!
//! Its just-in-time creation finds, fetches, and creates in a transaction that looks for the user and counts; its
//! webhook handler looks in the event log, records the event, works on it, marks it processed and answers. The
//! unique indexes it says it has are there, and its treatment of duplicate keys too: "already exists", whatever
//! key it was. What it leaves open is taken as it is mostly written: an update sets the fields of the row with
//! that id, if there is one, and a deletion removes it.

use crate::clerk::{Change, Clerk, EVENTS, Standing, USERS};
use crate::tell;
use crate::violation::Violation;
use crate::world::{Next, Protocol, Step, WorldOf};

/// A row: what Clerk had as of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    at: u8,
    admin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Database {
    rows: [Option<Row>; USERS],
    processed: [bool; EVENTS],
}

/// A handler under way: what it does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Handler {
    Idle,
    /// `userRepo.findOne`
    Find {
        user: u8,
    },
    /// `clerkClient.users.getUser`
    Fetch {
        user: u8,
    },
    /// The transaction of `createUser` begins: is the user there, and how many are?
    Begin {
        user: u8,
        at: u8,
        event: Option<u8>,
    },
    /// It inserts and commits.
    Insert {
        user: u8,
        at: u8,
        admin: bool,
        event: Option<u8>,
    },
    /// `WebhookEvent.findOne`
    Seen {
        event: u8,
    },
    /// `WebhookEvent.findOneAndUpdate`, pending
    Record {
        event: u8,
    },
    /// The effect of an update or a deletion.
    Write {
        event: u8,
    },
    /// `WebhookEvent.findByIdAndUpdate`, processed
    Mark {
        event: u8,
    },
    Answer {
        event: u8,
    },
}

/// The document's algorithm.
pub(crate) struct Naive;

impl Naive {
    /// Whether another row has the address.
    fn clashes(clerk: &Clerk, database: &Database, user: u8, at: u8) -> bool {
        let address =
            |user: usize, at| clerk.snapshot(user, at).and_then(|snapshot| snapshot.profile.email.as_ref());
        let own = address(usize::from(user), at).map(|claim| claim.address.key());
        (0..USERS).filter(|other| *other != usize::from(user)).any(|other| {
            let theirs = database.rows[other].and_then(|row| address(other, row.at));
            own.is_some() && own == theirs.map(|claim| claim.address.key())
        })
    }

    fn after_create(event: Option<u8>) -> Handler {
        event.map_or(Handler::Idle, |event| Handler::Mark { event })
    }

    /// The next step where it reads nothing of Clerk's: the database after it, and the handler. `None`: it
    /// throws, and the webhook is answered 500.
    fn step(clerk: &Clerk, mut database: Database, handler: Handler) -> Option<(Database, Handler)> {
        let next = match handler {
            Handler::Idle | Handler::Fetch { .. } | Handler::Answer { .. } => Handler::Idle,
            Handler::Find { user } if database.rows[usize::from(user)].is_some() => Handler::Idle,
            Handler::Find { user } => Handler::Fetch { user },
            Handler::Begin { user, event, .. } if database.rows[usize::from(user)].is_some() => {
                Self::after_create(event)
            }
            Handler::Begin { user, at, event } => {
                let admin = database.rows.iter().flatten().count() == 0;
                Handler::Insert { user, at, admin, event }
            }
            Handler::Insert { user, at, admin, event } => {
                // Of a duplicate key, whichever it is, the handler says "already exists" and 200.
                let row = &mut database.rows[usize::from(user)];
                if row.is_none() {
                    *row = Some(Row { at, admin });
                    if Self::clashes(clerk, &database, user, at) {
                        database.rows[usize::from(user)] = None;
                    }
                }
                Self::after_create(event)
            }
            Handler::Seen { event } if database.processed[usize::from(event)] => Handler::Answer { event },
            Handler::Seen { event } => Handler::Record { event },
            Handler::Record { event } => match clerk.change(event) {
                Change::Becomes { user, .. } if !clerk.is_live(user, event) => {
                    Handler::Begin { user: user as u8, at: event + 1, event: Some(event) }
                }
                _ => Handler::Write { event },
            },
            Handler::Write { event } => {
                let user = clerk.change(event).user();
                database.rows[user] = match clerk.change(event) {
                    Change::Deleted { .. } => None,
                    _ => database.rows[user].map(|row| Row { at: event + 1, ..row }),
                };
                if database.rows[user].is_some() && Self::clashes(clerk, &database, user as u8, event + 1) {
                    return None;
                }
                Handler::Mark { event }
            }
            Handler::Mark { event } => {
                database.processed[usize::from(event)] = true;
                Handler::Answer { event }
            }
        };
        Some((database, next))
    }
}

impl Protocol for Naive {
    type Database = Database;
    type Handler = Handler;
    const IDLE: Handler = Handler::Idle;

    fn empty(&mut self, _: &Clerk) -> Database {
        Database { rows: [None; USERS], processed: [false; EVENTS] }
    }

    fn on_webhook(&self, event: u8, _: bool) -> Handler {
        Handler::Seen { event }
    }

    fn on_request(&self, user: u8) -> Handler {
        Handler::Find { user }
    }

    fn on_sweep(&self) -> Option<Handler> {
        None
    }

    fn waiting(&self, _: &Clerk, _: &WorldOf<Self>, _: &mut Vec<Handler>) {}

    fn advance(
        &mut self,
        clerk: &Clerk,
        world: &WorldOf<Self>,
        slot: usize,
        out: &mut Vec<Next<WorldOf<Self>>>,
    ) {
        let read = world.position;
        let handler = world.handlers[slot];
        let stepped = match handler {
            Handler::Fetch { user } => {
                let at = clerk.latest(usize::from(user), read);
                let there = clerk.is_live(usize::from(user), at);
                let next = if there { Handler::Begin { user, at, event: None } } else { Handler::Idle };
                Some((world.database, next))
            }
            handler => Self::step(clerk, world.database, handler),
        };
        let mut after = *world;
        match stepped {
            Some((database, next)) => {
                after.database = database;
                after.put(slot, next);
            }
            None => {
                after.refuse(self, handler);
                after.put(slot, Handler::Idle);
            }
        }
        let step = Step::Advance { slot: slot as u8, read, stale: false };
        out.push(Next { step, world: after, broken: None });
    }

    fn unanswered(&self, handler: Handler) -> Option<(u8, bool)> {
        match handler {
            Handler::Seen { event }
            | Handler::Record { event }
            | Handler::Write { event }
            | Handler::Mark { event }
            | Handler::Answer { event }
            | Handler::Begin { event: Some(event), .. }
            | Handler::Insert { event: Some(event), .. } => Some((event, false)),
            _ => None,
        }
    }

    fn wrong(&mut self, _: &Clerk, database: Database) -> Option<Violation> {
        let admins = database.rows.iter().flatten().filter(|row| row.admin).count();
        (admins > 1).then_some(Violation::TwoAdmins)
    }

    fn is_settled(&self, _: Database) -> bool {
        true
    }

    fn differs(&mut self, clerk: &Clerk, database: Database) -> Option<Violation> {
        (0..USERS).find_map(|user| match (clerk.standing(user, clerk.len()), database.rows[user]) {
            (Standing::Gone, Some(_)) => Some(Violation::RevivedUser),
            (Standing::Live(_), None) => Some(Violation::DroppedUser),
            (Standing::Live(truth), Some(row)) => {
                (clerk.snapshot(user, row.at) != Some(truth)).then_some(Violation::LostUpdate)
            }
            _ => None,
        })
    }

    fn tell_handler(&self, clerk: &Clerk, handler: Handler, _: u8) -> String {
        let name = |index: u8| tell::user(usize::from(index));
        let for_whom = |event: Option<u8>, user: u8| match event {
            Some(event) => format!("webhook {}", event + 1),
            None => format!("/me of {}", name(user)),
        };
        match handler {
            Handler::Idle => "nothing".into(),
            Handler::Find { user } => format!("/me of {}: find the row", name(user)),
            Handler::Fetch { user } => format!("/me of {}: fetch the user from Clerk", name(user)),
            Handler::Begin { user, event, .. } => {
                format!(
                    "{}: begin to create {}: look for the row, count the rows",
                    for_whom(event, user),
                    name(user)
                )
            }
            Handler::Insert { user, admin, event, .. } => format!(
                "{}: insert {}{}, commit",
                for_whom(event, user),
                name(user),
                if admin { " as admin" } else { "" }
            ),
            Handler::Seen { event } => format!("webhook {}: was it processed before?", event + 1),
            Handler::Record { event } => format!("webhook {}: record it as pending", event + 1),
            Handler::Write { event } => match clerk.change(event) {
                Change::Deleted { .. } => format!("webhook {}: delete the row", event + 1),
                _ => format!("webhook {}: set the fields of the row, if there is one", event + 1),
            },
            Handler::Mark { event } => format!("webhook {}: mark it as processed", event + 1),
            Handler::Answer { event } => format!("webhook {}: answered 200", event + 1),
        }
    }

    fn tell_database(&self, database: Database) -> String {
        let rows = (0..USERS).map(|user| match database.rows[user] {
            None => format!("{}: no row", tell::user(user)),
            Some(row) => format!(
                "{}: row as of change {}{}",
                tell::user(user),
                row.at,
                if row.admin { ", admin" } else { "" }
            ),
        });
        format!("= {}", rows.collect::<Vec<_>>().join("; "))
    }
}
