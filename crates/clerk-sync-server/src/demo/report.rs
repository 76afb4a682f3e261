//! Tells what happened: a timeline and a verdict for a person, one JSON object a line for a script.

use std::io::{IsTerminal, Write};

use serde_json::json;

use super::Scenario;
use super::scene::{Scene, Step};

/// Steps of a long scenario that are shown to a person.
const SHOWN: usize = 14;

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Person,
    Json,
}

/// What became of a scenario.
pub(crate) enum Verdict {
    Holds,
    Fails(String),
}

/// The whole report.
pub(crate) struct Report {
    style: Style,
    colours: bool,
    held: usize,
    failed: usize,
}

impl Report {
    pub(crate) fn new(style: Style) -> Self {
        let colours = style == Style::Person
            && std::io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none();
        Self { style, colours, held: 0, failed: 0 }
    }

    pub(crate) fn tell(&mut self, scenario: &Scenario, scene: &Scene, verdict: &Verdict) {
        match verdict {
            Verdict::Holds => self.held += 1,
            Verdict::Fails(_) => self.failed += 1,
        }
        match self.style {
            Style::Json => print_line(&in_json(scenario, scene.steps(), verdict)),
            Style::Person => self.in_words(scenario, scene.steps(), verdict),
        }
    }

    fn in_words(&self, scenario: &Scenario, steps: &[Step], verdict: &Verdict) {
        let (mark, colour, reason) = match verdict {
            Verdict::Holds => ("holds", "32", None),
            Verdict::Fails(reason) => ("FAILS", "31", Some(reason)),
        };
        let mark = self.paint(colour, mark);
        print_line(&format!("\n{mark}  {}: {}", self.paint("1", scenario.name), scenario.about));
        let hidden = steps.len().saturating_sub(SHOWN);
        for (index, step) in steps.iter().enumerate() {
            // The beginning and the end say most.
            if hidden > 0 && (SHOWN / 2..SHOWN / 2 + hidden).contains(&index) {
                if index == SHOWN / 2 {
                    print_line(&format!("          … {hidden} more steps"));
                }
                continue;
            }
            print_line(&format!("  {:>6} ms  {:<9} {}", step.at_ms, step.who, step.what));
        }
        if let Some(reason) = reason {
            print_line(&format!("  why: {reason}"));
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The last words; answers whether all scenarios held.
    pub(crate) fn close(self) -> bool {
        if self.style == Style::Person {
            print_line(&format!("\n{} scenarios hold, {} fail", self.held, self.failed));
        }
        self.failed == 0 && self.held > 0
    }
}

fn in_json(scenario: &Scenario, steps: &[Step], verdict: &Verdict) -> String {
    let timeline: Vec<_> = steps
        .iter()
        .map(|step| json!({ "at_ms": u64::try_from(step.at_ms).unwrap_or(u64::MAX), "who": step.who, "what": step.what }))
        .collect();
    let (verdict, reason) = match verdict {
        Verdict::Holds => ("holds", None),
        Verdict::Fails(reason) => ("fails", Some(reason)),
    };
    json!({
        "scenario": scenario.name,
        "about": scenario.about,
        "verdict": verdict,
        "reason": reason,
        "timeline": timeline,
    })
    .to_string()
}

fn print_line(line: &str) {
    // A closed pipe ends the reading, not the playing.
    let _ = writeln!(std::io::stdout(), "{line}");
}
