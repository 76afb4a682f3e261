//! How far a run is.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the progress is told on a terminal, and in a pipe.
const ON_TERMINAL: Duration = Duration::from_millis(200);
const IN_PIPE: Duration = Duration::from_secs(5);

/// A line that moves on a terminal, and one now and then in a pipe.
pub(crate) struct Progress {
    total: usize,
    /// What was done before we looked, by an earlier run.
    before: Option<usize>,
    started: Instant,
    told: Instant,
    terminal: bool,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Self {
        let now = Instant::now();
        Self { total, before: None, started: now, told: now, terminal: std::io::stderr().is_terminal() }
    }

    /// There may turn out to be more, or fewer.
    pub(crate) fn set_total(&mut self, total: usize) {
        self.total = total;
    }

    pub(crate) fn step(&mut self, done: usize) {
        let before = *self.before.get_or_insert(done.saturating_sub(1));
        let period = if self.terminal { ON_TERMINAL } else { IN_PIPE };
        if self.told.elapsed() < period {
            return;
        }
        self.told = Instant::now();
        let rate = done.saturating_sub(before) as f64 / self.started.elapsed().as_secs_f64();
        let left = self.total.saturating_sub(done) as f64 / rate.max(0.001);
        let line = format!("{done} of {} ({rate:.0}/s, {left:.0} s left)", self.total);
        let (start, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        let _ = write!(std::io::stderr(), "{start}{line}{end}");
    }

    pub(crate) fn end(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
