//! What the library writes down about itself, held against the truth: where it says that everybody was compared, taken
//! over or caught up with, they must have been.

use std::collections::BTreeMap;

use clerk_sync_core::{Entry, Record};
use serde_json::Value;

use crate::cover::Goal;
use crate::person;
use crate::plan::{MAX_USERS, REPLICAS};
use crate::replica::STALENESS_BOUND_MS;
use crate::world::{BEGIN_MS, State, World};

/// What was noted so far.
#[derive(Default)]
pub(crate) struct Notes {
    leases: BTreeMap<String, Lease>,
    /// Who took the lease of sweeps, and when.
    sweeps: Vec<(usize, u64)>,
    /// When the backfill that is under way was begun; its parts before a kill count.
    filling_since_ms: Option<u64>,
    /// When each replica last wrote down that one is done.
    pub(crate) filled_ms: [Option<u64>; REPLICAS],
    watermark_ms: Option<i64>,
    poll: Option<Poll>,
    /// From when on polls have to see every change.
    polled_from_ms: Option<u64>,
    /// When each replica last held deletions back.
    braked_ms: [Option<u64>; REPLICAS],
    /// When the last sweep ended, by the clock of whoever made it.
    swept_ms: i64,
}

impl Notes {
    /// When the sweep began that a replica has written down as done, for all we know: it took the lease before, and the
    /// note may be late.
    fn sweep_began_ms(&self, replica: usize, note: &Value) -> Option<u64> {
        let number = |field: &str| note[field].as_i64().unwrap_or(0);
        let latest_ms = u64::try_from(number("finished_ms") - number("took_ms") - BEGIN_MS).unwrap_or(0);
        let of_replica = |(holder, at_ms): &&(usize, u64)| *holder == replica && *at_ms <= latest_ms;
        self.sweeps.iter().rfind(of_replica).map(|(_, at_ms)| *at_ms)
    }
}

/// A poll under way.
#[derive(Clone, Copy)]
struct Poll {
    due_ms: i64,
    claimed_ms: u64,
}

/// The right to compare, as the last note about it has it.
struct Lease {
    replica: usize,
    fence: i64,
    until_ms: i64,
}

/// Looks at a note that a replica has just written.
pub(crate) fn written(world: &World, replica: usize, name: &str, text: &str) {
    let note: Value = serde_json::from_str(text).unwrap();
    let mut state = world.state();
    let state = &mut *state;
    state.say(|| format!("    note {name} {text}"));
    let alone = !world.plan.attended;
    match name {
        "sweep" => {
            if alone {
                state.cover.hit(Goal::ScheduledSweep);
            }
            let finished_ms = note["finished_ms"].as_i64().unwrap_or(0);
            if finished_ms < state.notes.swept_ms && !world.plan.is_skewed() {
                state.monitor.break_rule("a note is not replaced by an older one", || text.to_owned());
            }
            state.notes.swept_ms = finished_ms;
            let began_ms = state.notes.sweep_began_ms(replica, &note);
            // One that was held back has not doubted anybody.
            if let Some(began_ms) = began_ms.filter(|at| state.notes.braked_ms[replica] < Some(*at)) {
                state.swept_from_ms = state.swept_from_ms.max(began_ms);
                swept(world, state, began_ms);
            }
        }
        "brake" => {
            state.is_braked = !note["held"].is_null();
            if state.is_braked {
                state.notes.braked_ms[replica] = Some(state.now_ms);
                state.cover.hit(Goal::Braked);
            }
        }
        "catch_up" => caught_up(world, state, &note),
        "backfill" if note["is_done"] == true => {
            if alone {
                state.cover.hit(Goal::FirstFilled);
            }
            state.notes.filled_ms[replica] = Some(state.now_ms);
            filled(world, state);
        }
        "sweep_lease" | "backfill_lease" => leased(world, state, replica, name, &note),
        _ => {}
    }
}

/// A lease is taken once the one before is over, and kept by whoever took it.
fn leased(world: &World, state: &mut State, replica: usize, name: &str, note: &Value) {
    let number = |field: &str| note[field].as_i64().unwrap_or(0);
    let lease = Lease { replica, fence: number("fence"), until_ms: number("until_ms") - BEGIN_MS };
    let now_ms = state.now_ms;
    if let Some(before) = state.notes.leases.get(name) {
        let is_over = before.until_ms <= i64::try_from(now_ms).unwrap_or(i64::MAX) || world.plan.is_skewed();
        let is_right = match lease.fence.cmp(&before.fence) {
            std::cmp::Ordering::Greater => is_over,
            std::cmp::Ordering::Equal => before.replica == replica,
            std::cmp::Ordering::Less => false,
        };
        if !is_right {
            let (other, until_ms) = (before.replica, before.until_ms);
            state.monitor.break_rule("one process at a time compares", || {
                format!("replica {replica} wrote {name} while replica {other} had it until {until_ms} ms")
            });
        }
    }
    let is_taken = state.notes.leases.get(name).is_none_or(|before| before.fence != lease.fence);
    if is_taken && name == "sweep_lease" {
        state.notes.sweeps.push((replica, now_ms));
    }
    if is_taken && name == "backfill_lease" {
        state.notes.filling_since_ms.get_or_insert(now_ms);
    }
    state.notes.leases.insert(name.to_owned(), lease);
}

