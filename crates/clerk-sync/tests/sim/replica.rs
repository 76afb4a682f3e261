//! A process of the app: the real library, from its door to its ports.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clerk_sync::clerk::keys::Keys;
use clerk_sync::clerk::secret::WebhookSecrets;
use clerk_sync::clerk::session::SessionRules;
use clerk_sync::{BrakeSettings, ClerkSync, EngineSettings, EqualSettings, Retention};
use clerk_sync_core::Timestamp;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::Mode;
use crate::clerk::SimDirectory;
use crate::cover::Goal;
use crate::operator;
use crate::person::INSTANCE;
use crate::plan::{MAX_USERS, Plan};
use crate::store::SimStore;
use crate::world::{BEGIN_MS, Owner, SimClock, World, wait};

/// Over the oldest answer Clerk gives here (`Faults::stale_ms`), as the setting must be.
pub(crate) const STALENESS_BOUND_MS: u64 = 600;
const LEASE_MS: u64 = 5_000;

const ISSUER: &str = "https://clerk.example.com";
const OLD_SECRET: &str = "b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZA==";
const NEW_SECRET: &str = "bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldw==";
const NO_SECRET: &str = "bm9uZS1ub25lLW5vbmUtbm9uZS1ub25lLW5vbmUtbm8=";

/// The key session tokens are signed with, the same for a whole run of the program.
static KEY: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

static KEY_PEM: LazyLock<String> = LazyLock::new(|| {
    let der: PublicKeyX509Der<'_> = KEY.public_key().as_der().unwrap();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()))
});

/// For each user the headers of a request in person, and of an impersonated one.
static REQUESTS: LazyLock<Vec<[HeaderMap; 2]>> = LazyLock::new(|| {
    (0..MAX_USERS).map(|user| [false, true].map(|impersonated| bearer(user, impersonated))).collect()
});

static SIGNING: LazyLock<[hmac::Key; 3]> = LazyLock::new(|| {
    [OLD_SECRET, NEW_SECRET, NO_SECRET]
        .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret).unwrap()))
});

