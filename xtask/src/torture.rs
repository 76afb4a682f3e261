//! `cargo xtask torture`: real faults on the real program, on every store.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run::run;
use crate::servers::{Mongodb, Postgres};
use crate::tools::Tools;

/// The program under torture; a release build, as users run it.
const PROGRAM: &str = "target/release/clerk-sync";

/// Builds the program, starts the databases and plays every drill on every store, or on the one `--store` names.
/// Everything else is passed on.
pub(crate) fn torture(root: &Path, words: &[&str]) -> Result<()> {
    let mut stores = vec!["sqlite", "postgres", "mongodb"];
    let mut passed_on = vec![];
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        if word != "--store" {
            passed_on.push(word);
            continue;
        }
        let store = rest.next().context("--store needs a name")?;
        if !stores.contains(&store) {
            bail!("--store: {store:?} is none of sqlite, postgres, mongodb");
        }
        stores = vec![store];
    }
    let tools = Tools::prepare(root)?;
    run(tools.command(root, &["cargo", "build", "--release", "--locked", "--quiet"])?)?;
    let mut failed = vec![];
    for store in stores {
        if let Err(error) = on(root, &tools, store, &passed_on) {
            println!("{store}: {error:#}");
            failed.push(store);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("not all drills hold on {}", failed.join(", ")) }
}

fn on(root: &Path, tools: &Tools, store: &str, words: &[&str]) -> Result<()> {
    let play = |database: &[&str]| {
        println!("==> torture on {store}");
        run(tools.command(root, &[&[PROGRAM, "torture"], database, words].concat())?)
    };
    match store {
        "postgres" => {
            let server = Postgres::start(root)?;
            let (url, stop, start) = (server.url(), server.stop_command(), server.start_command());
            play(&["--database-url", &url, "--stop", &stop, "--start", &start])
        }
        "mongodb" => {
            let server = Mongodb::start(root)?;
            let (url, stop, start) = (server.url(), server.stop_command(), server.start_command());
            play(&["--database-url", &url, "--stop", &stop, "--start", &start])
        }
        _ => play(&[]),
    }
}
