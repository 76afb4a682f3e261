//! The commands of a script.
//!
//! - `clerk create|update NAME [FIELD=VALUE…]`, `clerk delete NAME`, `clerk signin NAME`: something happens in
//!   Clerk, now; it answers with the event that tells of it. Fields: `first`, `username`, `email`, `verified`,
//!   `banned`, `locked`, `deprovisioned`, `version` (`none`, or milliseconds from now).
//! - `event NAME BODY`: an event that says just this; `{now}` is the time.
//! - `deliver EVENT [as OTHER]`: a webhook with that event, under its own message id or another's.
//! - `elsewhere EVENT`: the same, to another process on the same database.
//! - `me NAME [wait SECONDS] [CLAIM=JSON…]`: a request with a valid token; what takes time is answered later.
//! - `fault store before|after|stale [TIMES]`, `fault store down|up|corrupt|sound`.
//! - `fault clerk NAME 404|stale|refused|down MS|throttled MS [TIMES]`, `fault clerk hold|open`.
//! - `workers on|off` (off at first), `restart`, `advance 2s|5ms|30d`.
//! - `show`, `log`: the users and the event log.

use std::collections::BTreeMap;

use clerk_sync_core::port::Clock as _;
use clerk_sync_testkit::sample::{NOW, user_id};
use clerk_sync_testkit::{Answer, Fault};
use serde_json::{Value, json};

use super::show;
use crate::harness::stage::{Stage, now};
use crate::harness::{Person, World, wire};

/// A script as far as it was run.
pub(super) struct Play {
    world: World,
    stage: Stage<String>,
    workers: bool,
    people: BTreeMap<String, Person>,
    events: BTreeMap<String, String>,
    numbers: BTreeMap<String, usize>,
}

fn millis(text: &str) -> i64 {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("d", 86_400_000)];
    let unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (number, factor) = unit.unwrap_or_else(|| panic!("{text} is no time"));
    number.parse::<i64>().unwrap() * factor
}

fn on(text: &str) -> bool {
    matches!(text, "yes" | "on")
}

impl Play {
    pub(super) fn new(world: World) -> Self {
        let stage = Stage::new(&world);
        let (people, events, numbers) = Default::default();
        Self { world, stage, workers: false, people, events, numbers }
    }

    /// Runs a command until nothing moves any more, and answers what is seen.
    pub(super) fn run(&mut self, command: &str) -> Vec<String> {
        let words: Vec<&str> = command.split(' ').collect();
        let mut lines = match words.as_slice() {
            ["clerk", what, name, fields @ ..] => vec![self.clerk(what, name, fields)],
            ["event", name, body @ ..] => {
                let body = body.join(" ").replace("{now}", &self.world.now().as_millis().to_string());
                self.events.insert((*name).into(), body);
                vec![]
            }
            ["deliver", event] => self.deliver(event, event),
            ["deliver", event, "as", other] => self.deliver(event, other),
            ["elsewhere", event] => {
                let elsewhere = self.world.another();
                let here = std::mem::replace(&mut self.world, elsewhere);
                let lines = self.deliver(event, event);
                self.world = here;
                lines
            }
            ["me", name, "wait", seconds, claims @ ..] => {
                self.me(name, seconds.parse::<u64>().unwrap() * 1_000, claims)
            }
            ["me", name, claims @ ..] => self.me(name, 0, claims),
            ["fault", "store", fault @ ..] => self.fault_store(fault),
            ["fault", "clerk", fault @ ..] => self.fault_clerk(fault),
            ["workers", word] => self.restart(on(word)),
            ["restart"] => self.restart(self.workers),
            ["advance", time] => {
                self.world.clock.advance(millis(time));
                vec![]
            }
            ["lose", "races"] => self.lose_races(),
            ["show"] => self.show(),
            ["log"] => self.log(),
            _ => panic!("{command:?} is no command"),
        };
        lines.extend(self.stage.settle().into_iter().map(|(_, answer)| answer));
        lines
    }

    fn clerk(&mut self, what: &str, name: &str, fields: &[&str]) -> String {
        let now = self.world.now();
        let (event_type, body) = match what {
            "delete" => {
                self.world.clerk.remove(&user_id(name));
                ("user.deleted", wire::deleted_event(name, now))
            }
            "signin" => {
                let data = json!({"id": "sess_1", "object": "session", "user_id": format!("user_{name}"),
                    "created_at": now.as_millis()});
                ("session.created", wire::event("session.created", &data, now))
            }
            "create" | "update" => {
                let new = || Person::new(name, now);
                let mut person = self.people.get(name).cloned().unwrap_or_else(new);
                person.version = json!(now.as_millis());
                fields.iter().for_each(|field| self.set(&mut person, field));
                self.world.put(&person);
                let event_type = if what == "create" { "user.created" } else { "user.updated" };
                let body = person.event(event_type, now);
                self.people.insert(name.into(), person);
                (event_type, body)
            }
            _ => panic!("{what} is nothing that happens in Clerk"),
        };
        let number = self.numbers.entry(name.into()).or_default();
        *number += 1;
        let event = format!("{name}.{number}");
        self.events.insert(event.clone(), body);
        format!("{event} {event_type}")
    }

