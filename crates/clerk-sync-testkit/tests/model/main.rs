//! Every state of the protocol there is, within scopes that are printed: two users who share an address,
//! creation, update, deletion, look-ups with stale answers, webhooks doubled, reordered and replayed, repairs,
//! sweeps, two replicas, a death between any two steps. What is decided is decided by `decide` itself.
//!
//! ```text
//! cargo test -p clerk-sync-testkit --test model
//! cargo test -p clerk-sync-testkit --test model --release -- --full
//! cargo test -p clerk-sync-testkit --test model -- --scope "shared address" --max-states 1000000
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program that is a test"
)]

mod clerk;
mod invariants;
mod ledger;
mod replica;
mod scopes;
mod search;
mod tell;
mod violation;
mod world;

use clerk::Clerk;
use replica::Replica;
use scopes::{SCOPES, Scope};
use search::{Limits, Visit, search};
use world::Stage;

fn visit(scope: &Scope, limits: Limits) -> Visit {
    let mut stage = Stage {
        clerk: Clerk::new(scope.script),
        bounds: scope.bounds,
        concurrency: scope.concurrency,
        protocol: Replica::new(scope.claims),
    };
    search(&mut stage, limits)
}

fn main() {
    let limits = Limits { max_states: 20_000_000, stop_at_first: true };
    for scope in SCOPES {
        let v = visit(scope, limits);
        println!("{} states {} depth {} quiet {} {:.1}s cut {}", scope.name, v.states, v.depth, v.quiet, v.seconds, v.cut_off);
        for (violation, found) in &v.found {
            println!("  {violation} after {} states", found.after);
            for l in &found.trace { println!("    {l}"); }
        }
    }
}
