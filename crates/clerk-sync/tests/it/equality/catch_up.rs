use clerk_sync::{EqualSettings, EqualState, SilenceCause};
use clerk_sync_core::port::Order;
use clerk_sync_core::{DirectoryError, Timestamp};

use super::{later, populated, user};
use crate::harness::stage::{Stage, now};
use crate::harness::{Person, World};

/// The default period, in milliseconds.
const PERIOD: i64 = 30_000;

/// A server that is running, and has taken everybody over.
struct Live {
    world: World,
    stage: Stage<()>,
}

impl Live {
    fn with(count: usize) -> Self {
        Self::polling(count, EqualSettings::default().catch_up_ms)
    }

    fn polling(count: usize, catch_up_ms: u64) -> Self {
        let settings = EqualSettings { catch_up_ms, sweep_every_ms: 0, ..EqualSettings::default() };
        let world = populated(count).rebuilt(|builder| builder.equality(settings));
        let mut live = Self { stage: Stage::new(&world), world };
        live.stage.employ(&live.world);
        live.pass(60_000);
        live.world.expect_equal();
        live
    }

    /// Lets time pass.
    fn pass(&mut self, millis: i64) {
        self.stage.settle();
        for _ in 0..millis / 250 {
            self.world.clock.advance(250);
            self.stage.settle();
        }
    }

    /// How long until the rows are Clerk's users, in milliseconds.
    fn until_equal(&mut self) -> i64 {
        for waited in 0..1_000 {
            let records = self.world.store_records();
            let equal = records.len() == self.world.clerk.len()
                && records.iter().all(|record| {
                    let truth = self.world.clerk.truth(&record.id);
                    !record.is_dirty() && truth.is_some_and(|truth| truth.profile == record.profile)
                });
            if equal {
                return waited * 250;
            }
            self.pass(250);
        }
        panic!("it never becomes equal");
    }

    fn rename(&self, number: usize, name: &str, version: Timestamp) {
        let mut renamed = later(&user(number), version);
        renamed.profile.first_name = Some(name.into());
        self.world.clerk.put(renamed);
    }

    fn state(&self) -> EqualState {
        let sync = self.world.sync.clone();
        now(&self.world, async move { sync.equality().await.unwrap() })
    }

    /// Polls since this was asked last.
    fn polls(&self, since: &mut usize) -> usize {
        let pages = self.world.clerk.pages();
        let polls = pages.iter().filter(|page| page.order == Order::NewestVersion).count();
        let new = polls - *since;
        *since = polls;
        new
    }

    fn sign_up_unheard(&self, number: usize) {
        let mut new = later(&user(number), self.world.now());
        new.profile.created_at = Some(self.world.now());
        self.world.clerk.put(new);
    }

    fn webhook(&mut self, name: &str) {
        let person = Person::new(name, self.world.now());
        self.world.put(&person);
        let event = person.event("user.created", self.world.now());
        now(&self.world, self.world.deliver(name, &event)).unwrap();
    }
}

#[test]
fn a_server_takes_everybody_over_by_itself() {
    let live = Live::with(700);
    assert!(live.world.clerk.pages().iter().filter(|page| page.order == Order::Created).count() >= 2);
}

#[test]
fn a_change_no_webhook_tells_of_is_there_within_a_period() {
    let mut live = Live::with(100);
    for round in 0..3 {
        live.rename(5, &format!("Zoe{round}"), live.world.now());
        live.sign_up_unheard(7_000 + round);
        let waited = live.until_equal();
        assert!(waited <= PERIOD, "{waited} ms");
        live.pass(7_000);
    }
}

#[test]
fn polling_more_often_than_a_repair_takes_does_not_outrun_it() {
    let mut live = Live::polling(100, 250);
    let before = user(5);
    live.rename(5, "Zoe", before.version.unwrap());
    let waited = live.until_equal();
    assert!(waited <= PERIOD, "{waited} ms");
}

