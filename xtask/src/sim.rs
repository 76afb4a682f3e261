//! The simulator, and the faults planted to test it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::run::{command, output, run};

/// How the simulator is built and run; its own words come after this.
const SIM: &[&str] = &[
    "cargo",
    "test",
    "--quiet",
    "--locked",
    "--profile",
    "sim",
    "--package",
    "clerk-sync",
    "--test",
    "sim",
    "--",
];

const PLANTED: &str = "crates/clerk-sync/tests/sim/planted";

/// A seed nobody has begun at: the time, far above those chosen by hand.
pub(crate) fn fresh_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs()).saturating_mul(1_000_000)
}

/// Runs the simulator with these words, or the planted faults: all of them, or those whose names contain a word.
pub(crate) fn sim(root: &Path, words: &[&str]) -> Result<()> {
    match words {
        ["--planted"] => planted(root, ""),
        ["--planted", name] => planted(root, name),
        _ => run(command(root, &[SIM, words].concat())?),
    }
}

/// Plants one fault after the other in a copy of the sources, and expects the simulator to find each within its
/// budget, in the mode in which nothing heals it before it is seen.
fn planted(root: &Path, name: &str) -> Result<()> {
    let tree = root.join("target/planted");
    copy_sources(root, &tree)?;
    let mut patches: Vec<PathBuf> =
        std::fs::read_dir(root.join(PLANTED))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    patches.retain(|patch| patch.file_stem().is_some_and(|stem| stem.to_string_lossy().contains(name)));
    patches.sort();
    let mut hunts = vec![];
    for patch in &patches {
        let fault = Fault::read(patch)?;
        apply(&tree, patch, false)?;
        let begun = Instant::now();
        let found = hunt(&tree, &fault)?;
        apply(&tree, patch, true)?;
        let seconds = begun.elapsed().as_secs();
        match &found {
            Some(Found { seeds, rule }) => {
                println!("{}: after {seeds} seeds: {rule}; {seconds} s", fault.name)
            }
            None => println!("{}: NOT FOUND within {} seeds; {seconds} s", fault.name, fault.budget),
        }
        hunts.push((fault, found));
    }
    print_table(&hunts);
    let missed: Vec<&str> =
        hunts.iter().filter(|(_, found)| found.is_none()).map(|(fault, _)| &*fault.name).collect();
    println!("planted faults: {} found, {} not found", hunts.len() - missed.len(), missed.len());
    if !missed.is_empty() {
        bail!("not found: {}", missed.join(", "));
    }
    Ok(())
}

/// What `docs/reliability.md` shows.
fn print_table(hunts: &[(Fault, Option<Found>)]) {
    println!("\n| planted | mode | found after | within | by the rule |\n|---|---|---|---|---|");
    for (Fault { name, words, mode, budget }, found) in hunts {
        let number = name.split('-').next().unwrap_or_default();
        let (seeds, rule) = found
            .as_ref()
            .map_or(("not".to_owned(), ""), |found| (found.seeds.to_string(), found.rule.as_str()));
        println!("| {number}: {words} | {mode} | {seeds} | {budget} | {rule} |");
    }
    println!();
}

/// A patch begins with what is wrong, in a sentence, and with lines that say how it is to be found.
struct Fault {
    name: String,
    words: String,
    mode: String,
    budget: u64,
}

struct Found {
    seeds: u64,
    rule: String,
}

impl Fault {
    fn read(patch: &Path) -> Result<Self> {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(patch)?;
        let words = text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
        let said = |what: &str| text.lines().find_map(|line| line.strip_prefix(what));
        let budget = said("budget: ").and_then(|budget| budget.strip_suffix(" seeds")?.parse().ok());
        Ok(Self {
            budget: budget.with_context(|| format!("{name} names no budget"))?,
            mode: said("mode: ").with_context(|| format!("{name} names no mode"))?.to_owned(),
            words,
            name,
        })
    }
}

/// A copy of what git knows, so that nothing under work is touched. Files that are the same keep their times, and
/// so cargo builds only what a patch changes; what it builds stays in the copy, for it could not tell the two apart.
fn copy_sources(root: &Path, tree: &Path) -> Result<()> {
    let listed = output(command(root, &["git", "ls-files", "--cached", "--others", "--exclude-standard"])?)?;
    for file in listed.lines() {
        let (from, to) = (root.join(file), tree.join(file));
        let Ok(wanted) = std::fs::read(&from) else { continue };
        if std::fs::read(&to).is_ok_and(|there| there == wanted) {
            continue;
        }
        std::fs::create_dir_all(to.parent().context("a file has a folder")?)?;
        std::fs::write(&to, wanted)?;
    }
    Ok(())
}

/// Applies a patch, or takes it back. One that does not apply any more is an error: its fault would go untried.
fn apply(tree: &Path, patch: &Path, back: bool) -> Result<()> {
    let patch = patch.to_string_lossy();
    let direction: &[&str] = if back { &["--reverse"] } else { &[] };
    let mut git = command(tree, &[&["git", "apply"], direction, &[&*patch]].concat())?;
    // As if there were no repository: in one, git leaves out what it ignores.
    git.env("GIT_CEILING_DIRECTORIES", tree.parent().unwrap_or(tree));
    run(git).with_context(|| format!("{patch} does not apply; make it anew from the sources as they are"))
}

/// After how many seeds which rule broke.
fn hunt(tree: &Path, fault: &Fault) -> Result<Option<Found>> {
    let budget = fault.budget.to_string();
    let words = ["--seeds", &budget, "--mode", &fault.mode, "--store", "memory", "--first"];
    let build = SIM.split_last().map_or(SIM, |(_, build)| build);
    run(command(tree, &[build, &["--no-run"]].concat())?)
        .with_context(|| format!("{} does not compile", fault.name))?;
    let found = command(tree, &[SIM, &words].concat())?.output()?;
    let text = String::from_utf8_lossy(&found.stdout);
    let last = text.lines().last().unwrap_or_default();
    let counts: Vec<u64> = last.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [seeds, violations] = counts[..] else {
        bail!("{}: the simulator did not end as it should: {last:?}", fault.name);
    };
    let rule =
        text.lines().find_map(|line| line.strip_prefix("seed ")?.split_once(": ")).map(|(_, rule)| rule);
    Ok((violations > 0).then(|| Found { seeds, rule: rule.unwrap_or("?").to_owned() }))
}
