//! Looks a set-up over: what was configured, what Clerk says, what the database holds, what the public address
//! answers. Evidence is gathered once and at the same time; every check is a pure function of it.

mod backlog;
mod clerk;
mod database;
mod endpoint;
mod evidence;
mod report;
mod tokens;
mod webhooks;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

pub(crate) use evidence::{Asked, Evidence};
pub(crate) use report::Style;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Ok,
    Warning,
    Error,
}

impl Status {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a check has found, in words that name no secret and no person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) status: Status,
    pub(crate) seen: String,
}

impl Finding {
    pub(crate) fn ok(seen: impl Into<String>) -> Self {
        Self { status: Status::Ok, seen: seen.into() }
    }

    pub(crate) fn warning(seen: impl Into<String>) -> Self {
        Self { status: Status::Warning, seen: seen.into() }
    }

    pub(crate) fn error(seen: impl Into<String>) -> Self {
        Self { status: Status::Error, seen: seen.into() }
    }

    /// What cannot be judged is not held against the set-up: whatever is in the way is a finding of its own.
    pub(crate) fn not_judged(because: impl std::fmt::Display) -> Self {
        Self::ok(format!("not judged, because {because}"))
    }
}

/// One check: a row of `docs/doctor.md`.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// What is looked at, and what is wrong with it when it is not ok.
    pub(crate) about: &'static str,
    /// What to do then.
    pub(crate) fix: &'static str,
    pub(crate) judge: fn(&Evidence) -> Finding,
}

/// Every check, in the order in which they are listed.
const GROUPS: [(&str, &[Check]); 6] = [
    ("Clerk", clerk::CHECKS),
    ("Webhooks", webhooks::CHECKS),
    ("Session tokens", tokens::CHECKS),
    ("The public address", endpoint::CHECKS),
    ("Database", database::CHECKS),
    ("What waits", backlog::CHECKS),
];

/// A check and what it has found.
pub(crate) struct Diagnosis {
    pub(crate) check: &'static Check,
    pub(crate) finding: Finding,
}

/// Judges all of it.
pub(crate) fn diagnose(evidence: &Evidence) -> Vec<Diagnosis> {
    let all = GROUPS.iter().flat_map(|(_, checks)| checks.iter());
    all.map(|check| Diagnosis { check, finding: (check.judge)(evidence) }).collect()
}

/// Gathers, judges and reports.
pub(crate) async fn run(asked: Asked, style: Style) -> anyhow::Result<ExitCode> {
    let evidence = Evidence::gather(asked).await;
    let diagnoses = diagnose(&evidence);
    report::report(&diagnoses, style)?;
    Ok(match diagnoses.iter().map(|diagnosis| diagnosis.finding.status).max() {
        Some(Status::Error) => ExitCode::from(2),
        Some(Status::Warning) => ExitCode::from(1),
        Some(Status::Ok) | None => ExitCode::SUCCESS,
    })
}

/// The checks as a page: `docs/doctor.md`, and what `clerk-sync doctor --list` prints.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "# clerk-sync doctor\n\n\
         Printed by `clerk-sync doctor --list`.\n\n\
         It reads the configuration as `serve` does, asks Clerk, examines the database (a write is tried and taken back) and, with\n\
         `--url`, asks the public address. It changes nothing, prints no secret, and is done within half a minute. A check that cannot\n\
         be judged says so and counts as ok: what is in its way is a finding of its own.\n\n\
         `--json` prints an array of objects with `check`, `status` (`ok`, `warning`, `error`), `seen` and `fix`. The exit code is 0\n\
         when all is ok, 1 with warnings alone, 2 with an error.\n",
    );
    for (group, checks) in GROUPS {
        page.push_str(&format!(
            "\n## {group}\n\n| check | what is looked at | what to do |\n|---|---|---|\n"
        ));
        for Check { name, about, fix, .. } in checks {
            page.push_str(&format!("| `{name}` | {about} | {fix} |\n"));
        }
    }
    page
}
