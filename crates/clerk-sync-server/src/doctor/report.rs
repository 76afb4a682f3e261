//! What was found, for a person or a script.

use std::io::IsTerminal;

use serde::Serialize;

use super::{Diagnosis, Status};
use crate::cli::say;

/// Whom the report is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Person,
    Json,
}

#[derive(Serialize)]
struct Line<'a> {
    check: &'a str,
    status: &'a str,
    seen: &'a str,
    /// What to do; null where there is nothing to do.
    fix: Option<&'a str>,
}

pub(super) fn report(diagnoses: &[Diagnosis], style: Style) -> anyhow::Result<()> {
    match style {
        Style::Json => say(&json(diagnoses)?),
        Style::Person => say(&text(diagnoses, std::io::stdout().is_terminal())),
    }
    Ok(())
}

fn json(diagnoses: &[Diagnosis]) -> anyhow::Result<String> {
    let lines: Vec<Line<'_>> = diagnoses
        .iter()
        .map(|Diagnosis { check, finding }| Line {
            check: check.name,
            status: finding.status.as_str(),
            seen: &finding.seen,
            fix: (finding.status != Status::Ok).then_some(check.fix),
        })
        .collect();
    Ok(serde_json::to_string_pretty(&lines)?)
}

pub(super) fn text(diagnoses: &[Diagnosis], colour: bool) -> String {
    let width = diagnoses.iter().map(|diagnosis| diagnosis.check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Diagnosis { check, finding } in diagnoses {
        let word = format!("{:<7}", finding.status.as_str());
        let word = if colour { coloured(finding.status, &word) } else { word };
        text.push_str(&format!("{word}  {:<width$}  {}\n", check.name, finding.seen));
        if finding.status != Status::Ok {
            text.push_str(&format!("{:9}{:width$}  fix: {}\n", "", "", check.fix));
        }
    }
    let count = |status| diagnoses.iter().filter(|one| one.finding.status == status).count();
    let (warnings, errors) = (count(Status::Warning), count(Status::Error));
    text + &format!("{} checks: {warnings} warning(s), {errors} error(s)", diagnoses.len())
}

fn coloured(status: Status, word: &str) -> String {
    let code = match status {
        Status::Ok => 32,
        Status::Warning => 33,
        Status::Error => 31,
    };
    format!("\x1b[{code}m{word}\x1b[0m")
}