#[test]
fn a_deletion_no_webhook_tells_of_is_found_by_counting_and_confirmed_twice() {
    let mut live = Live::with(100);
    live.world.clerk.remove(&user(5).id);
    let asked = live.world.clerk.calls(&user(5).id);
    let waited = live.until_equal();
    // One period, and a confirmation: the staleness bound, Clerk, the bound again.
    assert!(waited <= PERIOD + 6_000, "{waited} ms");
    assert!(live.world.is_gone(&user(5).id));
    assert_eq!(live.world.clerk.calls(&user(5).id), asked + 2);
}

/// Somebody comes while somebody goes: the number of users says nothing until the newcomer is there.
#[test]
fn a_sign_up_does_not_hide_a_deletion() {
    let mut live = Live::with(100);
    live.world.clerk.remove(&user(5).id);
    live.sign_up_unheard(7_000);
    let waited = live.until_equal();
    assert!(waited <= PERIOD + 6_000, "{waited} ms");
}

/// Many changes carry one version, and one of them was not in the list; so was one a little older.
#[test]
fn an_equal_version_that_shows_up_later_is_seen() {
    let mut live = Live::with(100);
    let version = live.world.now();
    // More than are listed at once.
    (20..80).for_each(|number| live.rename(number, "Zoe", version));
    live.until_equal();
    for (number, behind) in [(5, 0), (6, 1_500), (8, 2_000)] {
        live.rename(number, "Yve", version.plus_millis(-behind));
        let waited = live.until_equal();
        assert!(waited <= PERIOD, "{behind} ms behind: {waited} ms");
    }
}

#[test]
fn more_changes_than_a_page_are_read_to_the_end() {
    let mut live = Live::with(1_300);
    for number in 0..1_300 {
        live.rename(number, "Zoe", live.world.now().plus_millis(i64::try_from(number).unwrap() % 7));
    }
    let waited = live.until_equal();
    // Those who share an address are asked about by id as well.
    assert!(waited <= PERIOD + 3_000, "{waited} ms");
}

/// An empty list is one that was read to the end.
#[test]
fn where_nobody_was_everybody_is_news() {
    let mut live = Live::with(0);
    let walks =
        |live: &Live| live.world.clerk.pages().iter().filter(|page| page.order == Order::Created).count();
    let walked = walks(&live);
    // More than are listed at once.
    (0..80).for_each(|number| live.sign_up_unheard(number));
    let waited = live.until_equal();
    assert!(waited <= PERIOD, "{waited} ms");
    assert_eq!(walks(&live), walked, "only a sweep has found them");
}

#[test]
fn who_is_pulled_past_the_overlap_of_two_pages_is_seen() {
    let mut live = Live::with(10);
    (100..220).for_each(|number| {
        let moment = live.world.now().plus_millis(i64::try_from(number).unwrap() - 220);
        live.world.clerk.put(later(&user(number), moment));
    });
    live.world.clerk.hold();
    let asked = live.world.clerk.pages().len();
    while live.world.clerk.pages().len() == asked {
        live.pass(250);
    }
    let clerk = live.world.clerk.clone();
    clerk.release(1);
    live.stage.settle();
    // The first page, the fifty newest, is here, and forty of them go before the second is made.
    (180..220).for_each(|number| clerk.remove(&user(number).id));
    clerk.release(2);
    live.stage.settle();
    assert!(live.world.entries().contains_key(&user(160).id));
    let lists = live.world.clerk.pages().split_off(asked);
    assert!(lists[..3].iter().all(|page| page.order == Order::NewestVersion), "{lists:?}");
}

#[test]
fn replicas_poll_as_one() {
    let mut live = Live::with(10);
    let settings = EqualSettings { sweep_every_ms: 0, ..EqualSettings::default() };
    for _ in 0..2 {
        let other = live.world.another().rebuilt(|builder| builder.equality(settings.clone()));
        live.stage.employ(&other);
    }
    let mut since = 0;
    live.polls(&mut since);
    live.pass(10 * PERIOD);
    let polls = live.polls(&mut since);
    assert!((9..=11).contains(&polls), "{polls} polls in ten periods");
}

