//! How far a run is.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the progress is told on a terminal, and in a pipe.
const ON_TERMINAL: Duration = Duration::from_millis(200);
const IN_PIPE: Duration = Duration::from_secs(5);

/// A line that moves on a terminal, and one now and then in a pipe.
pub(super) struct Progress {
    total: usize,
    started: Instant,
    told: Instant,
    terminal: bool,
}

impl Progress {
    pub(super) fn new(total: usize) -> Self {
        let now = Instant::now();
        Self { total, started: now, told: now, terminal: std::io::stderr().is_terminal() }
    }

    pub(super) fn step(&mut self, done: usize) {
        let period = if self.terminal { ON_TERMINAL } else { IN_PIPE };
        if self.told.elapsed() < period {
            return;
        }
        self.told = Instant::now();
        let rate = done as f64 / self.started.elapsed().as_secs_f64();
        let left = (self.total - done) as f64 / rate.max(0.001);
        let line = format!("{done} of {} ({rate:.0}/s, {left:.0} s left)", self.total);
        let (start, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        let _ = write!(std::io::stderr(), "{start}{line}{end}");
    }

    pub(super) fn end(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
