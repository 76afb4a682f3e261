//! What is known of users does not depend on the order in which it was learnt.
//!
//! A world is a few users who share addresses and names, each with a history in Clerk, and the facts that
//! come of it. The facts are delivered in random orders, repeated, with repairs in between; whatever the
//! order, what is stored in the end is what Clerk has.
//!
//! `CLERK_SYNC_PROPTEST_CASES` sets the number of cases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of a test")]

mod check;
mod run;
mod world;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use run::Run;
use world::{Plan, World, plan};

/// Cases in the normal run of the tests.
const CASES: u32 = 100_000;

fn orders() -> impl Strategy<Value = [Vec<u8>; 2]> {
    [vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..40)]
}

fn check_case(plan: &Plan, orders: &[Vec<u8>; 2]) -> Result<(), TestCaseError> {
    let world = World::of(plan);
    let mut ends = Vec::new();
    for (order, settle_backwards) in orders.iter().zip([false, true]) {
        let mut run = Run::new(&world);
        run.follow(order)?;
        run.settle(settle_backwards)?;
        check::against_truth(&world, &run)?;
        ends.push(check::comparable(&run));
    }
    if ends.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(TestCaseError::fail(format!("two orders, two ends: {ends:#?}")));
    }
    Ok(())
}

fn cases() -> u32 {
    std::env::var("CLERK_SYNC_PROPTEST_CASES").ok().map_or(CASES, |text| text.parse().expect("a number"))
}

/// Half of the cases each, so that two cores share the work.
fn run_half() {
    let config = Config { cases: cases().div_ceil(2), failure_persistence: None, ..Config::default() };
    let result =
        TestRunner::new(config).run(&(plan(), orders()), |(plan, orders)| check_case(&plan, &orders));
    if let Err(error) = result {
        panic!("{error}\n{}", trace(&error));
    }
}

/// The minimal failing case once more, step by step.
fn trace(error: &proptest::test_runner::TestError<(Plan, [Vec<u8>; 2])>) -> String {
    let proptest::test_runner::TestError::Fail(_, (plan, orders)) = error else { return String::new() };
    let world = World::of(plan);
    let mut text = format!("{world}");
    for (order, settle_backwards) in orders.iter().zip([false, true]) {
        let mut run = Run::tracing(&world);
        let end = run.follow(order).and_then(|()| run.settle(settle_backwards));
        let end = end.and_then(|()| check::against_truth(&world, &run));
        text += &format!("order {order:?}\n{}ends with {end:?}\n", run.trace());
    }
    text
}

#[test]
fn order_does_not_matter_1() {
    run_half();
}

#[test]
fn order_does_not_matter_2() {
    run_half();
}