#[test]
fn it_polls_less_while_webhooks_flow_and_more_while_they_are_silent() {
    let mut live = Live::with(10);
    let mut since = 0;
    live.polls(&mut since);
    for round in 0..20 {
        live.webhook(&format!("flow{round}"));
        live.pass(PERIOD / 2);
    }
    let flowing = live.polls(&mut since);
    live.pass(10 * PERIOD);
    let quiet = live.polls(&mut since);
    live.sign_up_unheard(7_000);
    live.pass(600_000 + PERIOD);
    assert!(live.state().silent.is_some());
    live.polls(&mut since);
    live.pass(10 * PERIOD);
    let silent = live.polls(&mut since);
    assert!(
        (4..=6).contains(&flowing) && (9..=10).contains(&quiet) && (29..=31).contains(&silent),
        "in ten periods {flowing} while flowing, {quiet} while quiet, {silent} while silent"
    );
}

#[test]
fn silence_is_told_of_and_ends_with_the_next_webhook() {
    let mut live = Live::with(10);
    live.pass(1_200_000);
    assert_eq!(live.state().silent, None, "nobody has signed up");
    live.sign_up_unheard(7_000);
    live.pass(590_000);
    assert_eq!(live.state().silent, None, "it may still come");
    live.pass(PERIOD + 10_000);
    assert_eq!(live.state().silent.unwrap().cause, SilenceCause::NeverCame);
    // Another process shows the same.
    let (sync, world) = (live.world.another().sync, &live.world);
    assert!(now(world, async move { sync.equality().await.unwrap() }).silent.is_some());
    let warnings = {
        let sync = live.world.sync.clone();
        now(&live.world, async move { sync.warnings().await })
    };
    assert!(warnings.iter().any(|warning| warning.contains("no webhook has ever come")), "{warnings:?}");
    live.webhook("heard");
    live.pass(PERIOD);
    assert_eq!(live.state().silent, None);
    live.sign_up_unheard(7_001);
    live.pass(600_000 + PERIOD);
    assert_eq!(live.state().silent.unwrap().cause, SilenceCause::Stopped);
}

#[test]
fn a_poll_that_fails_moves_no_watermark() {
    let mut live = Live::with(10);
    live.rename(5, "Zoe", live.world.now());
    let unavailable = DirectoryError::Unavailable { retry_after_ms: 1_000, reason: "planned".into() };
    live.world.clerk.fail_page(unavailable);
    let waited = live.until_equal();
    assert!((PERIOD / 2..=2 * PERIOD).contains(&waited), "{waited} ms");
}

/// Missing users are not believed to be deleted when there are many of them, whoever asks.
#[test]
fn the_brake_holds_what_counting_finds() {
    let mut live = Live::with(200);
    (0..60).for_each(|number| live.world.clerk.remove(&user(number).id));
    live.pass(10 * PERIOD);
    assert_eq!(live.world.store_records().len(), 200);
    assert_eq!(live.state().brake.unwrap().missing, 60);
}

/// The key turns out to be another instance's only after the server has started.
#[test]
fn a_wrong_key_known_late_deletes_nobody() {
    let live = Live::with(20);
    let Live { world, stage } = live;
    drop(stage);
    let settings = EqualSettings { sweep_every_ms: 60_000, ..EqualSettings::default() };
    let world = world.untold_with(settings);
    world.clerk.become_instance("ins_other");
    (0..20).for_each(|number| world.clerk.remove(&user(number).id));
    let mut live = Live { stage: Stage::new(&world), world };
    live.stage.employ(&live.world);
    live.pass(600_000);
    assert_eq!(live.world.store_records().len(), 20);
    let sync = live.world.sync.clone();
    let warnings = now(&live.world, async move { sync.warnings().await });
    assert!(warnings.iter().any(|warning| warning.contains("another Clerk instance")), "{warnings:?}");
}
