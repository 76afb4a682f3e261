//! The world around the replicas: the sender of webhooks, browsers, operators, and the weather.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clerk_sync::{ClerkSync, Receipt, Refusal, User, WebhookRefusal};
use clerk_sync_core::DeliveryId;
use futures_util::future::{Either, select};

use crate::Mode;
use crate::cover::Goal;
use crate::message::Message;
use crate::operator;
use crate::person;
use crate::plan::{Item, REPLICAS, What};
use crate::replica;
use crate::world::{Owner, World, wait};

/// After how many attempts the sender gives up; it never comes to that.
const MAX_ATTEMPTS: usize = 80;
/// Svix's steps between attempts, in seconds.
const REAL_STEPS_S: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Until when a webhook is answered, and a request beyond the time it asked to be held, in milliseconds.
const DEADLINE_MS: u64 = 5_000;
/// How long after its deadline an answer may still come, in milliseconds: the steps on the way.
const SLACK_MS: u64 = 20;

/// Does what the plan says, each item at its time.
pub(crate) async fn play(world: Arc<World>) {
    let _caller = world.caller();
    for Item { at_ms, what } in &world.plan.items {
        let now_ms = world.state().now_ms;
        if *at_ms > now_ms {
            world.sleep(*at_ms - now_ms).await;
        }
        act(&world, what);
    }
}

fn act(world: &Arc<World>, what: &What) {
    let mut state = world.state();
    state.say(|| format!("{what:?}"));
    let now_ms = state.now_ms;
    match *what {
        What::Change { number, .. } | What::SignIn { number, .. } | What::Odd { number, .. } => {
            drop(state);
            send(world, number);
        }
        What::Replay { number } => {
            if state.healed {
                state.cover.hit(Goal::Replayed);
            }
            drop(state);
            send(world, number);
        }
        What::TakeAgain { number, replica } => {
            drop(state);
            operator::take_again(world, number, replica);
        }
        What::Refetch { user, replica } => {
            drop(state);
            operator::refetch(world, user, replica);
        }
        What::Request { user, replica, impersonated, hold_ms } => {
            drop(state);
            request(world, user, replica, impersonated, hold_ms);
        }
        What::Pause { replica, for_ms } => {
            state.cover.hit(Goal::Paused);
            state.replicas[replica].paused_until_ms = now_ms + for_ms;
            drop(state);
            // Somebody has to be awake when it goes on.
            world.spawn(Owner::Outside, world.sleep(for_ms));
        }
        What::Outage { for_ms } => state.outage_until_ms = now_ms + for_ms,
        What::ReadOnly { for_ms } => state.read_only_until_ms = now_ms + for_ms,
        What::ClerkOutage { for_ms } => state.clerk_outage_until_ms = now_ms + for_ms,
        What::Jump { replica, skew_ms } if !state.healed => {
            state.cover.hit(Goal::Jumped);
            state.replicas[replica].skew_ms = skew_ms;
        }
        What::Jump { .. } => {}
    }
}

/// Sends a message until it is taken, as Svix does; copies go to any replica at the same instant.
fn send(world: &Arc<World>, number: u32) {
    let Some(message) = world.messages.get(&number).map(Arc::clone) else { return };
    let faults = &world.plan.faults;
    if world.plan.mode == Mode::OnlySweeps {
        return;
    }
    {
        let mut state = world.state();
        if state.fault(faults.dropped_delivery) {
            return state.cover.hit(Goal::Dropped);
        }
    }
    let (caller, world) = (world.caller(), Arc::clone(world));
    world.clone().spawn(Owner::Outside, async move {
        let _caller = caller;
        let delay_ms = world.state().tape.below(world.plan.faults.delivery_delay_ms + 1);
        if delay_ms > 50 {
            world.hit(Goal::Delayed);
        }
        world.sleep(delay_ms).await;
        let taken = Arc::new(AtomicBool::new(false));
        for attempt in 0..MAX_ATTEMPTS {
            send_copies(&world, &message, &taken);
            world.sleep(pause_ms(world.plan.real_steps, attempt)).await;
            if taken.load(Ordering::Relaxed) || (message.forged && attempt > 0) {
                return;
            }
        }
        world.state().break_rule("every webhook is taken in the end", || message.id.clone());
    });
}

fn pause_ms(real_steps: bool, attempt: usize) -> u64 {
    if real_steps {
        return 1_000 * REAL_STEPS_S.get(attempt).copied().unwrap_or(86_400);
    }
    30 + 200 * u64::try_from(attempt).unwrap_or(8).min(8)
}

fn send_copies(world: &Arc<World>, message: &Arc<Message>, taken: &Arc<AtomicBool>) {
    let mut copies = 1;
    while copies < 4 && world.state().fault(world.plan.faults.duplicate) {
        copies += 1;
    }
    for _ in 0..copies {
        let replica = if world.plan.crowded { 0 } else { world.state().tape.index(REPLICAS) };
        let sync = world.state().replicas[replica].sync.clone();
        // While it is down, the connection is refused.
        if let Some(sync) = sync {
            let (world, message, taken) = (Arc::clone(world), Arc::clone(message), Arc::clone(taken));
            world.clone().spawn(Owner::Replica(replica), deliver(world, sync, message, taken));
        }
    }
}

/// One attempt, from the replica's side.
async fn deliver(world: Arc<World>, sync: ClerkSync, message: Arc<Message>, taken: Arc<AtomicBool>) {
    let _caller = world.caller();
    world.step().await;
    let _in_flight = InFlight::new(&world, &message);
    let headers = replica::webhook(&message.id, &message.body, world.now(), message.forged);
    let started_ms = world.state().now_ms;
    let receiving = sync.receive(&headers, message.body.as_bytes());
    let Some(result) = unless_hung_up(&world, receiving).await else { return };
    world.state().say(|| format!("{} answered {result:?}", message.id));
    in_time(&world, started_ms, DEADLINE_MS);
    if is_taken(&world, &message, &result) {
        let lost = world.state().fault(world.plan.faults.lost_answer);
        if lost {
            world.hit(Goal::LostAnswer);
        } else {
            taken.store(true, Ordering::Relaxed);
        }
    }
}

