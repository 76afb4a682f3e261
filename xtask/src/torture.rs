//! `cargo xtask torture`: real faults on the real program, on every store.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run::run;
use crate::servers::{Mongodb, Postgres};
use crate::tools::{PROGRAM, Tools};

/// Events a second where everything is played on the MongoDB-wire server, which at more does not come to rest in time
/// after `database-slow`. A drill that is named has the rate of the other stores.
const RATE: [&str; 2] = ["--rate", "20"];
/// How many kills the MongoDB-wire server bears before it is made anew. It walks, at every statement, through every
/// session there ever was, of which each process has sixteen: after a thousand processes it answers nobody in time. A
/// hundred, ten times, are a thousand too.
const ROUNDS: [&str; 2] = ["--rounds", "100"];
const SEEDS: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];

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
    tools.build_program(root)?;
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
    let play = |database: &[&str], words: &[&str]| {
        println!("==> torture on {store}");
        run(tools.command(root, &[&[PROGRAM, "torture"], database, words].concat())?)
    };
    match store {
        "postgres" => {
            let server = Postgres::start(root)?;
            let (url, stop, start) = (server.url(), server.stop_command(), server.start_command());
            play(&["--database-url", &url, "--stop", &stop, "--start", &start], words)
        }
        "mongodb" => {
            for part in parts(words) {
                let server = Mongodb::start(root)?;
                let (url, stop, start) = (server.url(), server.stop_command(), server.start_command());
                play(&["--database-url", &url, "--stop", &stop, "--start", &start], &part)?;
            }
            Ok(())
        }
        _ => play(&[], words),
    }
}

/// What is played on one MongoDB-wire server each: everything with a tenth of the kills, then the other nine tenths.
fn parts<'a>(words: &[&'a str]) -> Vec<Vec<&'a str>> {
    let (mut only, mut common) = (vec![], vec![]);
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "--only" => only.extend([Some(word), words.next()].into_iter().flatten()),
            _ => common.push(word),
        }
    }
    let everything = only.is_empty();
    let with_kills = everything || only.contains(&"kill");
    if !with_kills || ["--quick", "--rounds", "--seed", "--list"].iter().any(|word| common.contains(word)) {
        return vec![[only, common].concat()];
    }
    let part = |only: &[&'a str], seed| [only, &common, &ROUNDS, &["--seed", seed]].concat();
    let mut first = part(&only, SEEDS[0]);
    if everything && !common.contains(&RATE[0]) {
        first.extend(RATE);
    }
    let kills = SEEDS[1..].iter().map(|seed| part(&["--only", "kill"], seed));
    std::iter::once(first).chain(kills).collect()
}
