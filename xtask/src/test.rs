//! Everything that must hold before a change lands.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::browser::browser;
use crate::package::package;
use crate::run::run;
use crate::servers::{Mongodb, Postgres};
use crate::tools::Tools;
use crate::{sim, tidy};

/// A stage: what it is called, and the words of its command.
type Stage = (&'static str, &'static [&'static str]);

/// From cheap to dear, so that a fault shows early.
const STAGES: &[Stage] = &[
    ("format", &["cargo", "fmt", "--all", "--check"]),
    (
        "licences, bans and sources",
        &["cargo", "deny", "--log-level", "error", "check", "licenses", "bans", "sources"],
    ),
    (
        "clippy",
        &["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"],
    ),
    ("core without std", &["cargo", "check", "--package", "clerk-sync-core", "--locked", "--quiet"]),
    ("documentation", &["cargo", "doc", "--workspace", "--no-deps", "--all-features", "--locked", "--quiet"]),
    ("tests", &["cargo", "test", "--workspace", "--all-features", "--locked", "--quiet"]),
    ("alert rules", &["promtool", "check", "rules", "docs/prometheus/rules.yml"]),
    ("alert rules fire", &["promtool", "test", "rules", "docs/prometheus/rules.test.yml"]),
    ("the program", &["cargo", "build", "--release", "--locked", "--quiet"]),
    ("demo", &["target/release/clerk-sync", "demo"]),
    ("sign-ups", &["target/release/clerk-sync", "bench", "signups", "--count", "2000"]),
    ("one call for a crowd", &["target/release/clerk-sync", "bench", "stampede"]),
    (
        "a backfill killed again and again",
        &["target/release/clerk-sync", "bench", "backfill", "--users", "20000", "--kills", "10"],
    ),
    ("real faults on SQLite", &["target/release/clerk-sync", "torture", "--quick"]),
    ("half a minute of weather", &["target/release/clerk-sync", "bench", "soak", "--minutes", "0.5"]),
    ("list of parts", &["cargo", "xtask", "sbom"]),
];

pub(crate) fn test(root: &Path) -> Result<()> {
    let start = Instant::now();
    let tools = Tools::prepare(root)?;
    println!("==> tidy");
    tidy::tidy(root)?;
    let mut passed = 1;
    let mut stage = |name: &str, words: &[&str]| -> Result<()> {
        let begun = Instant::now();
        println!("==> {name}: {}", words.join(" "));
        run(tools.command(root, words)?).with_context(|| format!("the stage \"{name}\" failed"))?;
        println!("    {:.0} s", begun.elapsed().as_secs_f64());
        passed += 1;
        Ok(())
    };
    for features in ["", "axum", "sqlite", "postgres", "mongodb"] {
        let check = ["cargo", "check", "--package", "clerk-sync", "--locked", "--quiet"];
        let words = [&check[..], &["--no-default-features", "--features", features]].concat();
        stage(&format!("features: {}", if features.is_empty() { "none" } else { features }), &words)?;
    }
    for (name, words) in STAGES {
        stage(name, words)?;
        if *name == "tests" {
            // Another beginning each time, which is printed; what the stage before has built is enough here.
            let from = sim::fresh_seed().to_string();
            let tests =
                ["cargo", "test", "--workspace", "--all-features", "--locked", "--quiet", "--test", "sim"];
            stage("simulation", &[&tests[..], &["--", "--seeds", "10000", "--from", &from]].concat())?;
        }
    }
    let in_browser = package(root, &tools)? + browser(root, &tools, 1)?;
    let postgres = Postgres::start(root)?;
    let mongodb = Mongodb::start(root)?;
    for (kind, url) in [("PostgreSQL", postgres.url()), ("MongoDB-wire", mongodb.url())] {
        let demo = ["target/release/clerk-sync", "demo", "--database-url", &url];
        stage(&format!("demo on {kind}"), &demo)?;
    }
    let url = postgres.url();
    let replicas =
        ["target/release/clerk-sync", "bench", "replicas", "--count", "1000", "--database-url", &url];
    stage("three servers on PostgreSQL", &replicas)?;
    let backfill =
        ["target/release/clerk-sync", "bench", "backfill", "--users", "20000", "--database-url", &url];
    stage("a backfill killed again and again on PostgreSQL", &backfill)?;
    for (kind, url, stop, start_again) in [
        ("PostgreSQL", url, postgres.stop_command(), postgres.start_command()),
        ("MongoDB-wire", mongodb.url(), mongodb.stop_command(), mongodb.start_command()),
    ] {
        let drills = ["--only", "database-away", "--only", "database-reply-lost"];
        let database = ["--database-url", &url, "--stop", &stop, "--start", &start_again];
        let outage = [&["target/release/clerk-sync", "torture", "--quick"][..], &drills, &database].concat();
        stage(&format!("{kind} away, and its answers lost"), &outage)?;
    }
    println!("==> all stages passed in {:.0} s", start.elapsed().as_secs_f64());
    println!("{} passed, 0 failed", passed + in_browser);
    Ok(())
}