/// After a sweep everybody is as Clerk had them when it began, or to be compared by id.
fn swept(world: &World, state: &mut State, began_ms: u64) {
    let plan = &world.plan;
    if plan.is_skewed() {
        return;
    }
    state.cover.hit(Goal::SweepJudged);
    let stored_before_ms = began_ms.saturating_sub(STALENESS_BOUND_MS);
    for user in 0..MAX_USERS {
        let Some(truth) =
            world.history.unchanged(user, began_ms.saturating_sub(plan.faults.stale_ms), state.now_ms)
        else {
            continue;
        };
        let id = person::user_id(user);
        let is_right = match (state.monitor.entry(&id), truth) {
            (Some(Entry::Live(record)), _) if record.is_dirty() => true,
            (Some(Entry::Live(_)), None) => state.monitor.stored_ms(&id) >= Some(stored_before_ms),
            (entry, Some(truth)) => {
                // Whom a page left out may have been made meanwhile.
                plan.faults.shifted_page > 0 || is_as(entry, &truth.profile)
            }
            (_, None) => true,
        };
        if !is_right {
            let entry = state.monitor.entry(&id).cloned();
            state.monitor.break_rule("a sweep leaves nobody out", || {
                format!("begun at {began_ms} ms; {id}: Clerk {truth:?}\n  stored {entry:?}")
            });
        }
    }
}

/// After a backfill there is a record of everybody who was there when it began.
fn filled(world: &World, state: &mut State) {
    let Some(began_ms) = state.notes.filling_since_ms.take() else { return };
    let faults = &world.plan.faults;
    if faults.shifted_page > 0 {
        return;
    }
    state.cover.hit(Goal::BackfillJudged);
    for user in 0..MAX_USERS {
        let from_ms = began_ms.saturating_sub(faults.stale_ms);
        let lives = world.history.lives_at(user, from_ms) && world.history.lives_at(user, state.now_ms);
        let id = person::user_id(user);
        if lives && state.monitor.entry(&id).is_none() {
            let rule = "a backfill leaves nobody out";
            state.monitor.break_rule(rule, || format!("begun at {began_ms} ms; {id} has no row"));
        }
    }
}

/// A poll that is written down has the due time it was claimed with; what changed before it was claimed is here.
fn caught_up(world: &World, state: &mut State, note: &Value) {
    if !note["silence"]["silent_since_ms"].is_null() {
        state.cover.hit(Goal::Silenced);
    }
    let watermark_ms = note["watermark_ms"].as_i64();
    let before_ms = state.notes.watermark_ms;
    if watermark_ms < before_ms {
        let rule = "a note is not replaced by an older one";
        state.monitor.break_rule(rule, || format!("{before_ms:?} became {watermark_ms:?}"));
    }
    state.notes.watermark_ms = watermark_ms;
    let due_ms = note["due_ms"].as_i64().unwrap_or(0);
    match state.notes.poll {
        Some(poll) if poll.due_ms == due_ms => polled(world, state, poll.claimed_ms),
        _ => state.notes.poll = Some(Poll { due_ms, claimed_ms: state.now_ms }),
    }
}

/// What has changed since the first poll, and early enough for no answer to hide it.
fn polled(world: &World, state: &mut State, claimed_ms: u64) {
    let (faults, now_ms) = (&world.plan.faults, state.now_ms);
    let Some(from_ms) = state.notes.polled_from_ms else {
        state.notes.polled_from_ms = Some(claimed_ms);
        return;
    };
    let hidden_ms = faults.stale_ms + u64::try_from(world.plan.grain_ms - 1).unwrap_or(0);
    if world.plan.is_skewed() || faults.shifted_page > 0 || hidden_ms > STALENESS_BOUND_MS {
        return;
    }
    state.cover.hit(Goal::PollJudged);
    for user in 0..MAX_USERS {
        let until_ms = claimed_ms.saturating_sub(faults.stale_ms);
        let Some(Some(truth)) = world.history.unchanged(user, until_ms, now_ms) else { continue };
        let id = person::user_id(user);
        let entry = state.monitor.entry(&id);
        let is_dirty = entry.and_then(Entry::live).is_some_and(Record::is_dirty);
        let is_new = world.history.since_ms(user, now_ms) > Some(from_ms);
        if is_new && !is_dirty && !is_as(entry, &truth.profile) {
            let entry = entry.cloned();
            state.monitor.break_rule("a poll leaves no change out", || {
                format!("claimed at {claimed_ms} ms; {id}: Clerk {truth:?}\n  stored {entry:?}")
            });
        }
    }
}

fn is_as(entry: Option<&Entry>, profile: &clerk_sync_core::Profile) -> bool {
    entry.and_then(Entry::live).is_some_and(|record: &Record| record.profile == *profile)
}
