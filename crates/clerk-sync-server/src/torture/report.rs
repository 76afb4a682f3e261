//! What came of the drills: lines while they are played, a table at the end.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use crate::cli::say;

/// What came of one drill.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    /// What was done, in figures.
    pub(crate) done: String,
    /// Answers of `/me`.
    pub(crate) answers: BTreeMap<String, usize>,
    /// Webhook attempts, by the status they got.
    pub(crate) webhooks: BTreeMap<String, usize>,
    /// Events answered 2xx.
    pub(crate) acknowledged: usize,
    /// Acknowledged events that are not in the log.
    pub(crate) lost: usize,
    /// Events applied more than once.
    pub(crate) twice: usize,
    /// Users without their row, or with one that is not as Clerk has it.
    pub(crate) missing: usize,
    /// How long after the fault everything had come to rest, in seconds.
    pub(crate) caught_up_s: f64,
    /// What was not as it must be.
    pub(crate) faults: Vec<String>,
}

impl Finding {
    /// Notes a fault unless `right`.
    pub(crate) fn check(&mut self, right: bool, fault: impl FnOnce() -> String) {
        if !right {
            self.faults.push(fault());
        }
    }
}

struct Row {
    drill: &'static str,
    cells: [String; 6],
    verdict: String,
}

/// The whole report.
pub(crate) struct Report {
    store: &'static str,
    json: bool,
    began: Instant,
    rows: Vec<Row>,
    held: usize,
    failed: usize,
}

impl Report {
    pub(crate) fn new(store: &'static str, json: bool) -> Self {
        Self { store, json, began: Instant::now(), rows: vec![], held: 0, failed: 0 }
    }

    pub(crate) fn begin(&mut self, drill: &str, about: &str) {
        self.began = Instant::now();
        if !self.json {
            say(&format!("{} {drill}: {about}", self.store));
        }
    }

    pub(crate) fn skip(&mut self, drill: &'static str, why: &str) {
        self.rows.push(Row { drill, cells: Default::default(), verdict: why.to_owned() });
    }

    pub(crate) fn tell(&mut self, drill: &'static str, played: Result<Finding>) {
        let finding = played.unwrap_or_else(|error| Finding {
            faults: vec![format!("it could not be played to its end: {error:#}")],
            ..Finding::default()
        });
        let holds = finding.faults.is_empty();
        if holds {
            self.held += 1;
        } else {
            self.failed += 1;
        }
        let verdict = if holds { "holds" } else { "FAILS" };
        if self.json {
            say(&self.in_json(drill, &finding, verdict));
        } else {
            let took = self.began.elapsed().as_secs_f64();
            say(&format!("     {verdict} after {took:.0} s: {}", finding.done));
            say(&format!("     /me: {}; webhooks: {}", shown(&finding.answers), shown(&finding.webhooks)));
            for fault in &finding.faults {
                say(&format!("WRONG {fault}"));
            }
        }
        self.rows.push(Row {
            drill,
            cells: [
                shown(&finding.answers),
                finding.acknowledged.to_string(),
                finding.lost.to_string(),
                finding.twice.to_string(),
                finding.missing.to_string(),
                format!("{:.1}", finding.caught_up_s),
            ],
            verdict: verdict.to_owned(),
        });
    }

    fn in_json(&self, drill: &str, finding: &Finding, verdict: &str) -> String {
        json!({
            "store": self.store,
            "drill": drill,
            "verdict": verdict,
            "done": finding.done,
            "me": finding.answers,
            "webhooks": finding.webhooks,
            "acknowledged": finding.acknowledged,
            "lost": finding.lost,
            "twice": finding.twice,
            "missing": finding.missing,
            "caught_up_s": finding.caught_up_s,
            "faults": finding.faults,
        })
        .to_string()
    }

    /// The table; answers whether all held.
    pub(crate) fn close(self) -> bool {
        if !self.json {
            say(&format!(
                "\n{:<22}{:>8}{:>6}{:>7}{:>9}{:>12}  {:<7}answers of /me",
                self.store, "events", "lost", "twice", "missing", "caught up", "verdict"
            ));
            for Row { drill, cells: [answers, events, lost, twice, missing, caught_up], verdict } in
                &self.rows
            {
                say(&format!(
                    "{drill:<22}{events:>8}{lost:>6}{twice:>7}{missing:>9}{caught_up:>10} s  {verdict:<7}{answers}"
                ));
            }
            say(&format!("{} drills hold, {} fail", self.held, self.failed));
        }
        self.failed == 0 && self.held > 0
    }
}

fn shown(counts: &BTreeMap<String, usize>) -> String {
    let words: Vec<_> = counts.iter().map(|(what, count)| format!("{count} × {what}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
