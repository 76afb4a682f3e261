//! Retries, the budget and the circuit breaker.

use std::sync::Arc;

use clerk_sync::clerk::api::{ApiSettings, BreakerSettings, BudgetSettings, CallOutcome, ClerkApi};
use clerk_sync_core::port::{Clock as _, Directory as _, Lane};
use clerk_sync_core::{DirectoryError, Timestamp};

use crate::api_answers::{found, settings, user};
use crate::support::NOW;
use crate::support::clock::ManualClock;
use crate::support::server::{Server, Told};

struct World {
    server: Server,
    clock: Arc<ManualClock>,
    api: ClerkApi,
}

impl World {
    async fn new(answers: impl IntoIterator<Item = Told>, change: impl FnOnce(&mut ApiSettings)) -> Self {
        let server = Server::start(answers).await;
        let clock = Arc::new(ManualClock::at(NOW));
        let mut settings = settings(&server.url);
        change(&mut settings);
        let api = ClerkApi::new(settings, clock.clone()).unwrap();
        Self { server, clock, api }
    }

    async fn ask(&self, lane: Lane) -> Result<bool, DirectoryError> {
        self.api.user(&user(), lane).await.map(|user| user.is_some())
    }
}

fn down() -> Told {
    Told::json(500, "{}")
}

fn throttled(retry_after: &str) -> Told {
    Told::json(429, "{}").with_header("retry-after", retry_after)
}

#[tokio::test]
async fn what_may_pass_is_tried_three_times_with_growing_pauses() {
    let world = World::new([down(), down(), found()], |_| {}).await;
    assert_eq!(world.ask(Lane::Lookup).await, Ok(true));
    assert_eq!(world.server.seen(), 3);
    let slept = world.clock.slept();
    assert_eq!(slept.len(), 2);
    assert!((125..=250).contains(&slept[0]) && (250..=500).contains(&slept[1]), "{slept:?}");

    let world = World::new([down()], |_| {}).await;
    assert!(world.ask(Lane::Lookup).await.is_err());
    assert_eq!(world.server.seen(), 3);
    assert_eq!(world.api.counts().of(CallOutcome::Unavailable), 1);
    assert_eq!(world.api.counts().attempts, 3);
}

#[tokio::test]
async fn pauses_differ_by_seed() {
    let mut pauses = Vec::new();
    for seed in [1, 1, 2, 3] {
        let world = World::new([down(), down(), found()], |settings| settings.jitter_seed = seed).await;
        world.ask(Lane::Lookup).await.unwrap();
        pauses.push(world.clock.slept());
    }
    assert_eq!(pauses[0], pauses[1]);
    assert!(pauses[0] != pauses[2] || pauses[0] != pauses[3]);
}

