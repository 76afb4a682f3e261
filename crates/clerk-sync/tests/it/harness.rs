//! One `ClerkSync` with every port in hand, and an executor that runs until nothing moves.

pub(crate) mod probe;
pub(crate) mod stage;
pub(crate) mod wire;

use std::sync::Arc;

use clerk_sync::clerk::session::SessionRules;
use clerk_sync::clerk::snapshot_from_user;
use clerk_sync::{Builder, ClerkSync, EqualSettings, Receipt, Refusal, User, WebhookRefusal};
use clerk_sync_core::Timestamp;
use clerk_sync_core::port::Clock as _;
use clerk_sync_sqlite::{Options, SqliteStore, Synchronous};
use clerk_sync_testkit::sample::NOW;
use clerk_sync_testkit::{FakeDirectory, ManualClock, MemoryStore, StoreAndInspect};
use serde_json::{Value, json};

use probe::{Calls, Probe, ProbeDirectory};
pub(crate) use wire::Person;

/// The library and its world.
pub(crate) struct World {
    pub(crate) sync: ClerkSync,
    pub(crate) store: Arc<dyn StoreAndInspect>,
    pub(crate) clerk: Arc<FakeDirectory>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) calls: Arc<Calls>,
}

impl World {
    pub(crate) fn in_memory() -> Self {
        Self::on(Arc::new(MemoryStore::new()))
    }

    /// On a real database of its own; what it survives is tested elsewhere.
    pub(crate) fn on_sqlite() -> Self {
        let options = Options::default().synchronous(Synchronous::Normal);
        Self::on(Arc::new(SqliteStore::open_temporary(options).unwrap()))
    }

    fn on(store: Arc<dyn StoreAndInspect>) -> Self {
        let (clerk, clock) = (Arc::default(), Arc::new(ManualClock::new(NOW)));
        let calls = Arc::default();
        let sync = build(&store, &clerk, &clock, &calls, |builder| builder);
        Self { sync, store, clerk, clock, calls }
    }

    /// The same world with a process just started, built as `change` says.
    pub(crate) fn rebuilt(self, change: impl FnOnce(Builder) -> Builder) -> Self {
        let sync = build(&self.store, &self.clerk, &self.clock, &self.calls, change);
        Self { sync, ..self }
    }

    /// The same world with a process that was not told which instance is ours.
    pub(crate) fn untold(self) -> Self {
        let sync = builder(&self.store, &self.clerk, &self.clock, &self.calls).build().unwrap();
        Self { sync, ..self }
    }

    /// Another process in the same world: it shares the database and Clerk, and no memory.
    pub(crate) fn another(&self) -> Self {
        let (store, clerk) = (Arc::clone(&self.store), Arc::clone(&self.clerk));
        let (clock, calls) = (Arc::clone(&self.clock), Arc::clone(&self.calls));
        let sync = build(&store, &clerk, &clock, &calls, |builder| builder);
        Self { sync, store, clerk, clock, calls }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes it Clerk's truth about a user.
    pub(crate) fn put(&self, person: &Person) {
        self.clerk.put(snapshot_from_user(person.user().to_string().as_bytes()).unwrap());
    }

    /// Somebody with a verified address, known to Clerk from now on.
    pub(crate) fn sign_up(&self, name: &str) -> Person {
        let person = Person::new(name, self.now());
        self.put(&person);
        person
    }

    /// A valid session token.
    pub(crate) fn token(&self, name: &str) -> String {
        wire::token_with(name, self.now(), json!({}))
    }

    /// Delivers a body as message `msg_<id>`.
    pub(crate) fn deliver(
        &self,
        id: &str,
        body: &str,
    ) -> impl Future<Output = Result<Receipt, WebhookRefusal>> + Send + use<> {
        let (sync, now, body) = (self.sync.clone(), self.now(), body.to_owned());
        let headers = wire::webhook_headers(&format!("msg_{id}"), &body, now);
        async move { sync.receive(&headers, body.as_bytes()).await }
    }

    /// Asks for the user of a valid token.
    pub(crate) fn me(
        &self,
        name: &str,
        hold_ms: u64,
    ) -> impl Future<Output = Result<User, Refusal>> + Send + use<> {
        self.me_with(name, hold_ms, json!({}))
    }

    /// The same with more claims in the token.
    pub(crate) fn me_with(
        &self,
        name: &str,
        hold_ms: u64,
        claims: Value,
    ) -> impl Future<Output = Result<User, Refusal>> + Send + use<> {
        let sync = self.sync.clone();
        let headers = wire::bearer(&wire::token_with(name, self.now(), claims));
        async move { sync.user(&headers, hold_ms).await }
    }
}

pub(crate) fn session_rules(required_claims: &[&str]) -> SessionRules {
    let mut rules = SessionRules::new(wire::ISSUER);
    rules.claims.required = required_claims.iter().map(ToString::to_string).collect();
    rules
}

fn build(
    store: &Arc<dyn StoreAndInspect>,
    clerk: &Arc<FakeDirectory>,
    clock: &Arc<ManualClock>,
    calls: &Arc<Calls>,
    change: impl FnOnce(Builder) -> Builder,
) -> ClerkSync {
    change(builder(store, clerk, clock, calls).instance_id(wire::INSTANCE)).build().unwrap()
}

fn builder(
    store: &Arc<dyn StoreAndInspect>,
    clerk: &Arc<FakeDirectory>,
    clock: &Arc<ManualClock>,
    calls: &Arc<Calls>,
) -> Builder {
    let store = Probe { inner: Arc::clone(store), calls: Arc::clone(calls) };
    let directory = ProbeDirectory { inner: Arc::clone(clerk), calls: Arc::clone(calls) };
    ClerkSync::builder()
        .store(Arc::new(store))
        .directory(Arc::new(directory))
        .clock(Arc::<ManualClock>::clone(clock))
        .sessions(session_rules(&[]))
        .keys(wire::keys())
        .webhook_secrets(wire::webhook_secrets())
        // Its scenarios ask for it; the others are about one user at a time.
        .equality(EqualSettings { catch_up_ms: 0, sweep_every_ms: 0, ..EqualSettings::default() })
}