    fn set(&self, person: &mut Person, field: &str) {
        let (field, value) = field.split_once('=').unwrap();
        let text = || (value != "none").then(|| value.to_owned());
        match field {
            "first" => person.first = text(),
            "username" => person.username = text(),
            "email" => person.email = text(),
            "verified" => person.verified = on(value),
            "banned" => person.banned = on(value),
            "locked" => person.locked = on(value),
            "deprovisioned" => person.deprovisioned = on(value),
            "version" => {
                let version = text().map(|text| self.world.now().plus_millis(millis(&text)).as_millis());
                person.version = json!(version);
            }
            _ => panic!("{field} is no field"),
        }
    }

    fn deliver(&mut self, event: &str, message: &str) -> Vec<String> {
        let body = self.events.get(event).unwrap_or_else(|| panic!("{event} has not happened"));
        let taking = self.world.deliver(&message.replace('.', "_"), body);
        self.enter(async move {
            match taking.await {
                Ok(receipt) => receipt.outcome.to_string(),
                Err(refusal) => format!("refused: {refusal}"),
            }
        })
    }

    fn me(&mut self, name: &str, hold_ms: u64, claims: &[&str]) -> Vec<String> {
        let mut extra = json!({});
        for claim in claims {
            let (claim, value) = claim.split_once('=').unwrap();
            extra[claim] = serde_json::from_str::<Value>(value).unwrap();
        }
        let (asking, name) = (self.world.me_with(name, hold_ms, extra), name.to_owned());
        self.enter(async move { format!("me {name}: {}", show::answer(&asking.await)) })
    }

    /// Starts something; says so when it does not end by itself.
    fn enter(&mut self, future: impl Future<Output = String> + Send + 'static) -> Vec<String> {
        let number = self.stage.enter(future);
        let ended = self.stage.settle();
        let waits = !ended.iter().any(|(ended, _)| *ended == number);
        let lines = ended.into_iter().map(|(_, answer)| answer);
        lines.chain(waits.then(|| "waits".to_owned())).collect()
    }

    /// As long as somebody stands back who loses race after race.
    fn lose_races(&mut self) -> Vec<String> {
        let mut lines = vec![];
        for _ in 0..6 {
            self.world.clock.advance(10);
            lines.extend(self.stage.settle().into_iter().map(|(_, answer)| answer));
        }
        lines
    }

    fn fault_store(&self, fault: &[&str]) -> Vec<String> {
        let calls = &self.world.calls;
        match fault {
            ["down"] => calls.set_down(true),
            ["up"] => calls.set_down(false),
            ["corrupt"] => calls.set_corrupt(true),
            ["sound"] => calls.set_corrupt(false),
            [kind, times @ ..] => {
                let kinds = [("before", Fault::Before), ("after", Fault::After), ("stale", Fault::Stale)];
                let fault = kinds.iter().find(|(word, _)| word == kind).unwrap().1;
                let times = times.first().map_or(1, |times| times.parse().unwrap());
                calls.plan_writes(vec![fault; times]);
            }
            [] => panic!("which fault?"),
        }
        vec![]
    }

    fn fault_clerk(&self, fault: &[&str]) -> Vec<String> {
        let clerk = &self.world.clerk;
        let (name, answer, times) = match fault {
            ["hold"] => {
                clerk.hold();
                return vec![];
            }
            ["open"] => {
                clerk.open();
                return vec![];
            }
            [name, "404", times @ ..] => (name, Answer::NotFound, times),
            [name, "refused", times @ ..] => (name, Answer::RefusedKey, times),
            [name, "stale", times @ ..] => {
                let truth = clerk.truth(&user_id(name)).unwrap();
                (name, Answer::Stale(Box::new(truth)), times)
            }
            [name, "down", ms, times @ ..] => (name, Answer::Unavailable(ms.parse().unwrap()), times),
            [name, "throttled", ms, times @ ..] => (name, Answer::Throttled(ms.parse().unwrap()), times),
            _ => panic!("{fault:?} is no fault of Clerk's"),
        };
        for _ in 0..times.first().map_or(1, |times| times.parse().unwrap()) {
            clerk.plan(&user_id(name), answer.clone());
        }
        vec![]
    }

    /// All that is under way is lost; a new process starts on the same database.
    fn restart(&mut self, workers: bool) -> Vec<String> {
        self.world = self.world.another();
        self.stage = Stage::new(&self.world);
        self.workers = workers;
        if workers {
            self.stage.employ(&self.world);
        }
        vec![]
    }

    fn show(&self) -> Vec<String> {
        let store = self.world.store.clone();
        let entries = now(&self.world, async move { store.entries(None, 1_000).await }).unwrap();
        entries.iter().map(show::entry).collect()
    }

    fn log(&self) -> Vec<String> {
        let store = self.world.store.clone();
        let mut log = now(&self.world, async move { store.deliveries(None, 1_000).await }).unwrap();
        log.reverse();
        let at = format!("at {}", show::time(self.world.clock.now().max(NOW)));
        std::iter::once(at).chain(log.iter().map(show::delivery)).collect()
    }
}
