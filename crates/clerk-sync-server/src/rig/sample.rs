//! What a process holds of the machine, read from `/proc`.

use std::fs;

use anyhow::{Context, Result};

/// What a process holds at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Memory that is its own, in KiB.
    pub(crate) memory_kib: u64,
    /// Open files, connections among them.
    pub(crate) handles: usize,
    /// Connections among them.
    pub(crate) connections: usize,
    pub(crate) threads: u64,
    /// Processor time it has used, in milliseconds.
    pub(crate) cpu_ms: u64,
}

/// The unit of processor time in `/proc`, which has been this everywhere for decades.
const TICK_MS: u64 = 10;

impl Sample {
    /// Reads what there is; Linux only.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let folder = format!("/proc/{pid}");
        let read = |name: &str| {
            fs::read_to_string(format!("{folder}/{name}"))
                .with_context(|| format!("{folder}/{name} cannot be read"))
        };
        let (status, memory, stat) = (read("status")?, read("smaps_rollup")?, read("stat")?);
        let (mut handles, mut connections) = (0, 0);
        for entry in fs::read_dir(format!("{folder}/fd"))? {
            handles += 1;
            // It may be closed by now.
            let target = entry.and_then(|entry| fs::read_link(entry.path()));
            connections += usize::from(target.is_ok_and(|to| to.to_string_lossy().starts_with("socket:")));
        }
        Ok(Self {
            memory_kib: field(&memory, "Private_Dirty:") + field(&memory, "Private_Clean:"),
            handles,
            connections,
            threads: field(&status, "Threads:"),
            cpu_ms: ticks(&stat, 0) * TICK_MS,
        })
    }
}

/// Processor time of processes this one has started and seen end, in milliseconds.
pub(crate) fn children_cpu_ms() -> Result<u64> {
    Ok(ticks(&fs::read_to_string("/proc/self/stat").context("/proc/self/stat cannot be read")?, 2) * TICK_MS)
}

/// Two of the times in a process's `stat`: its own, or from 2 on those of its children.
fn ticks(stat: &str, first: usize) -> u64 {
    // The name in brackets may hold anything; what follows it is numbers.
    let times = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11 + first).take(2);
    times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
