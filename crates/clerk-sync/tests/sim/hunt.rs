//! Many seeds on several threads, and what is printed of them.
#![expect(
    clippy::disallowed_methods,
    reason = "how long a run of the program takes is no part of a simulation"
)]

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Mode;
use crate::cover::Cover;
use crate::database::{Databases, Kind};
use crate::options::Options;
use crate::plan::Plan;
use crate::run::{Ended, run};
use crate::shrink::shrink;

/// Seeds that broke a rule once, which run first for ever.
const ONCE_BROKEN: &str = include_str!("seeds.txt");
/// How many violations are told of; the others are counted.
const MAX_TOLD: usize = 3;
/// From how many seeds on every coverage goal must have been met.
const COVERED_FROM: u64 = 10_000;
/// Every so many seeds one is run twice, and on the other store, and has to go the same way.
const TWICE_EVERY: u64 = 64;

#[derive(Default)]
struct Sums {
    cover: Cover,
    steps: u64,
    kills: u64,
    virtual_ms: u64,
    told: Vec<String>,
}

struct Hunt<'a> {
    options: &'a Options,
    begun: Instant,
    next: AtomicU64,
    done: AtomicU64,
    violations: AtomicU64,
    stopped: AtomicBool,
    sums: Mutex<Sums>,
}

/// Runs the seeds asked for.
pub(crate) fn hunt(options: &Options) -> ExitCode {
    let hunt = Hunt {
        options,
        begun: Instant::now(),
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        violations: AtomicU64::new(0),
        stopped: AtomicBool::new(false),
        sums: Mutex::default(),
    };
    println!("simulation: seeds from {}, {} threads", options.from, options.jobs);
    if !options.first {
        hunt.once_broken();
    }
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| hunt.work());
        }
        scope.spawn(|| hunt.show_progress());
    });
    hunt.report()
}

