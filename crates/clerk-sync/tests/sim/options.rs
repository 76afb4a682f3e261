//! The command line.

use std::time::Duration;

use crate::Mode;
use crate::database::Kind;

pub(crate) const USAGE: &str = "\
usage: cargo xtask sim [--seeds N] [--from S] [--minutes M] [--mode no-sweeps|sweeps|only-sweeps]
                       [--store memory|sqlite] [--jobs K] [--first] [--replay SEED]

  --seeds N     how many schedules; default 200, or no limit with --minutes
  --from S      the first seed; default 0
  --minutes M   stop after so long
  --mode, --store   one instead of all by turns; SQLite is every sixteenth
  --jobs K      threads; default: one for each processor
  --first       end at the first violation, without shrinking it
  --replay SEED     one seed again, with what happened and the shortest plan that breaks the same rule;
                    takes --mode (default no-sweeps) and --store (default memory)

examples:
  cargo xtask sim --seeds 1000000
  cargo xtask sim --minutes 10 --store sqlite --from 5000000
  cargo xtask sim --replay 4711 --mode no-sweeps --store memory
  cargo xtask sim --planted";

/// How often a seed is on SQLite where the store is not chosen.
const SQLITE_EVERY: u64 = 16;

/// Which seeds to run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) from: u64,
    pub(crate) time: Option<Duration>,
    mode: Option<Mode>,
    store: Option<Kind>,
    pub(crate) jobs: usize,
    /// Whether the first violation is the end.
    pub(crate) first: bool,
}

impl Options {
    pub(crate) fn mode(&self, seed: u64) -> Mode {
        let turn = usize::try_from(seed % 3).unwrap_or(0);
        self.mode.unwrap_or(Mode::ALL[turn])
    }

    /// Whether every mode has its turn, and so every goal can be met.
    pub(crate) fn is_mixed(&self) -> bool {
        self.mode.is_none()
    }

    pub(crate) fn store(&self, seed: u64) -> Kind {
        let turn = if (seed / 3).is_multiple_of(SQLITE_EVERY) { Kind::Sqlite } else { Kind::Memory };
        self.store.unwrap_or(turn)
    }
}

pub(crate) enum Command {
    Hunt(Options),
    Replay {
        seed: u64,
        mode: Mode,
        store: Kind,
    },
    Help,
    /// The test runner asked for tests of another name.
    Nothing,
}

/// Reads the words after the program's name. Words of `cargo test` itself are let pass.
pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut seeds, mut replay) = (None, None);
    let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut options =
        Options { seeds: 200, from: 0, time: None, mode: None, store: None, jobs, first: false };
    let mut words = words;
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or(format!("{word} needs a number"))?;
            value.replace('_', "").parse::<u64>().map_err(|_| format!("{word} needs a number, not {value:?}"))
        };
        match word.as_str() {
            "--seeds" => seeds = Some(number()?),
            "--from" => options.from = number()?,
            "--minutes" => options.time = Some(Duration::from_secs(60 * number()?)),
            "--jobs" => options.jobs = usize::try_from(number()?).unwrap_or(1).clamp(1, 256),
            "--replay" => replay = Some(number()?),
            "--mode" => options.mode = Some(mode(words.next())?),
            "--store" => options.store = Some(store(words.next())?),
            "--first" => options.first = true,
            "--help" | "-h" => return Ok(Command::Help),
            "--list" => return Ok(Command::Nothing),
            flag if flag.starts_with('-') => {
                if !["--quiet", "-q", "--nocapture", "--exact", "--include-ignored"].contains(&flag) {
                    return Err(format!("unknown option {flag}"));
                }
            }
            filter if "simulation".contains(filter) => {}
            _ => return Ok(Command::Nothing),
        }
    }
    if let Some(seed) = replay {
        let (mode, store) = (options.mode.unwrap_or(Mode::NoSweeps), options.store.unwrap_or(Kind::Memory));
        return Ok(Command::Replay { seed, mode, store });
    }
    options.seeds = seeds.unwrap_or(if options.time.is_some() { u64::MAX } else { options.seeds });
    Ok(Command::Hunt(options))
}

fn mode(word: Option<String>) -> Result<Mode, String> {
    let word = word.unwrap_or_default();
    let found = Mode::ALL.into_iter().find(|mode| mode.word() == word);
    found.ok_or(format!("--mode is no-sweeps, sweeps or only-sweeps, not {word:?}"))
}

fn store(word: Option<String>) -> Result<Kind, String> {
    let word = word.unwrap_or_default();
    let found = [Kind::Memory, Kind::Sqlite].into_iter().find(|kind| kind.word() == word);
    found.ok_or(format!("--store is memory or sqlite, not {word:?}"))
}
