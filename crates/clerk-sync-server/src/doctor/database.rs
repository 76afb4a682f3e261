//! Whether the database is as the store needs it.

use clerk_sync::core::Health;

use super::{Check, Evidence, Finding};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "database",
        about: "the database cannot be reached or opened",
        fix: "Correct DATABASE_URL, start the database, or let this machine and account reach it; a new SQLite file is made by `clerk-sync migrate` or `serve`.",
        judge: database,
    },
    Check {
        name: "database_writable",
        about: "nothing can be written: read-only, full, locked, or a standby",
        fix: "Free the disk, mount it read-write, give the account its rights back, end whoever holds the lock, or point DATABASE_URL at the primary.",
        judge: writable,
    },
    Check {
        name: "migrations",
        about: "migrations are pending",
        fix: "Run `clerk-sync migrate`, or start `serve` with CLERK_SYNC_MIGRATE=true.",
        judge: migrations,
    },
    Check {
        name: "schema",
        about: "indexes, tables, columns or rules are missing or other than they must be",
        fix: "Make again what is named, as `clerk-sync migrate --print` shows it; until then `serve` will not start.",
        judge: schema,
    },
    Check {
        name: "duplicates",
        about: "addresses or usernames held by more than one record",
        fix: "Stop `serve`; set email and email_key (or username and username_key) of all but one record of each value to NULL; make the unique index again; then `clerk-sync users refetch` those records.",
        judge: duplicates,
    },
    Check {
        name: "durability",
        about: "acknowledged webhooks could be lost in a crash or a power cut",
        fix: "Remove ?durability=normal from DATABASE_URL; on PostgreSQL turn fsync, full_page_writes and the role's synchronous_commit on.",
        judge: durability,
    },
];

fn health(evidence: &Evidence) -> Result<&Health, Finding> {
    let health = evidence.database.as_ref().and_then(|database| database.health.as_ref().ok());
    health.ok_or_else(|| Finding::not_judged("the database cannot be examined"))
}

fn database(evidence: &Evidence) -> Finding {
    if let Some(fault) = evidence.faults_of(&["DATABASE_URL"]) {
        return Finding::error(fault);
    }
    match &evidence.database {
        None => Finding::not_judged("no database is named"),
        Some(holds) => match (&holds.health, &holds.log) {
            (Err(error), _) => Finding::error(error.clone()),
            (Ok(_), Some(log)) => Finding::ok(format!("{} users", log.backlog.users)),
            (Ok(health), None) if opens(health) => Finding::error("it can be examined, but not opened"),
            (Ok(_), None) => Finding::ok("it can be reached"),
        },
    }
}

/// Whether a store would open it.
fn opens(health: &Health) -> bool {
    health.pending.is_empty()
        && health.faults.is_empty()
        && health.duplicates.is_empty()
        && health.not_durable.is_empty()
}

fn writable(evidence: &Evidence) -> Finding {
    match health(evidence) {
        Err(finding) => finding,
        Ok(health) => match &health.unwritable {
            Some(why) => Finding::error(why.clone()),
            None => Finding::ok("a write was tried and taken back"),
        },
    }
}

fn migrations(evidence: &Evidence) -> Finding {
    match health(evidence) {
        Err(finding) => finding,
        Ok(health) if health.pending.is_empty() => Finding::ok("none is pending"),
        Ok(health) => {
            let seen = format!("pending: {}", health.pending.join(", "));
            match evidence.config().is_none_or(|config| config.migrate) {
                // The next start applies them.
                true => Finding::warning(seen),
                false => {
                    Finding::error(format!("{seen}; CLERK_SYNC_MIGRATE is false, so `serve` will not start"))
                }
            }
        }
    }
}

fn schema(evidence: &Evidence) -> Finding {
    let health = match health(evidence) {
        Ok(health) => health,
        Err(finding) => return finding,
    };
    if !health.pending.is_empty() {
        return Finding::not_judged("migrations are pending");
    }
    // Where a value is held twice its unique index cannot be: that is one fault, and it is named there.
    let by_duplicates = |fault: &&String| {
        health.duplicates.iter().any(|one| fault.contains(&format!("clerk_user_{}", one.column)))
    };
    let (with_duplicates, others): (Vec<_>, Vec<_>) = health.faults.iter().partition(by_duplicates);
    match (others.as_slice(), with_duplicates.as_slice()) {
        ([], []) => Finding::ok("tables, columns, indexes and rules are as they must be"),
        ([], _) => Finding::not_judged("a unique index cannot be where there are duplicates"),
        (faults, _) => {
            Finding::error(faults.iter().map(|fault| fault.as_str()).collect::<Vec<_>>().join("; "))
        }
    }
}

fn duplicates(evidence: &Evidence) -> Finding {
    match health(evidence) {
        Err(finding) => finding,
        Ok(health) if !health.pending.is_empty() => Finding::not_judged("migrations are pending"),
        Ok(health) if health.duplicates.is_empty() => Finding::ok("no value is held twice"),
        Ok(health) => {
            let each = health.duplicates.iter();
            let seen =
                each.map(|one| format!("{} values of {} are held more than once", one.values, one.column));
            Finding::error(seen.collect::<Vec<_>>().join("; "))
        }
    }
}

fn durability(evidence: &Evidence) -> Finding {
    match health(evidence) {
        Err(finding) => finding,
        Ok(health) if health.not_durable.is_empty() => {
            Finding::ok("an acknowledged webhook survives a power cut")
        }
        Ok(health) => Finding::warning(health.not_durable.join("; ")),
    }
}
