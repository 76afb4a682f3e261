//! What will happen in a run, settled before it begins: taking one item away moves no other.

use std::collections::BTreeMap;
use std::fmt;

use crate::Mode;
use crate::faults::Faults;
use crate::person::Person;
use crate::tape::Tape;

pub(crate) const REPLICAS: usize = 3;
pub(crate) const MAX_USERS: usize = 4;

/// How a run is laid out, and what happens in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    /// The seed of the choices made while running.
    pub(crate) schedule: u64,
    pub(crate) faults: Faults,
    /// Clerk's versions are multiples of this, in milliseconds: above 1, changes tie (fault 16).
    pub(crate) grain_ms: i64,
    /// Deliveries are retried in Svix's real steps, which are hours, instead of in seconds.
    pub(crate) real_steps: bool,
    /// How many repairs or deliveries a round takes.
    pub(crate) batch: u32,
    pub(crate) poll_ms: u64,
    /// How far each replica's clock is off at the start, in milliseconds (fault 19).
    pub(crate) skews_ms: [i64; REPLICAS],
    /// Tokens make records.
    pub(crate) claims: bool,
    /// How often everything is compared, in milliseconds, where sweeps are on.
    pub(crate) sweep_ms: u64,
    /// How often the newest changes are asked for, in milliseconds, where sweeps are on.
    pub(crate) catch_up_ms: u64,
    /// How many users a page has: few, so that there are several pages.
    pub(crate) page_users: u32,
    /// Operators compare and confirm; otherwise the library is left alone.
    pub(crate) attended: bool,
    /// Deletions found by a sweep are held back where they are more than `brake_users`.
    pub(crate) braked: bool,
    pub(crate) brake_users: u64,
    /// How late the library is started, in milliseconds, beside users who are there already.
    pub(crate) late_ms: u64,
    /// Bodies of processed deliveries are dropped when the hour comes round, not after a month.
    pub(crate) forgetful: bool,
    /// Deliveries all come to one replica, whose calls take so long that they meet there.
    pub(crate) crowded: bool,
    pub(crate) items: Vec<Item>,
}

/// Something planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) at_ms: u64,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// Clerk's truth about a user changes, and a webhook tells of it; `None` deletes the user.
    Change { number: u32, user: usize, person: Option<Person> },
    /// A webhook says that a user signed in, and nothing else.
    SignIn { number: u32, user: usize },
    /// A webhook that is not as it should be.
    Odd { number: u32, user: usize, oddity: Oddity },
    /// A message is sent again from Clerk's side (fault 5).
    Replay { number: u32 },
    /// An operator takes a stored delivery again.
    TakeAgain { number: u32, replica: usize },
    /// An operator has a user fetched.
    Refetch { user: usize, replica: usize },
    /// A signed-in user asks who they are (fault 21 where the user is deleted by then).
    Request { user: usize, replica: usize, impersonated: bool, hold_ms: u64 },
    /// A replica stands still (fault 18).
    Pause { replica: usize, for_ms: u64 },
    /// The database is away (fault 9).
    Outage { for_ms: u64 },
    /// The database can only be read (fault 24).
    ReadOnly { for_ms: u64 },
    /// Clerk's Backend API is away.
    ClerkOutage { for_ms: u64 },
    /// A replica's clock jumps (fault 19).
    Jump { replica: usize, skew_ms: i64 },
}

/// What is wrong with a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// Rightly signed, and its user cannot be read.
    Unreadable,
    /// Rightly signed, of another Clerk instance, about one of our ids.
    Foreign,
    /// Not signed by anybody we know.
    Forged,
}

impl Plan {
    /// What the seed says.
    pub(crate) fn new(seed: u64, mode: Mode) -> Self {
        let mut tape = Tape::new(seed);
        let tape = &mut tape;
        let schedule = tape.draw();
        let mut faults = Faults::swarm(tape);
        if mode == Mode::NoSweeps {
            faults.dropped_delivery = 0;
        }
        let real_steps = tape.below(100) == 0;
        let skewed = tape.below(10) == 0;
        let mut plan = Self {
            mode,
            schedule,
            faults,
            grain_ms: tape.pick(&[1, 1, 100, 1_000]),
            real_steps,
            batch: tape.pick(&[1, 2, 32, 32]),
            poll_ms: match (real_steps, skewed) {
                (true, _) => 300_000,
                (false, true) => 30_000,
                (false, false) => tape.pick(&[1_000, 5_000]),
            },
            skews_ms: [0; REPLICAS],
            claims: tape.below(5) == 0,
            sweep_ms: 0,
            catch_up_ms: 0,
            page_users: tape.pick(&[2, 2, 3, 500]),
            attended: tape.below(2) == 0,
            braked: tape.below(8) == 0,
            brake_users: 0,
            late_ms: 0,
            forgetful: tape.below(10) == 0,
            crowded: false,
            items: Vec::new(),
        };
        plan.set_periods(tape, skewed);
        // Somebody has to confirm.
        plan.attended |= plan.braked;
        let users = 1 + tape.index(MAX_USERS);
        let mut number = plan.write_history(tape, users);
        let end_ms = plan.items.last().map_or(0, |item| item.at_ms) + 2_500;
        for user in 0..users {
            for _ in 0..2 {
                plan.add_request(tape, user, end_ms);
            }
        }
        plan.add_oddities(tape, &mut number, users, end_ms);
        plan.add_weather(tape, skewed, end_ms);
        plan.items.sort_by_key(|item| item.at_ms);
        plan.add_newer_choices(seed);
        plan
    }

