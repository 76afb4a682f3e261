//! Every state of the protocol there is, within scopes that are printed: two users who share an address,
//! creation, update, deletion, look-ups with stale answers, webhooks doubled, reordered and replayed, repairs,
//! sweeps, two replicas, a death between any two steps. What is decided is decided by `decide` itself.
//!
//! ```text
//! cargo test -p clerk-sync-testkit --test model
//! cargo test -p clerk-sync-testkit --test model --release -- --full
//! cargo test -p clerk-sync-testkit --test model -- --scope "shared address" --max-states 1000000
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program that is a test"
)]

mod clerk;
mod invariants;
mod ledger;
mod naive;
mod replica;
mod scopes;
mod search;
mod tell;
mod violation;
mod world;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use clerk::Clerk;
use clerk_sync_core::Outcome;
use naive::Naive;
use replica::Replica;
use scopes::{BUGS, Bug, SCOPES, Scope};
use search::{Found, Limits, Visit, search};
use world::Stage;

const USAGE: &str = "\
usage: cargo test -p clerk-sync-testkit --test model -- [options] [scope…]

  [scope…]            only scopes whose name has one of these words in it
  --scope NAME        the same
  --full              the large scopes too: minutes and gigabytes, so with --release
  --max-states N      give up on a scope after so many states (default 10 million, with --full 80)
  --list              what the scopes are";

/// States of a scope before it is given up: one needs about a hundred bytes.
const MAX_STATES: usize = 10_000_000;
const MAX_STATES_FULL: usize = 80_000_000;
/// How many scopes are visited at once.
const THREADS: usize = 2;

/// What the scopes together must have seen decided: one that never comes up would prove nothing. A stale answer
/// never does, since a repair asks after the staleness bound; what is not about users is not in the model.
const DECIDED: [Outcome; 16] = [
    Outcome::Created,
    Outcome::Updated,
    Outcome::Unchanged,
    Outcome::Older,
    Outcome::Tie,
    Outcome::Unversioned,
    Outcome::AlreadyKnown,
    Outcome::Gone,
    Outcome::Deleted,
    Outcome::AlreadyDeleted,
    Outcome::Repaired,
    Outcome::Fenced,
    Outcome::SignedIn,
    Outcome::Doubted,
    Outcome::Unknown,
    Outcome::Duplicate,
];

/// What was asked for.
#[derive(Default)]
struct Options {
    full: bool,
    list: bool,
    words: Vec<String>,
    max_states: Option<usize>,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--full" => options.full = true,
                "--help" | "-h" => return Err("every state of the protocol, within scopes".into()),
                "--list" => options.list = true,
                "--scope" => options.words.push(words.next().ok_or("--scope needs a name")?),
                "--max-states" => {
                    let number = words.next().ok_or("--max-states needs a number")?;
                    let number = number.replace('_', "").parse();
                    options.max_states = Some(number.map_err(|_| "--max-states needs a number")?);
                }
                // What the usual harness of tests knows and this has no use for.
                "--nocapture" | "--show-output" | "--quiet" | "-q" => {}
                option if option.starts_with('-') => return Err(format!("unknown option {option}")),
                _ => options.words.push(word),
            }
        }
        Ok(options)
    }

    fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }
}

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            println!("{wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let wanted = |scope: &&Scope| options.wants(scope.name) && (options.full || !scope.large);
    let scopes: Vec<&Scope> = SCOPES.iter().filter(wanted).collect();
    if options.list {
        scopes.iter().for_each(|scope| println!("{:<35} {}", scope.name, scope.shows));
        return ExitCode::SUCCESS;
    }
    let ours = ours_holds(&scopes, &options);
    let bugs = BUGS.iter().filter(|bug| options.wants(bug.name));
    // All of them, so that each says what it found.
    let naive = bugs.fold(true, |all, bug| all & find(bug));
    if ours && naive { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What all scopes together came to.
#[derive(Default)]
struct Seen {
    states: usize,
    decided: BTreeSet<Outcome>,
}

/// Visits the scopes, and says what came of each and of all; whether all hold.
fn ours_holds(scopes: &[&Scope], options: &Options) -> bool {
    let max_states = options.max_states.unwrap_or(if options.full { MAX_STATES_FULL } else { MAX_STATES });
    let seen = Mutex::new(Seen::default());
    let all_hold = in_parallel(scopes, |scope| check(scope, max_states, &seen));
    let Seen { states, decided } = seen.into_inner().unwrap();
    println!("{:<35} {states:>11} states", "our protocol, all scopes");
    if !options.words.is_empty() {
        return all_hold;
    }
    let unseen = DECIDED.iter().filter(|outcome| !decided.contains(outcome));
    let unseen: Vec<&str> = unseen.map(|outcome| outcome.as_str()).collect();
    if !unseen.is_empty() {
        println!("NEVER DECIDED: {}", unseen.join(", "));
    }
    all_hold && unseen.is_empty()
}

/// Runs `check` on each item, a few at once; whether all hold.
fn in_parallel<T: Sync>(items: &[T], check: impl Fn(&T) -> bool + Sync) -> bool {
    let (next, all) = (AtomicUsize::new(0), AtomicBool::new(true));
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    all.fetch_and(check(item), Ordering::Relaxed);
                }
            });
        }
    });
    all.into_inner()
}

/// Visits a scope of our protocol, and says what came of it; whether it holds.
fn check(scope: &Scope, max_states: usize, seen: &Mutex<Seen>) -> bool {
    let mut stage = Stage {
        clerk: Clerk::new(scope.script),
        bounds: scope.bounds,
        concurrency: scope.concurrency,
        protocol: Replica::new(scope.claims),
    };
    let visit = search(&mut stage, Limits { max_states, stop_at_first: true });
    let Visit { states, depth, seconds, .. } = visit;
    {
        let mut seen = seen.lock().unwrap();
        seen.states += states;
        seen.decided.extend(stage.protocol.outcomes());
    }
    let verdict = match visit.found.first_key_value() {
        Some((violation, found)) => format!("BROKEN: {violation}{}", steps(found)),
        None if visit.cut_off => "NOT ALL STATES VISITED: raise --max-states".into(),
        None => "holds".into(),
    };
    println!("{:<35} {states:>11} states, depth {depth:>3}, {seconds:>6.1} s: {verdict}", scope.name);
    visit.found.is_empty() && !visit.cut_off
}

/// Looks for a bug of the document's algorithm; whether it is found.
fn find(bug: &Bug) -> bool {
    let mut stage =
        Stage { clerk: Clerk::new(bug.script), bounds: bug.bounds, concurrency: 2, protocol: Naive };
    let visit = search(&mut stage, Limits { max_states: MAX_STATES, stop_at_first: false });
    match visit.found.get(&bug.violation) {
        Some(found) => {
            println!("the document's algorithm, found: {}{}", bug.name, steps(found));
            true
        }
        None => {
            println!("the document's algorithm, NOT FOUND: {} in {} states", bug.name, visit.states);
            false
        }
    }
}

fn steps(found: &Found) -> String {
    let lines = found.trace.iter().enumerate().map(|(index, line)| format!("\n  {:>4}. {line}", index + 1));
    format!(", {} steps, after {} states{}", found.trace.len(), found.after, lines.collect::<String>())
}
