//! Users, their histories in Clerk, and the facts that come of them.

use std::fmt;

use clerk_sync_core::{Delivery, EmailClaim, Fact, Profile, Snapshot, Source, Timestamp, UserId, Via};
use clerk_sync_testkit::sample::{NOW, delivery, email, user_id, username};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Just, Strategy, any};
use proptest::{bool, prop_oneof};

/// What Clerk may say of a user. All users of a plan share a few of these, so that they clash, and so that
/// a user comes back to what it was before.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    email: u8,
    verified: bool,
    username: u8,
    first_name: u8,
}

/// One moment of a user's history.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Which of the plan's contents.
    content: u8,
    /// By how much the version grows: coarse clocks give two changes the same one.
    version: u8,
    /// When the user signed in before this moment: whether a webhook told of it.
    sign_in: Option<bool>,
    /// Whether the event is delivered; the last one always is.
    delivered: bool,
    /// Whether the event carries a version that can be believed.
    versioned: bool,
}

/// A fact beside the events, about a moment that may be long past when it comes.
#[derive(Debug, Clone)]
pub(crate) struct Extra {
    kind: u8,
    user: u8,
    step: u8,
    impersonated: bool,
}

/// What a case is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    contents: Vec<Content>,
    /// Whether Clerk's clock is so coarse that most changes get the same version.
    coarse: bool,
    users: Vec<(Vec<Step>, bool)>,
    extras: Vec<Extra>,
}

/// Any plan.
pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let content =
        (0..4_u8, any::<bool>(), 0..4_u8, 0..3_u8).prop_map(|(email, verified, username, first_name)| {
            Content { email, verified, username, first_name }
        });
    let version = prop_oneof![2 => Just(0_u8), 2 => Just(1), 1 => Just(2)];
    let step = (0..4_u8, version, of(any::<bool>()), any::<bool>(), bool::weighted(0.9)).prop_map(
        |(content, version, sign_in, delivered, versioned)| Step {
            content,
            version,
            sign_in,
            delivered,
            versioned,
        },
    );
    let user = (vec(step, 1..5), bool::weighted(0.25));
    let extra = (0..4_u8, 0..4_u8, 0..5_u8, any::<bool>())
        .prop_map(|(kind, user, step, impersonated)| Extra { kind, user, step, impersonated });
    (vec(content, 1..5), any::<bool>(), vec(user, 1..5), vec(extra, 0..6))
        .prop_map(|(contents, coarse, users, extras)| Plan { coarse, contents, users, extras })
}

/// A user's history: what Clerk answers after each change; `None` once deleted.
pub(crate) struct History {
    pub(crate) id: UserId,
    pub(crate) states: Vec<Option<Snapshot>>,
    /// Whether every event has its version. An event without one says that something changed and not what:
    /// if Clerk's answer then is stale too, nothing tells so.
    versioned: bool,
}

impl History {
    /// What Clerk answers once `happened` states have come to be. A stale answer is an earlier version; one of
    /// the same version could not be told from the truth, which is why a repair asks again after Clerk's
    /// bound of staleness.
    pub(crate) fn answer(&self, happened: usize, stale: bool) -> Option<Snapshot> {
        let (now, before) = self.states[..happened].split_last().expect("a state");
        let version = now.as_ref().map(|snapshot| snapshot.version);
        let earlier = before.iter().rev().flatten();
        let mut stale = earlier.filter(|_| stale && self.versioned).filter(|s| Some(s.version) != version);
        stale.next().or(now.as_ref()).cloned()
    }

    /// What Clerk has in the end.
    pub(crate) fn truth(&self) -> Option<&Snapshot> {
        self.states.last().and_then(Option::as_ref)
    }
}

/// Something that is delivered.
pub(crate) struct Item {
    pub(crate) user: usize,
    /// What must have happened in Clerk before this can come.
    pub(crate) step: usize,
    pub(crate) fact: Fact,
    /// The webhook it comes with, if it does.
    pub(crate) delivery: Option<Delivery>,
}

/// All that happens, but for the order.
pub(crate) struct World {
    pub(crate) histories: Vec<History>,
    pub(crate) items: Vec<Item>,
}

// Ids whose last eight characters are the same twice, so that derived names clash too.
const IDS: [&str; 4] = ["a_12345678", "b_12345678", "c_87654321", "d_00000000"];
const EMAILS: [&str; 3] = ["x@x.test", "y@x.test", "X@x.test"];
// Given names that are what a first name, and a first name with an id, would become.
const USERNAMES: [&str; 3] = ["ada", "Ada_12345678", "zoe"];
const FIRST_NAMES: [&str; 2] = ["Ada", "Zoe"];

fn pick(from: &'static [&'static str], index: u8) -> Option<&'static str> {
    from.get(usize::from(index).checked_sub(1)?).copied()
}