impl Hunt<'_> {
    fn once_broken(&self) {
        let mut databases = Databases::default();
        for line in ONCE_BROKEN.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [mode, store, seed, ..] = words[..] else { continue };
            let mode = Mode::ALL.into_iter().find(|known| known.word() == mode).unwrap();
            let kind = if store == Kind::Sqlite.word() { Kind::Sqlite } else { Kind::Memory };
            self.seed(&mut databases, seed.parse().unwrap(), mode, kind);
        }
    }

    fn work(&self) {
        let mut databases = Databases::default();
        while !self.stopped.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.options.seeds {
                break;
            }
            let seed = self.options.from.wrapping_add(number);
            self.seed(&mut databases, seed, self.options.mode(seed), self.options.store(seed));
            if self.options.time.is_some_and(|time| self.begun.elapsed() >= time) {
                break;
            }
        }
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn seed(&self, databases: &mut Databases, seed: u64, mode: Mode, kind: Kind) {
        let plan = Plan::new(seed, mode);
        let ended = run(&plan, databases.empty(kind), false);
        let mut told = None;
        if let Some(violation) = &ended.violation {
            let number = self.violations.fetch_add(1, Ordering::Relaxed);
            if self.options.first {
                told = Some(format!("seed {seed}: {}", violation.rule));
                self.stopped.store(true, Ordering::Relaxed);
            } else if number < MAX_TOLD as u64 {
                let (small, last) = smallest(databases, &plan, kind, violation.rule);
                told = Some(story(seed, mode, kind, &small, &last));
            }
        } else if seed.is_multiple_of(TWICE_EVERY) {
            for other in [Kind::Memory, Kind::Sqlite] {
                if run(&plan, databases.empty(other), false).trace != ended.trace {
                    if self.violations.fetch_add(1, Ordering::Relaxed) >= MAX_TOLD as u64 {
                        continue;
                    }
                    told = Some(format!(
                        "seed {seed} went another way on {} than on {} before: the simulation is not deterministic, \
                         or the stores differ",
                        other.word(),
                        kind.word()
                    ));
                }
            }
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.cover.add(&ended.cover);
        sums.steps += ended.steps;
        sums.kills += ended.kills;
        sums.virtual_ms += ended.virtual_ms;
        if let Some(told) = told {
            println!("\n{told}");
            sums.told.push(told);
        }
    }

    fn show_progress(&self) {
        let terminal = std::io::stdout().is_terminal();
        let every = Duration::from_secs(if terminal { 1 } else { 30 });
        let mut last = Instant::now();
        while !self.stopped.load(Ordering::Relaxed) {
            std::thread::park_timeout(Duration::from_millis(100));
            if last.elapsed() < every {
                continue;
            }
            last = Instant::now();
            let line = self.progress();
            if terminal {
                print!("\r\x1b[K{line}");
                let _ = std::io::stdout().flush();
            } else {
                println!("{line}");
            }
        }
        if terminal {
            print!("\r\x1b[K");
        }
    }

    fn progress(&self) -> String {
        let done = self.done.load(Ordering::Relaxed);
        let elapsed = self.begun.elapsed();
        let rate = done as f64 / elapsed.as_secs_f64();
        let by_count = (self.options.seeds < u64::MAX).then(|| {
            Duration::from_secs_f64((self.options.seeds.saturating_sub(done)) as f64 / rate.max(1.0))
        });
        let by_time = self.options.time.map(|time| time.saturating_sub(elapsed));
        let left = by_count.into_iter().chain(by_time).min().unwrap_or_default();
        let violations = self.violations.load(Ordering::Relaxed);
        format!("{done} seeds, {rate:.0} a second, {violations} violations, about {} s left", left.as_secs())
    }

    fn report(&self) -> ExitCode {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, violations) = (self.done.load(Ordering::Relaxed), self.violations.load(Ordering::Relaxed));
        let mut missed = Vec::new();
        for (name, count) in sums.cover.table() {
            println!("  {count:>10}  {name}");
            if count == 0 {
                missed.push(name);
            }
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        println!(
            "{done} seeds in {seconds:.1} s ({:.0} a second), {} steps, {} kills, {} hours of virtual time",
            done as f64 / seconds,
            sums.steps,
            sums.kills,
            sums.virtual_ms / 3_600_000
        );
        let uncovered = self.options.is_mixed() && done >= COVERED_FROM && !missed.is_empty();
        if uncovered {
            println!("never seen, though there were enough seeds: {}", missed.join(", "));
        }
        println!("simulation: {done} seeds run, {violations} violations");
        if violations > 0 || uncovered { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// The shortest plan that breaks the same rule, and its last run with a log.
fn smallest(databases: &mut Databases, plan: &Plan, kind: Kind, rule: &'static str) -> (Plan, Ended) {
    let breaks = |plan: &Plan| {
        let ended = run(plan, databases.empty(kind), false);
        ended.violation.is_some_and(|violation| violation.rule == rule)
    };
    let (small, _) = shrink(plan, breaks);
    let last = run(&small, databases.empty(kind), true);
    (small, last)
}

fn story(seed: u64, mode: Mode, kind: Kind, small: &Plan, last: &Ended) -> String {
    let (mode, kind) = (mode.word(), kind.word());
    let (rule, detail) = last.violation.as_ref().map_or(("?", ""), |v| (v.rule, v.detail.as_str()));
    format!(
        "VIOLATION: {rule}\n  {detail}\n  seed {seed}, mode {mode}, store {kind}; the shortest plan found:\n{small}  \
         again: cargo xtask sim --replay {seed} --mode {mode} --store {kind}"
    )
}

/// One seed again, told in full.
pub(crate) fn replay(seed: u64, mode: Mode, kind: Kind) -> ExitCode {
    let mut databases = Databases::default();
    let plan = Plan::new(seed, mode);
    let ended = run(&plan, databases.empty(kind), true);
    println!("seed {seed}, mode {}, store {}, trace {:016x}\n{plan}", mode.word(), kind.word(), ended.trace);
    let Some(violation) = &ended.violation else {
        ended.log.iter().for_each(|line| println!("{line}"));
        println!("simulation: 1 seeds run, 0 violations");
        return ExitCode::SUCCESS;
    };
    let (small, last) = smallest(&mut databases, &plan, kind, violation.rule);
    last.log.iter().for_each(|line| println!("{line}"));
    println!("\n{}", story(seed, mode, kind, &small, &last));
    println!("simulation: 1 seeds run, 1 violations");
    ExitCode::FAILURE
}