#[tokio::test]
async fn what_stays_is_not_tried_again() {
    let answers = [
        "400_bad_request",
        "401_clerk_key_invalid",
        "404_resource_not_found_user",
        "409_user_managed_by_scim",
    ];
    for name in answers {
        let world = World::new([Told::fixture(&format!("errors/{name}.json")), found()], |_| {}).await;
        assert_ne!(world.ask(Lane::Lookup).await, Ok(true), "{name}");
        assert_eq!(world.server.seen(), 1, "{name}");
    }
    let redirect = Told::json(302, "").with_header("location", "http://127.0.0.1:1/");
    let world = World::new([redirect, found()], |_| {}).await;
    assert!(world.ask(Lane::Lookup).await.is_err());
    assert_eq!(world.server.seen(), 1);
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for() {
    for (told, pause) in [(throttled("2"), 2_000), (Told::json(429, "{}"), 1_000), (throttled("soon"), 1_000)]
    {
        let world = World::new([told, found()], |_| {}).await;
        assert_eq!(world.ask(Lane::Lookup).await, Ok(true));
        assert_eq!(world.clock.slept(), [pause]);
    }
}

#[tokio::test]
async fn a_long_retry_after_holds_every_lane_back() {
    let world = World::new([throttled("7"), found()], |_| {}).await;
    assert_eq!(world.ask(Lane::Sweep).await, Err(DirectoryError::Throttled { retry_after_ms: 7_000 }));
    world.clock.advance(4_000);
    for lane in [Lane::Lookup, Lane::Repair, Lane::Sweep] {
        assert_eq!(world.ask(lane).await, Err(DirectoryError::Throttled { retry_after_ms: 3_000 }));
    }
    assert_eq!(world.server.seen(), 1, "nothing left meanwhile");
    world.clock.advance(3_000);
    assert_eq!(world.ask(Lane::Lookup).await, Ok(true));

    // A server error may ask for the same.
    let world = World::new([Told::fixture("errors/503_service_unavailable.json"), found()], |_| {}).await;
    assert_eq!(world.ask(Lane::Lookup).await.unwrap_err().retry_after_ms(), 30_000);
    assert_eq!(world.ask(Lane::Lookup).await.unwrap_err().kind(), "throttled");
    assert_eq!(world.server.seen(), 1);

    // A wrong number does not silence us for days.
    let world = World::new([throttled("99999999999999999999")], |_| {}).await;
    assert_eq!(world.ask(Lane::Lookup).await.unwrap_err().retry_after_ms(), 300_000);
}

fn budget(settings: &mut ApiSettings) {
    settings.budget = BudgetSettings { requests: 100, share_percent: 80, sweep_percent: 100 };
}

#[tokio::test]
async fn lower_lanes_leave_a_reserve() {
    // 20 at once, then 8 a second. A sweep leaves 10, a repair 2.
    let world = World::new([found()], budget).await;
    for lane in [(Lane::Sweep, 10), (Lane::Repair, 8)] {
        for _ in 0..lane.1 {
            assert_eq!(world.ask(lane.0).await, Ok(true));
        }
        assert_eq!(world.ask(lane.0).await, Err(DirectoryError::Throttled { retry_after_ms: 125 }));
    }
    assert!(world.ask(Lane::Sweep).await.unwrap_err().retry_after_ms() > 1_000);
    for _ in 0..2 {
        assert_eq!(world.ask(Lane::Lookup).await, Ok(true));
    }
    assert!(world.clock.slept().is_empty(), "so far nobody waited");
    assert_eq!(world.api.counts().of(CallOutcome::HeldBack), 3);
    // A lookup takes the next one to come, and waits for it.
    assert_eq!(world.ask(Lane::Lookup).await, Ok(true));
    assert_eq!(world.clock.slept(), [125]);
}

/// A twentieth of the limit is there at once, and of the share half comes in over time.
#[test]
fn how_long_pages_take_at_least() {
    let budget = BudgetSettings::PRODUCTION;
    assert_eq!([0, 50, 51, 450].map(|calls| budget.pages_ms(calls)), [0, 0, 25, 10_000]);
    // However little there is, it comes to an end.
    let least = BudgetSettings { requests: 0, share_percent: 0, sweep_percent: 0 };
    assert!(least.pages_ms(2) > 0);
}

#[tokio::test]
async fn over_time_a_sweep_has_its_part_and_no_more() {
    let world = World::new([found()], |settings| {
        budget(settings);
        settings.budget.sweep_percent = 25;
    })
    .await;
    let begin = world.clock.now();
    let mut asked = 0;
    while world.clock.now() < begin.plus_millis(60_000) {
        match world.ask(Lane::Sweep).await {
            Ok(_) => asked += 1,
            Err(error) => world.clock.advance(i64::try_from(error.retry_after_ms()).unwrap()),
        }
    }
    // A quarter of 8 a second, and what it had at the start.
    assert!((120..=123).contains(&asked), "{asked}");
    assert_eq!(world.ask(Lane::Repair).await, Ok(true), "the others have theirs");
}

#[tokio::test]
async fn lookups_do_not_queue_for_longer_than_they_may() {
    let world = World::new([found()], |settings| {
        budget(settings);
        settings.max_wait_ms = 100;
    })
    .await;
    for _ in 0..20 {
        assert_eq!(world.ask(Lane::Lookup).await, Ok(true));
    }
    assert_eq!(world.ask(Lane::Lookup).await, Err(DirectoryError::Throttled { retry_after_ms: 125 }));
    assert_eq!(world.server.seen(), 20);
}

#[tokio::test]
async fn no_ten_seconds_see_more_than_clerks_limit() {
    let world = World::new([found()], budget).await;
    // What was not used in an hour is not saved up.
    world.clock.advance(3_600_000);
    let begin = world.clock.now();
    let mut asked: Vec<Timestamp> = Vec::new();
    while world.clock.now() < begin.plus_millis(40_000) {
        world.ask(Lane::Lookup).await.unwrap();
        asked.push(world.clock.now());
    }
    for (index, first) in asked.iter().enumerate() {
        let within = asked[index..].iter().take_while(|at| at.millis_since(*first) < 10_000).count();
        assert!(within <= 100, "{within}");
    }
    // And over time the share is used: 20 and 8 a second.
    assert!((335..=345).contains(&asked.len()), "{}", asked.len());
}

fn breaker(settings: &mut ApiSettings) {
    settings.max_attempts = 1;
    settings.breaker = BreakerSettings { failures: 3, open_ms: 5_000, max_open_ms: 12_000 };
}

#[tokio::test]
async fn after_failures_in_a_row_clerk_is_left_alone() {
    let world = World::new([down()], breaker).await;
    for _ in 0..3 {
        assert!(world.ask(Lane::Lookup).await.is_err());
    }
    assert!(world.api.is_circuit_open());
    world.clock.advance(2_000);
    let error = world.ask(Lane::Lookup).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after_ms()), ("unavailable", 3_000));
    assert_eq!(world.server.seen(), 3);
    // One probe, which fails: twice as long, but not for ever longer.
    for (pause, open) in [(3_000, 10_000), (10_000, 12_000), (12_000, 12_000)] {
        world.clock.advance(pause);
        let seen = world.server.seen();
        assert!(world.ask(Lane::Lookup).await.is_err());
        assert_eq!(world.server.seen(), seen + 1);
        assert_eq!(world.ask(Lane::Lookup).await.unwrap_err().retry_after_ms(), open);
        assert_eq!(world.server.seen(), seen + 1);
    }
    world.clock.advance(12_000);
    world.server.tell([found()]);
    assert_eq!(world.ask(Lane::Lookup).await, Ok(true));
    assert!(!world.api.is_circuit_open());
    // It starts from the beginning.
    world.server.tell([down()]);
    for _ in 0..2 {
        assert!(world.ask(Lane::Lookup).await.is_err());
    }
    assert!(!world.api.is_circuit_open());
}

