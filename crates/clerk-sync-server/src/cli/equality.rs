//! `backfill`, `sweep` and `prove`: the whole table against Clerk.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use clerk_sync::{BackfillOptions, Certificate, ClerkSync, EqualError, SweepOptions, SweepReport};
use serde_json::json;

use super::{Progress, complain, say};
use crate::compose;
use crate::config::{Config, Raw};

/// What all of them answer.
macro_rules! exit_codes {
    () => {
        "\n\nExit codes: 0 done and equal, 1 it failed or something differs, 3 deletions are held back,\n\
         4 the secret key belongs to another instance, 5 another process is at it."
    };
}

pub(super) const BACKFILL_HELP: &str = concat!(
    "Examples:
  clerk-sync backfill
  clerk-sync backfill --dry-run --json
  CLERK_SYNC_API_SWEEP_SHARE=90 clerk-sync backfill --restart",
    exit_codes!()
);

pub(super) const SWEEP_HELP: &str = concat!(
    "Examples:
  clerk-sync sweep
  clerk-sync sweep --check --json | jq .missing
  clerk-sync sweep --confirm-deletions 312",
    exit_codes!()
);

pub(super) const PROVE_HELP: &str = concat!(
    "Examples:
  clerk-sync prove
  clerk-sync prove --certificate equal.json
  clerk-sync prove --json | jq .drift",
    exit_codes!()
);

/// How long a lease of somebody who may be dead is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
struct Common {
    /// Configuration file; without it clerk-sync.toml, if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the users are, over DATABASE_URL.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The result as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Backfill {
    #[command(flatten)]
    common: Common,
    /// Only look and count.
    #[arg(long)]
    dry_run: bool,
    /// From the beginning, also where an earlier one was cut short.
    #[arg(long)]
    restart: bool,
}

