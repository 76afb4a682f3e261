//! The whole table against Clerk: while users come and go, pages shift, processes die and keys are wrong.

mod backfill;
mod sweep;

use std::collections::BTreeMap;

use clerk_sync_core::{Entry, Profile, Record, Snapshot, Timestamp, UserId};
use clerk_sync_testkit::sample::{at, email, user_id};

use crate::harness::World;
use crate::harness::stage::Stage;

/// User number `number`, created in the order of the numbers. Names come again and again, some addresses too.
fn user(number: usize) -> Snapshot {
    let number_ms = i64::try_from(number).unwrap();
    let address = format!("mail{}@example.com", if number % 100 == 7 { 7 } else { number });
    Snapshot {
        id: user_id(&format!("{number:05}")),
        version: Some(at(-1_000_000 + number_ms)),
        profile: Profile {
            email: Some(clerk_sync_core::EmailClaim { address: email(&address), verified: true }),
            first_name: Some(["Ada", "Bea", "Cid"][number % 3].into()),
            created_at: Some(at(-1_000_000 + number_ms)),
            ..Profile::default()
        },
        last_sign_in_at: None,
    }
}

/// Clerk has users `0..count`.
fn populated(count: usize) -> World {
    let world = World::in_memory();
    (0..count).for_each(|number| world.clerk.put(user(number)));
    world
}

/// Runs to the end; time passes whenever nothing else moves.
fn finish<T: Send + 'static>(world: &World, future: impl Future<Output = T> + Send + 'static) -> T {
    let mut stage = Stage::new(world);
    stage.enter(future);
    for _ in 0..10_000 {
        if let Some((_, answer)) = stage.settle().pop() {
            return answer;
        }
        world.clock.advance(250);
    }
    panic!("it never ends");
}

/// Lets the repairs work until nobody is dirty.
fn repair(world: &World) {
    let mut stage = Stage::<()>::new(world);
    stage.employ(world);
    for _ in 0..2_000 {
        stage.settle();
        if world.store_records().iter().all(|record| !record.is_dirty()) {
            return;
        }
        world.clock.advance(500);
    }
    panic!("somebody stays dirty");
}

impl World {
    fn entries(&self) -> BTreeMap<UserId, Entry> {
        let mut entries = BTreeMap::new();
        loop {
            let after = entries.last_key_value().map(|(id, _): (&UserId, &Entry)| id.clone());
            let mut page = std::pin::pin!(self.store.entries(after.as_ref(), 1_000));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let std::task::Poll::Ready(page) = page.as_mut().poll(&mut context) else { panic!("it waits") };
            let page = page.unwrap();
            if page.is_empty() {
                return entries;
            }
            entries.extend(page.into_iter().map(|entry| (entry.id().clone(), entry)));
        }
    }

    fn store_records(&self) -> Vec<Record> {
        self.entries().into_values().filter_map(|entry| entry.live().cloned()).collect()
    }

    /// The rows are Clerk's users, each with Clerk's content, and nobody else has one.
    fn expect_equal(&self) {
        let records = self.store_records();
        for record in &records {
            let truth =
                self.clerk.truth(&record.id).unwrap_or_else(|| panic!("{} is not in Clerk", record.id));
            assert_eq!((record.version, &record.profile), (truth.version, &truth.profile));
        }
        assert_eq!(records.len(), self.clerk.len());
    }

    fn is_gone(&self, id: &UserId) -> bool {
        matches!(self.entries().get(id), Some(Entry::Gone(_)))
    }
}

fn later(snapshot: &Snapshot, now: Timestamp) -> Snapshot {
    Snapshot { version: Some(now), ..snapshot.clone() }
}