/// Valid for the whole run: how tokens expire is tested elsewhere, and signing is dear.
fn bearer(user: usize, impersonated: bool) -> HeaderMap {
    let begin = BEGIN_MS / 1_000;
    let header = json!({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": "ins_key", "typ": "JWT"});
    let mut claims = json!({
        "exp": begin + 86_400 * 60, "iat": begin - 3_600, "iss": ISSUER, "nbf": begin - 3_600,
        "sid": "sess_1", "sts": "active", "sub": format!("user_{user}"), "v": 2,
        "email": format!("e{user}@example.com"), "email_verified": true, "first_name": "Ada",
    });
    if impersonated {
        claims["act"] = json!({"sub": "user_support", "iss": "https://dashboard.clerk.com"});
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let mut signature = vec![0; KEY.public_modulus_len()];
    KEY.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    let token = format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    HeaderMap::from_iter([(http::header::AUTHORIZATION, token.parse().unwrap())])
}

/// The headers of a request of a signed-in user.
pub(crate) fn request(user: usize, impersonated: bool) -> HeaderMap {
    REQUESTS[user][usize::from(impersonated)].clone()
}

/// The headers of a webhook, signed with both secrets as in a rotation, or by somebody else.
pub(crate) fn webhook(id: &str, body: &str, now: Timestamp, forged: bool) -> HeaderMap {
    let seconds = now.as_seconds().to_string();
    let sign = |key: &hmac::Key| {
        let mut mac = hmac::Context::with_key(key);
        for part in [id, ".", &seconds, ".", body] {
            mac.update(part.as_bytes());
        }
        STANDARD.encode(mac.sign().as_ref())
    };
    let [old, new, none] = &*SIGNING;
    let signature =
        if forged { format!("v1,{}", sign(none)) } else { format!("v1,{} v1,{}", sign(new), sign(old)) };
    let mut headers = HeaderMap::new();
    headers.insert("svix-id", id.parse().unwrap());
    headers.insert("svix-timestamp", seconds.parse().unwrap());
    headers.insert("svix-signature", signature.parse().unwrap());
    headers
}

/// Starts a replica after so long.
pub(crate) fn start_late(world: &Arc<World>, replica: usize, late_ms: u64) {
    if late_ms == 0 {
        return start(world, replica);
    }
    let starting = Arc::clone(world);
    world.spawn(Owner::Outside, async move {
        starting.sleep(late_ms).await;
        start(&starting, replica);
    });
}

/// Starts a replica, with nothing but the database to remember by.
pub(crate) fn start(world: &Arc<World>, replica: usize) {
    let plan = &world.plan;
    let mut rules = SessionRules::new(ISSUER);
    rules.max_lifetime_ms = i64::MAX;
    if plan.claims {
        rules.claims.required = vec!["email".into()];
    }
    let processed_ms = if plan.forgetful { Some(1) } else { Retention::default().processed_ms };
    let store = Arc::new(SimStore { world: Arc::clone(world), replica });
    let sync = ClerkSync::builder()
        .store(store)
        .directory(Arc::new(SimDirectory { world: Arc::clone(world), replica }))
        .clock(Arc::new(SimClock { world: Arc::clone(world), replica }))
        .sessions(rules)
        .keys(Keys::from_pem(&KEY_PEM).unwrap())
        .webhook_secrets(secrets(world))
        .instance_id(INSTANCE)
        .retention(Retention { processed_ms, dead_ms: None })
        .engine(EngineSettings {
            staleness_bound_ms: STALENESS_BOUND_MS,
            lease_ms: LEASE_MS,
            poll_ms: plan.poll_ms,
            batch: plan.batch,
        })
        .equality(equality(plan))
        .build()
        .unwrap();
    let work = sync.clone();
    {
        let mut state = world.state();
        state.say(|| format!("replica {replica} starts"));
        state.replicas[replica].sync = Some(sync);
    }
    world.spawn(Owner::Replica(replica), async move { work.run(std::future::pending()).await });
    if plan.mode != Mode::NoSweeps && plan.attended {
        let sync = world.state().replicas[replica].sync.clone();
        if let Some(sync) = sync {
            world.spawn(Owner::Replica(replica), operator::attend(Arc::clone(world), replica, sync));
        }
    }
}

/// What the library does by itself: nothing of the kind where sweeps are off.
fn equality(plan: &Plan) -> EqualSettings {
    EqualSettings {
        lease_ms: LEASE_MS,
        catch_up_ms: plan.catch_up_ms,
        sweep_every_ms: plan.sweep_ms,
        silence_ms: 2_000,
        brake: brake(plan),
        page_users: plan.page_users,
        ..EqualSettings::default()
    }
}

/// So tight, where deletions are braked, that these few users reach it.
pub(crate) fn brake(plan: &Plan) -> BrakeSettings {
    match plan.braked {
        true => BrakeSettings { users: plan.brake_users, percent: 1 },
        false => BrakeSettings::default(),
    }
}

/// Which secrets a process knows: all of them, but in the middle of a rotation.
fn secrets(world: &World) -> WebhookSecrets {
    let both = [("new", NEW_SECRET), ("old", OLD_SECRET)];
    if !world.plan.faults.rotation {
        return WebhookSecrets::parse([both[0]]).unwrap();
    }
    let mut state = world.state();
    let choice = state.tape.index(3);
    if choice < 2 {
        state.cover.hit(Goal::Rotated);
    }
    WebhookSecrets::parse(both.get(choice..=choice).unwrap_or(&both).iter().copied()).unwrap()
}

/// Takes a replica off the network; whether it was up.
pub(crate) fn take_down(world: &World, replica: usize) -> bool {
    let sync = {
        let mut state = world.state();
        let taken = std::mem::take(&mut state.replicas[replica].sync);
        if taken.is_some() {
            state.say(|| format!("replica {replica} is killed"));
            state.replicas[replica].news.clear();
            state.replicas[replica].listener = None;
            if state.replicas[replica].asking > 0 {
                state.cover.hit(Goal::KillInRepair);
            }
        }
        taken
    };
    if let Some(sync) = &sync {
        count_outcomes(world, sync);
    }
    sync.is_some()
}

/// Outcomes that leave no mark in the database are read from the library's own counters, in one run of
/// four: rendering them all takes time. Where clocks are off always: only there may a repair's answer look older
/// than the record, whose version is then a clock's.
pub(crate) fn count_outcomes(world: &World, sync: &ClerkSync) {
    if !world.plan.schedule.is_multiple_of(4) && !world.plan.is_skewed() {
        return;
    }
    world.state().counting = true;
    let text = wait(sync.metrics_text());
    world.state().counting = false;
    let outcomes = [
        (Goal::Fenced, "fenced", "repair"),
        (Goal::StaleRepair, "stale_answer", "repair"),
        (Goal::Repaired, "repaired", "repair"),
        (Goal::AbsentBelieved, "deleted", "repair"),
    ];
    for (goal, outcome, source) in outcomes {
        let is_of = |line: &&str| {
            line.contains(&format!("outcome=\"{outcome}\"")) && line.contains(&format!("source=\"{source}\""))
        };
        let counts =
            text.lines().filter(is_of).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        let sum = counts.sum();
        world.state().cover.hit_times(goal, sum);
    }
    let polled = |line: &&str| line.contains("caught_up_total{");
    let counts = text.lines().filter(polled).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    let sum = counts.sum();
    world.state().cover.hit_times(Goal::CaughtUp, sum);
}
