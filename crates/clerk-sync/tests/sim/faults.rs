//! What goes wrong, and how often: each seed switches a random part of it on, with rates of its own.

use crate::tape::Tape;

/// Rates are per 100 000; 0 is off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Faults {
    /// 1: the longest delay of a first delivery, in milliseconds.
    pub(crate) delivery_delay_ms: u64,
    /// 2: one more copy of a delivery, to any replica, at the same instant.
    pub(crate) duplicate: u64,
    /// 3: the answer to a delivery that was taken is lost.
    pub(crate) lost_answer: u64,
    /// 4: a delivery never sent, only where sweeps can heal it.
    pub(crate) dropped_delivery: u64,
    /// 6: the store fails before a call did anything.
    pub(crate) error_before: u64,
    /// 7: the store fails after a call did its work.
    pub(crate) error_after: u64,
    /// 8: a commit loses a race it was not in.
    pub(crate) lost_race: u64,
    /// 10: a call to the store takes six to twelve seconds.
    pub(crate) slow_store: u64,
    /// 11: Clerk asks to wait.
    pub(crate) throttled: u64,
    /// 12: Clerk gives no usable answer.
    pub(crate) unusable: u64,
    /// 13: Clerk takes up to four seconds, or never answers.
    pub(crate) slow_clerk: u64,
    /// 14: how old an answer of Clerk's may be, in milliseconds.
    pub(crate) stale_ms: u64,
    /// Clerk answers once that it has no such user, who is there. Nothing says that this never happens, and so a repair
    /// and a look-up ask again.
    pub(crate) denied: u64,
    /// 15: a page of a list lacks a user, as when users before it were deleted while paging.
    pub(crate) shifted_page: u64,
    /// 17: a replica is killed; asked at each step of the schedule.
    pub(crate) kill: u64,
    /// 22: a caller hangs up before the answer.
    pub(crate) hang_up: u64,
    /// 20: replicas know the old, the new, or both webhook secrets; the sender signs with both.
    pub(crate) rotation: bool,
    /// A commit by another process is not heard of.
    pub(crate) unheard: u64,
    /// The longest a call to a port takes on its way there or back, in milliseconds.
    pub(crate) step_ms: u64,
}

impl Faults {
    pub(crate) fn swarm(tape: &mut Tape) -> Self {
        let rate = |tape: &mut Tape, on_percent: u64, highest: u64| {
            let rate = tape.below(highest + 1);
            if tape.below(100) < on_percent { rate } else { 0 }
        };
        Self {
            delivery_delay_ms: 20 + rate(tape, 60, 2_000),
            duplicate: rate(tape, 70, 60_000),
            lost_answer: rate(tape, 50, 30_000),
            dropped_delivery: rate(tape, 50, 60_000),
            error_before: rate(tape, 45, 8_000),
            error_after: rate(tape, 45, 8_000),
            lost_race: rate(tape, 40, 20_000),
            slow_store: rate(tape, 15, 3_000),
            throttled: rate(tape, 30, 30_000),
            unusable: rate(tape, 30, 20_000),
            slow_clerk: rate(tape, 30, 30_000),
            stale_ms: rate(tape, 40, 500),
            denied: 0,
            shifted_page: rate(tape, 50, 40_000),
            kill: rate(tape, 40, 800),
            hang_up: rate(tape, 30, 10_000),
            rotation: tape.below(10) == 0,
            unheard: if tape.below(2) == 0 { 100_000 } else { 20_000 },
            step_ms: 2,
        }
    }

    /// Every way to have one class of faults less, with its name.
    pub(crate) fn weakened(&self) -> Vec<(&'static str, Self)> {
        type Without = fn(&mut Faults);
        let ways: [(&'static str, Without); 18] = [
            ("kills", |f| f.kill = 0),
            ("slow store", |f| f.slow_store = 0),
            ("errors before", |f| f.error_before = 0),
            ("errors after", |f| f.error_after = 0),
            ("lost races", |f| f.lost_race = 0),
            ("throttling", |f| f.throttled = 0),
            ("unusable answers", |f| f.unusable = 0),
            ("slow Clerk", |f| f.slow_clerk = 0),
            ("hang-ups", |f| f.hang_up = 0),
            ("lost answers", |f| f.lost_answer = 0),
            ("copies", |f| f.duplicate = 0),
            ("stale answers", |f| f.stale_ms = 0),
            ("denials", |f| f.denied = 0),
            ("shifted pages", |f| f.shifted_page = 0),
            ("dropped deliveries", |f| f.dropped_delivery = 0),
            ("rotation", |f| f.rotation = false),
            ("delays of deliveries", |f| f.delivery_delay_ms = 0),
            ("delays of steps", |f| f.step_ms = 0),
        ];
        let apply = |(name, without): (&'static str, Without)| {
            let mut weaker = self.clone();
            without(&mut weaker);
            (weaker != *self).then_some((name, weaker))
        };
        ways.into_iter().filter_map(apply).collect()
    }
}