#[derive(Debug, Args)]
pub(super) struct Sweep {
    #[command(flatten)]
    common: Common,
    /// Only report; exit code 1 if anything differs.
    #[arg(long, conflicts_with = "confirm_deletions")]
    check: bool,
    /// Lets exactly these deletions pass that a sweep has held back: their number.
    #[arg(long, value_name = "NUMBER")]
    confirm_deletions: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct Prove {
    #[command(flatten)]
    common: Common,
    /// Where the certificate is written, as JSON.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

pub(super) async fn backfill(settings: Backfill) -> Result<ExitCode> {
    let options = BackfillOptions { dry_run: settings.dry_run, restart: settings.restart };
    let done =
        run(&settings.common, |sync, told| async move { sync.backfill(options, move |at| told(at)).await })
            .await?;
    let report = match done {
        Ok(report) => report,
        Err(error) => return refused(&settings.common, &error),
    };
    let seconds = seconds(report.took_ms);
    let here = report.users.saturating_sub(report.resumed_at);
    if settings.common.json {
        say(&json!({
            "users": report.users, "created": report.created, "updated": report.updated,
            "resumed_at": report.resumed_at, "took_ms": report.took_ms, "dry_run": report.dry_run,
        })
        .to_string());
    } else {
        let verb = if report.dry_run { "would be" } else { "were" };
        say(&format!(
            "{} users in Clerk: {} {verb} created, {} {verb} updated; {:.0} users/s in {seconds:.1} s",
            report.users,
            report.created,
            report.updated,
            here as f64 / seconds.max(0.001)
        ));
        if report.resumed_at > 0 {
            say(&format!("the first {} were done by a run before that was cut short", report.resumed_at));
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn sweep(settings: Sweep) -> Result<ExitCode> {
    let options =
        SweepOptions { check: settings.check, confirm_deletions: settings.confirm_deletions, settle: true };
    let done =
        run(&settings.common, |sync, told| async move { sync.sweep(options, move |at| told(at)).await })
            .await?;
    let report = match done {
        Ok(report) => report,
        Err(error) => return refused(&settings.common, &error),
    };
    let SweepReport { users, created, updated, differing, missing, unsettled, took_ms, check, fields } =
        report;
    let differs = created + updated + differing + missing > 0;
    if settings.common.json {
        say(&json!({
            "users": users, "created": created, "updated": updated, "differing": differing, "missing": missing,
            "unsettled": unsettled, "fields": fields, "took_ms": took_ms, "check": check,
        })
        .to_string());
    } else {
        say(&format!("{users} users compared in {:.1} s", seconds(took_ms)));
        say(&format!(
            "  without a row: {created}\n  with an older row: {updated}\n  with other content: {differing}"
        ));
        say(&format!("  rows of users Clerk did not list: {missing}"));
        for (field, count) in &fields {
            say(&format!("  {field}: {count} differ"));
        }
        match (check, differs) {
            (_, false) => say("everything is equal"),
            (true, true) => say("nothing was changed: this was a check"),
            (false, true) if unsettled == 0 => say("every difference is settled"),
            (false, true) => {
                say(&format!("{unsettled} still wait for Clerk's answer; a running server goes on"))
            }
        }
    }
    Ok(if check && differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(super) async fn prove(settings: Prove) -> Result<ExitCode> {
    let done =
        run(&settings.common, |sync, told| async move { sync.prove(move |at| told(at)).await }).await?;
    let certificate = match done {
        Ok(certificate) => certificate,
        Err(error) => return refused(&settings.common, &error),
    };
    let text = serde_json::to_string_pretty(&certificate)?;
    if let Some(path) = &settings.certificate {
        std::fs::write(path, format!("{text}\n"))
            .with_context(|| format!("--certificate: {} cannot be written", path.display()))?;
    }
    if settings.common.json {
        say(&text)
    } else {
        in_words(&certificate)
    }
    Ok(if certificate.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn in_words(certificate: &Certificate) {
    let Certificate { users, rows, drift, repaired, unrepaired, digest, passes, .. } = certificate;
    say(&format!("{users} users of {} and {rows} rows, compared {passes} time(s)", certificate.instance));
    say(&format!(
        "  found: {} without a row, {} older, {} other, {} missing in Clerk",
        drift.created, drift.updated, drift.differing, drift.missing
    ));
    for (field, count) in &drift.fields {
        say(&format!("  {field}: {count} differed"));
    }
    say(&format!("  repaired: {repaired}\n  still different: {unrepaired}\n  digest: sha256 {digest}"));
    say(if certificate.equal { "equal" } else { "NOT equal" });
}

/// Runs a command on the configured database; a lease of somebody who may be dead is waited for.
async fn run<T, F>(common: &Common, command: impl Fn(ClerkSync, Told) -> F) -> Result<Result<T, EqualError>>
where
    F: Future<Output = Result<T, EqualError>>,
{
    let flags = Raw::default().with("database_url", common.database_url.clone());
    let config = Config::load(flags, common.config.as_deref())?;
    let sync = compose::sync(&config).await?;
    let bar = Arc::new(Mutex::new(Progress::new(0)));
    let told: Told = {
        let bar = Arc::clone(&bar);
        Arc::new(move |progress: clerk_sync::Progress| {
            let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
            bar.set_total(usize::try_from(progress.total).unwrap_or(usize::MAX));
            bar.step(usize::try_from(progress.users).unwrap_or(usize::MAX));
        })
    };
    let started = tokio::time::Instant::now();
    let done = loop {
        match command(sync.clone(), Arc::clone(&told)).await {
            Err(EqualError::Busy { wait_ms, .. }) if started.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(wait_ms.clamp(50, 1_000))).await;
            }
            done => break done,
        }
    };
    bar.lock().unwrap_or_else(PoisonError::into_inner).end();
    Ok(done)
}

/// Who is told how far it is.
type Told = Arc<dyn Fn(clerk_sync::Progress) + Send + Sync>;

/// An end that is none of the program's faults, with its code and what to do.
fn refused(common: &Common, error: &EqualError) -> Result<ExitCode> {
    let chain = {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    };
    if common.json {
        say(&json!({ "error": error.code(), "message": chain, "help": error.help() }).to_string());
    } else {
        complain(&anyhow::anyhow!("{chain}\n  fix: {}", error.help()));
    }
    Ok(ExitCode::from(match error {
        EqualError::Braked { .. } => 3,
        EqualError::WrongInstance { .. } => 4,
        EqualError::Busy { .. } | EqualError::Superseded => 5,
        _ => 1,
    }))
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}