    /// What came later is on a tape of its own, begun where the seeds of `seeds.txt` get none of it and mean what they
    /// meant.
    fn add_newer_choices(&mut self, seed: u64) {
        let mut tape = Tape::new(seed ^ 0x6e65_7765_7200_07b7);
        let (late, late_ms) = (tape.below(4) == 0, tape.below(3_000));
        let (denied, rate) = (tape.below(2) == 0, tape.below(20_000));
        if self.mode != Mode::NoSweeps && late {
            self.late_ms = late_ms;
        }
        // Denied after an answer as stale as may be, a user would look deleted for good.
        if denied && self.faults.stale_ms == 0 {
            self.faults.denied = rate;
        }
        self.brake_users = tape.below(2);
        self.crowded = tape.below(6) == 0;
        if self.crowded {
            self.faults.step_ms = 40;
        }
    }

    /// How often the library looks by itself. There may be days of virtual time, which short periods would fill.
    fn set_periods(&mut self, tape: &mut Tape, skewed: bool) {
        if self.mode == Mode::NoSweeps {
            return;
        }
        (self.sweep_ms, self.catch_up_ms) = match (self.real_steps, skewed) {
            (true, _) => (3_600_000, 300_000),
            (false, true) => (60_000, 10_000),
            (false, false) => (tape.pick(&[300, 1_000, 4_000]), tape.pick(&[400, 1_500, 4_000])),
        };
        // Or only when counting says so.
        if tape.below(6) == 0 && self.attended {
            self.sweep_ms = 0;
        }
    }

    fn add(&mut self, at_ms: u64, what: What) {
        self.items.push(Item { at_ms, what });
    }

    /// Clerk's script: sign-ups, changes and deletions, close together. What must be unique in Clerk is so at
    /// each moment, and ids are never used again.
    fn write_history(&mut self, tape: &mut Tape, users: usize) -> u32 {
        let mut people: BTreeMap<usize, Option<Person>> = BTreeMap::new();
        let (mut at_ms, mut number) = (1, 0);
        for _ in 0..2 + tape.below(12) {
            at_ms += tape.pick(&[0, 1, 5, 50, 300]);
            let user = tape.index(users);
            let person = match people.get(&user) {
                Some(None) => continue,
                Some(Some(_)) if tape.below(4) == 0 => None,
                _ => {
                    let others: Vec<&Person> = people
                        .iter()
                        .filter(|(other, _)| **other != user)
                        .filter_map(|(_, p)| p.as_ref())
                        .collect();
                    Some(Person::random(tape, &others))
                }
            };
            people.insert(user, person.clone());
            self.add(at_ms, What::Change { number, user, person });
            number += 1;
        }
        number
    }

    fn add_request(&mut self, tape: &mut Tape, user: usize, end_ms: u64) {
        let request = What::Request {
            user,
            replica: tape.index(REPLICAS),
            impersonated: tape.below(20) == 0,
            hold_ms: tape.pick(&[0, 0, 3_000]),
        };
        // Half of them in the middle of the changes: that is where it hurts.
        let latest_ms = if tape.below(2) == 0 { end_ms } else { end_ms - 2_400 };
        let at_ms = tape.below(latest_ms);
        self.add(at_ms, request);
    }