impl World {
    /// The world the plan describes.
    pub(crate) fn of(plan: &Plan) -> Self {
        let mut world = Self { histories: Vec::new(), items: Vec::new() };
        for (user, (steps, deleted)) in plan.users.iter().enumerate() {
            world.add_user(user, steps, *deleted, plan);
        }
        for extra in &plan.extras {
            world.add_extra(extra);
        }
        world
    }

    fn add_user(&mut self, user: usize, steps: &[Step], deleted: bool, plan: &Plan) {
        let id = user_id(IDS[user]);
        let mut states = Vec::new();
        let mut version = NOW.plus_millis(-1_000_000);
        let mut last_sign_in_at = None;
        for (i, step) in steps.iter().enumerate() {
            version = version.plus_millis(i64::from(step.version) / if plan.coarse { 2 } else { 1 });
            if let Some(by_webhook) = step.sign_in {
                let at = NOW.plus_millis(-500_000 + i as i64);
                last_sign_in_at = Some(at);
                if by_webhook {
                    self.add(user, i, Fact::SignedIn { id: id.clone(), at }, true);
                }
            }
            let profile = plan.contents[usize::from(step.content) % plan.contents.len()].profile();
            let snapshot = Snapshot { id: id.clone(), version: Some(version), profile, last_sign_in_at };
            if step.delivered || i + 1 == steps.len() {
                let mut event = snapshot.clone();
                if !step.versioned {
                    event.version = (i % 2 == 0).then(|| NOW.plus_millis(10_000_000));
                }
                self.add(user, i, Fact::Snapshot { snapshot: event, via: Via::Webhook }, true);
            }
            states.push(Some(snapshot));
        }
        if deleted {
            let at = Timestamp::from_millis(NOW.as_millis() - 1);
            self.add(user, states.len(), Fact::Deleted { id: id.clone(), at, source: Source::Webhook }, true);
            states.push(None);
        }
        let versioned = steps.iter().all(|step| step.versioned);
        self.histories.push(History { id, states, versioned });
    }

    fn add_extra(&mut self, extra: &Extra) {
        let user = usize::from(extra.user) % self.histories.len();
        let history = &self.histories[user];
        let step = usize::from(extra.step) % history.states.len();
        let Some(snapshot) = history.states[step].clone() else { return };
        let fact = match extra.kind {
            0 | 1 => Fact::Snapshot { snapshot, via: Via::Lookup { impersonated: extra.impersonated } },
            2 => Fact::Snapshot { snapshot, via: Via::Sweep },
            _ => Fact::Claims {
                id: snapshot.id,
                profile: Profile { username: None, ..snapshot.profile },
                impersonated: extra.impersonated,
            },
        };
        self.add(user, step, fact, false);
    }

    fn add(&mut self, user: usize, step: usize, fact: Fact, by_webhook: bool) {
        let delivery = by_webhook.then(|| delivery(&self.items.len().to_string()));
        self.items.push(Item { user, step, fact, delivery });
    }
}

impl Content {
    fn profile(&self) -> Profile {
        Profile {
            email: pick(&EMAILS, self.email)
                .map(|text| EmailClaim { address: email(text), verified: self.verified }),
            username: pick(&USERNAMES, self.username).map(username),
            first_name: pick(&FIRST_NAMES, self.first_name).map(String::from),
            ..Profile::default()
        }
    }
}

/// A profile in a few words; the address and the name print, which are no secrets here.
pub(crate) fn words(profile: &Profile) -> String {
    let email = profile.email.as_ref().map_or("-".into(), |claim| {
        format!("{}{}", claim.address.as_str(), if claim.verified { "!" } else { "?" })
    });
    let username = profile.username.as_ref().map_or("-", |name| name.as_str());
    format!("{email} {username} {}", profile.first_name.as_deref().unwrap_or("-"))
}

/// A fact in a few words.
pub(crate) fn fact_words(fact: &Fact) -> String {
    let since = |time: Timestamp| time.millis_since(NOW.plus_millis(-1_000_000));
    match fact {
        Fact::Snapshot { snapshot, via } => {
            format!("{} {via:?} v{:?} {}", snapshot.id, snapshot.version.map(since), words(&snapshot.profile))
        }
        Fact::Repaired { snapshot, fence } => format!(
            "{} repaired at {fence:?} v{:?} {}",
            snapshot.id,
            snapshot.version.map(since),
            words(&snapshot.profile)
        ),
        Fact::Claims { id, profile, impersonated } => {
            format!("{id} claims {} impersonated={impersonated}", words(profile))
        }
        Fact::Deleted { id, .. } => format!("{id} deleted"),
        Fact::Absent { id, fence, .. } => format!("{id} absent at {fence:?}"),
        Fact::Doubted { id } => format!("{id} doubted"),
        Fact::SignedIn { id, at } => format!("{id} signed in at {}", since(*at)),
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.items.iter().enumerate() {
            writeln!(f, "item {i}: {}", fact_words(&item.fact))?;
        }
        Ok(())
    }
}
