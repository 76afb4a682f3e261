//! The same tokens and deliveries, thousands of them, judged by us and by Clerk's own SDK for Node.
//!
//! Where the two differ, [`stricter`] says why; a difference it does not explain, and an explanation that
//! explains nothing, fail the run. Needs `node` (20 or newer) and `npm`.
//!
//! `CLERK_SYNC_DIFFERENTIAL=full` for 20 000 tokens and 12 000 deliveries, `CLERK_SYNC_SEED` to see a run again.

mod deliveries;
mod members;
mod sdk;
mod stricter;
mod tokens;

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use stricter::Rule;

/// What one side says of a case: what it has read, or the word for its refusal.
type Verdict = Result<Value, String>;

/// Something both sides judge.
trait Case {
    /// What was done to something right.
    fn mutation(&self) -> &str;
    /// The case as the SDK's judge wants it.
    fn line(&self) -> Value;
}

/// A fresh seed, or the one asked for.
fn seed() -> u64 {
    match std::env::var("CLERK_SYNC_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => rand::random(),
    }
}

/// How many cases: a few, or enough to meet every rule.
fn count(few: usize, full: usize) -> usize {
    if is_full() { full } else { few }
}

fn is_full() -> bool {
    std::env::var("CLERK_SYNC_DIFFERENTIAL").is_ok_and(|word| word == "full")
}

fn pick<T: Copy>(dice: &mut StdRng, from: &[T]) -> T {
    from[dice.random_range(0..from.len())]
}

/// Compares verdict by verdict; every difference needs its rule, and every rule its difference.
#[expect(clippy::print_stdout, reason = "the counts are what the run is for; they show with --nocapture")]
fn compare<C: Case>(what: &str, seed: u64, judged: &[(C, Verdict)], theirs: &[Verdict], rules: &[Rule<C>]) {
    assert_eq!(judged.len(), theirs.len());
    let mut explained: BTreeMap<&str, usize> = rules.iter().map(|rule| (rule.name, 0)).collect();
    let (mut both_accept, mut both_refuse, mut unexplained) = (0, 0, Vec::new());
    for ((case, ours), theirs) in judged.iter().zip(theirs) {
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) if ours == theirs => both_accept += 1,
            (Err(_), Err(_)) => both_refuse += 1,
            _ => match rules.iter().find(|rule| (rule.explains)(case, ours, theirs)) {
                Some(rule) => *explained.entry(rule.name).or_default() += 1,
                None => unexplained.push(format!(
                    "{}\n    ours:   {ours:?}\n    theirs: {theirs:?}\n    {:.2000}",
                    case.mutation(),
                    case.line().to_string()
                )),
            },
        }
    }
    println!("{what}, seed {seed}: {both_accept} accepted and {both_refuse} refused by both");
    for rule in rules {
        println!("  {:>5}  {}: {}", explained[rule.name], rule.name, rule.reason);
    }
    let total = unexplained.len();
    unexplained.truncate(8);
    assert!(
        unexplained.is_empty(),
        "{total} unexplained differences, CLERK_SYNC_SEED={seed}\n  {}",
        unexplained.join("\n  ")
    );
    let dead: Vec<_> = explained.into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect();
    // A short run may miss what is rare; a rule a full one never needs has no reason to be there.
    assert!(dead.is_empty() || !is_full(), "CLERK_SYNC_SEED={seed}: nothing differs by {dead:?}");
    assert!(both_accept * 20 > judged.len(), "hardly anything is accepted, CLERK_SYNC_SEED={seed}");
}

#[tokio::test]
async fn tokens_get_the_verdicts_of_clerks_sdk() {
    let (seed, server) = (seed(), tokens::jwks_server().await);
    let (ours, mut dice) = (tokens::Ours::new(&server.url), StdRng::seed_from_u64(seed));
    let mut judged = Vec::new();
    for index in 0..count(2_500, 20_000) {
        let case = tokens::case(index, &mut dice);
        let verdict = ours.judge(&case).await;
        judged.push((case, verdict));
    }
    let theirs = sdk::judge(&server.url, judged.iter().map(|(case, _)| case.line())).await;
    compare("tokens", seed, &judged, &theirs, stricter::TOKENS);
}

#[tokio::test]
async fn deliveries_get_the_verdicts_of_clerks_sdk() {
    let seed = seed();
    let mut dice = StdRng::seed_from_u64(seed);
    let cases = (0..count(1_500, 12_000)).map(|index| deliveries::case(index, &mut dice));
    let judged: Vec<_> = cases.map(|case| (deliveries::ours(&case), case)).map(|(a, b)| (b, a)).collect();
    let theirs = sdk::judge("http://127.0.0.1:1", judged.iter().map(|(case, _)| case.line())).await;
    compare("deliveries", seed, &judged, &theirs, stricter::DELIVERIES);
}