    fn add_oddities(&mut self, tape: &mut Tape, number: &mut u32, users: usize, end_ms: u64) {
        let changes = *number;
        if tape.below(4) == 0 {
            let (user, at_ms) = (tape.index(users), tape.below(end_ms));
            if self.signs_up_before(user, at_ms) {
                self.add(at_ms, What::SignIn { number: *number, user });
                *number += 1;
            }
        }
        if tape.below(10) == 0 {
            let oddity = tape.pick(&[Oddity::Unreadable, Oddity::Foreign, Oddity::Forged]);
            let user = tape.index(users);
            self.add(tape.below(end_ms), What::Odd { number: *number, user, oddity });
            *number += 1;
        }
        if tape.below(6) == 0 {
            for _ in 0..1 + tape.below(3) {
                let (replica, user) = (tape.index(REPLICAS), tape.index(users));
                let number = u32::try_from(tape.below(u64::from(changes))).unwrap_or(0);
                let again = tape.below(2) == 0;
                let what =
                    if again { What::TakeAgain { number, replica } } else { What::Refetch { user, replica } };
                self.add(tape.below(end_ms), what);
            }
        }
        if tape.below(4) == 0 {
            for _ in 0..1 + tape.below(4) {
                let later_ms = tape.pick(&[3_000, 10_000, 3 * 24 * 3_600_000]);
                let replayed = u32::try_from(tape.below(u64::from(changes))).unwrap_or(0);
                let later_ms = if self.real_steps { later_ms } else { later_ms.min(10_000) };
                self.add(end_ms + tape.below(later_ms), What::Replay { number: replayed });
            }
        }
    }

    fn add_weather(&mut self, tape: &mut Tape, skewed: bool, end_ms: u64) {
        if tape.below(8) == 0 {
            self.add(tape.below(end_ms), What::Outage { for_ms: tape.below(30_000) });
        }
        if tape.below(20) == 0 {
            self.add(tape.below(end_ms), What::ReadOnly { for_ms: tape.below(20_000) });
        }
        if tape.below(10) == 0 {
            self.add(tape.below(end_ms), What::ClerkOutage { for_ms: tape.below(20_000) });
        }
        if tape.below(6) == 0 {
            for _ in 0..1 + tape.below(2) {
                let pause = What::Pause { replica: tape.index(REPLICAS), for_ms: 500 + tape.below(9_000) };
                self.add(tape.below(end_ms), pause);
            }
        }
        if skewed {
            for replica in 0..REPLICAS {
                self.skews_ms[replica] = skew_ms(tape);
                if tape.below(2) == 0 {
                    self.add(tape.below(end_ms), What::Jump { replica, skew_ms: skew_ms(tape) });
                }
            }
        }
    }

    fn signs_up_before(&self, user: usize, at_ms: u64) -> bool {
        let signs_up = |what: &What| matches!(what, What::Change { user: other, .. } if *other == user);
        self.items.iter().any(|item| item.at_ms < at_ms && signs_up(&item.what))
    }

    /// Whether clocks differ at any time.
    pub(crate) fn is_skewed(&self) -> bool {
        self.skews_ms != [0; REPLICAS] || self.items.iter().any(|item| matches!(item.what, What::Jump { .. }))
    }

    /// Whether a replica stands still at any time.
    pub(crate) fn has_pauses(&self) -> bool {
        self.items.iter().any(|item| matches!(item.what, What::Pause { .. }))
    }

    /// Whether Clerk could have lived this: no value is claimed twice at a time, and replays have an original.
    pub(crate) fn is_possible(&self) -> bool {
        let mut people: BTreeMap<usize, &Person> = BTreeMap::new();
        let mut sent = Vec::new();
        for item in &self.items {
            match &item.what {
                What::Change { number, user, person } => {
                    sent.push(*number);
                    people.remove(user);
                    if let Some(person) = person {
                        if people.values().any(|other| person.clashes_with(other)) {
                            return false;
                        }
                        people.insert(*user, person);
                    }
                }
                What::SignIn { user, .. } if !self.signs_up_before(*user, item.at_ms) => return false,
                What::Replay { number } if !sent.contains(number) => return false,
                _ => {}
            }
        }
        true
    }
}

fn skew_ms(tape: &mut Tape) -> i64 {
    let reach = tape.pick(&[1_000, 200_000, 600_000]);
    i64::try_from(tape.below(2 * reach)).unwrap_or(0) - i64::try_from(reach).unwrap_or(0)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:?}", self.faults)?;
        writeln!(
            f,
            "  versions to {} ms, batch {}, poll {} ms, sweeps {} ms, catch-up {} ms, pages of {}, clocks off by {:?} ms\
             {}{}{}{}{}, the library {} ms late",
            self.grain_ms,
            self.batch,
            self.poll_ms,
            self.sweep_ms,
            self.catch_up_ms,
            self.page_users,
            self.skews_ms,
            if self.real_steps { ", Svix's real steps" } else { "" },
            if self.attended { ", attended" } else { "" },
            if self.braked { ", deletions braked" } else { "" },
            if self.claims { ", tokens make records" } else { "" },
            if self.forgetful { ", bodies dropped early" } else { "" },
            self.late_ms,
        )?;
        for item in &self.items {
            writeln!(f, "  {:>8} ms  {:?}", item.at_ms, item.what)?;
        }
        Ok(())
    }
}