#[tokio::test]
async fn an_answer_ends_a_row_of_failures() {
    let gone = Told::fixture("errors/404_resource_not_found_user.json");
    for answer in [found(), gone, Told::json(401, "{}"), throttled("0")] {
        let world = World::new([down(), down(), answer, down(), down(), found()], breaker).await;
        for _ in 0..5 {
            let _ = world.ask(Lane::Lookup).await;
        }
        assert_eq!(world.ask(Lane::Lookup).await, Ok(true));
    }
}

#[tokio::test]
async fn retries_stop_once_the_breaker_is_open() {
    let world = World::new([down()], |settings| settings.breaker.failures = 2).await;
    let error = world.ask(Lane::Lookup).await.unwrap_err();
    assert_eq!(world.server.seen(), 2);
    assert!(error.retry_after_ms() >= 4_000, "{error:?}");
}

#[tokio::test]
async fn one_probe_at_a_time_and_one_that_is_dropped_makes_room() {
    let server = Server::start_held([down()]).await;
    let clock = Arc::new(ManualClock::at(NOW));
    let mut settings = settings(&server.url);
    breaker(&mut settings);
    settings.breaker.failures = 1;
    let api = Arc::new(ClerkApi::new(settings, clock.clone()).unwrap());
    let ask = || {
        let api = Arc::clone(&api);
        tokio::spawn(async move { api.user(&user(), Lane::Lookup).await.map(|user| user.is_some()) })
    };
    let first = ask();
    server.arrived().await;
    server.release(1);
    assert!(first.await.unwrap().is_err());
    server.tell([found()]);
    clock.advance(5_000);
    let probe = ask();
    server.arrived().await;
    assert_eq!(ask().await.unwrap().unwrap_err().kind(), "unavailable");
    assert_eq!(server.seen(), 2, "while a probe is under way nobody else asks");
    probe.abort();
    assert!(probe.await.unwrap_err().is_cancelled());
    server.release(2);
    assert_eq!(ask().await.unwrap(), Ok(true));
    assert!(!api.is_circuit_open());
}