/// Two or more of one message at a time are worth a note.
struct InFlight<'a>(&'a World, &'a str);

impl<'a> InFlight<'a> {
    fn new(world: &'a World, message: &'a Message) -> Self {
        let mut state = world.state();
        let count = state.in_flight.entry(message.id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            state.cover.hit(Goal::InFlight);
        }
        Self(world, &message.id)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0.state().in_flight.get_mut(self.1) {
            *count -= 1;
        }
    }
}

/// The answer, unless the caller gives up before: then the future is dropped where it stands.
async fn unless_hung_up<T>(world: &Arc<World>, answering: impl Future<Output = T>) -> Option<T> {
    let hangs_up = world.state().fault(world.plan.faults.hang_up);
    if !hangs_up {
        return Some(answering.await);
    }
    let patience_ms = world.state().tape.below(30);
    let patience = world.sleep(patience_ms);
    match select(std::pin::pin!(answering), patience).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(_) => {
            world.hit(Goal::HungUp);
            None
        }
    }
}

/// Answers come in time, where clocks can be trusted and nobody stands still.
fn in_time(world: &World, started_ms: u64, deadline_ms: u64) {
    if world.plan.is_skewed() || world.plan.has_pauses() {
        return;
    }
    let mut state = world.state();
    let took_ms = state.now_ms - started_ms;
    if took_ms > deadline_ms + SLACK_MS {
        state.break_rule("answers come in time", || format!("after {took_ms} ms"));
    }
}

/// Judges the answer to a webhook; whether it was 2xx.
fn is_taken(world: &World, message: &Message, result: &Result<Receipt, WebhookRefusal>) -> bool {
    match result {
        Ok(_) if message.forged => {
            world.state().break_rule("forged webhooks are refused", || message.id.clone());
            false
        }
        Ok(_) => {
            let id = DeliveryId::parse(&message.id).unwrap();
            let stored = wait(world.store.delivery(&id)).unwrap().is_some();
            let mut state = world.state();
            if !stored {
                state.break_rule("no acknowledged webhook is lost", || message.id.clone());
            }
            state.monitor.acknowledge(id);
            true
        }
        Err(WebhookRefusal::Unauthenticated { .. }) if message.forged => {
            world.hit(Goal::Forged);
            false
        }
        Err(WebhookRefusal::Unauthenticated { reason: "clock_skew" }) if world.plan.is_skewed() => {
            world.hit(Goal::SkewRefused);
            false
        }
        Err(WebhookRefusal::Unavailable { .. }) => false,
        Err(refusal) => {
            let rule = "rightly signed webhooks get 2xx or 503";
            world.state().break_rule(rule, || format!("{}: {refusal}", message.id));
            false
        }
    }
}

/// A signed-in user asks who they are.
fn request(world: &Arc<World>, user: usize, replica: usize, impersonated: bool, hold_ms: u64) {
    let (sync, now_ms) = {
        let state = world.state();
        (state.replicas[replica].sync.clone(), state.now_ms)
    };
    let Some(sync) = sync else { return };
    // Nobody has a token before signing up.
    if !world.history.is_known_at(user, now_ms) {
        return;
    }
    let world = Arc::clone(world);
    world.clone().spawn(Owner::Replica(replica), async move {
        let _caller = world.caller();
        world.step().await;
        let started_ms = world.state().now_ms;
        let was_gone = world.state().monitor.is_gone(&person::user_id(user));
        let headers = replica::request(user, impersonated);
        let asking = sync.user(&headers, hold_ms);
        let Some(result) = unless_hung_up(&world, asking).await else { return };
        in_time(&world, started_ms, DEADLINE_MS + hold_ms);
        judge(&world, user, started_ms, was_gone, &result);
        if hold_ms > 0 && world.state().now_ms > started_ms + 100 {
            world.hit(Goal::Held);
        }
    });
}

/// Whoever lives in Clerk all the while gets 200 or 503; whoever was deleted here before never 200.
fn judge(world: &World, user: usize, started_ms: u64, was_gone: bool, result: &Result<User, Refusal>) {
    let mut state = world.state();
    let code = result.as_ref().map_or_else(Refusal::code, |_| "ok");
    state.say(|| format!("user_{user} asked {started_ms} ms: {code}"));
    let history = &world.history;
    let lives = history.lives_at(user, started_ms) && history.lives_at(user, state.now_ms);
    if !history.lives_at(user, started_ms) {
        state.cover.hit(Goal::Deleted);
    }
    let right = match result {
        Ok(found) => found.record.id == person::user_id(user) && !was_gone,
        Err(Refusal::Unavailable { retry_after_ms, .. }) => *retry_after_ms > 0,
        Err(Refusal::UserBanned) => history.was_banned_before(user, state.now_ms) && !was_gone,
        Err(Refusal::UserDeleted) => {
            state.cover.hit(Goal::TombstoneByRequest);
            !lives
        }
        Err(Refusal::NotSynced { .. }) => {
            state.cover.hit(Goal::NotSynced);
            !lives
        }
        Err(_) => false,
    };
    if !right {
        let detail =
            || format!("user_{user}, who {} in Clerk, got {code}", if lives { "lives" } else { "is not" });
        state.break_rule("a valid user gets 200 or 503, a deleted one never 200", detail);
    }
}
