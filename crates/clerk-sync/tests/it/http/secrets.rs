//! Whatever happens, nobody's data is in an answer it does not belong in, or in a log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use clerk_sync_testkit::sample::user_id;
use http::Request;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::{ask, ask_in_time, me, request, router};
use crate::harness::{Person, World, wire};

/// Planted where they could leak from: e-mail, name, username, one-time code, forged token and signature.
const CANARIES: [&str; 8] = [
    "canary-mail",
    "CanaryFirst",
    "canary_username",
    "424242",
    "canary.forged.token",
    "Y2FuYXJ5",
    "canary-signature",
    "canary-claim",
];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

#[track_caller]
fn holds_none(text: &str, what: &str, tokens: &[String]) {
    for canary in CANARIES.into_iter().chain(tokens.iter().map(String::as_str)) {
        assert!(!text.contains(canary), "{what} holds {canary}:\n{text}");
    }
}

fn canary(name: &str, world: &World) -> Person {
    let mut person = Person::new(name, world.now());
    person.email = Some(format!("canary-mail-{name}@example.com"));
    person.first = Some("CanaryFirst".into());
    person.username = Some("canary_username".into());
    person
}

#[tokio::test]
async fn no_answer_but_the_users_own_and_no_log_holds_a_canary() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // With one subscriber alive, tracing lets the thread that meets a log line first decide whether anybody wants
    // it; that may be another test's, which has none. With two it asks both.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let world = World::in_memory();
    let router = router(&world);
    let mut answers = Vec::new();
    let hook = |id: &str, body: String| {
        let mut request = Request::post("/webhooks/clerk").body(Body::from(body.clone())).unwrap();
        *request.headers_mut() = wire::webhook_headers(id, &body, world.now());
        request
    };
    // Webhooks of every kind: taken, clashing, tied, unreadable, of codes, foreign, forged.
    let (ada, mut bob) = (canary("ada", &world), canary("bob", &world));
    bob.email.clone_from(&ada.email);
    world.put(&ada);
    world.put(&bob);
    let created = ada.event("user.created", world.now());
    let codes = r#"{"type":"email.created","data":{"otp_code":"424242","to":"canary-mail"}}"#;
    for (id, body) in [
        ("msg_1", created.clone()),
        ("msg_1", created.replace("CanaryFirst", "CanaryFirstAgain")),
        ("msg_2", bob.event("user.created", world.now())),
        ("msg_3", created.replace("CanaryFirst", "CanaryFirstTie")),
        ("msg_4", format!("{created} canary-mail")),
        ("msg_5", codes.into()),
        ("msg_6", created.replace(wire::INSTANCE, "ins_theirs")),
        ("msg_7", created.replace("user_ada", "canary-mail")),
    ] {
        let answer = ask(&router, hook(id, body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answers.push(answer.text);
    }
    let mut forged = hook("msg_8", created.clone());
    forged.headers_mut().insert("svix-signature", "v1,canary-signature".parse().unwrap());
    answers.push(ask(&router, forged).await.text);
    world.calls.set_down(true);
    answers.push(ask(&router, hook("msg_9", created.clone())).await.text);
    answers.push(ask(&router, request("GET", "/readyz", &[])).await.text);
    let valid = world.token("ada");
    answers.push(ask(&router, me(&valid, &[])).await.text);
    world.calls.set_down(false);
    world.calls.set_corrupt(true);
    answers.push(ask(&router, hook("msg_10", created)).await.text);
    world.calls.set_corrupt(false);
    // Requests that are refused.
    answers.push(ask(&router, me("canary.forged.token", &[])).await.text);
    let pending = wire::token_with("ada", world.now(), json!({"sts": "pending", "x": "canary-claim"}));
    answers.push(ask(&router, me(&pending, &[])).await.text);
    world.clerk.plan(&user_id("eve"), clerk_sync_testkit::Answer::Unavailable(1));
    answers.push(ask(&router, me(&world.token("eve"), &[])).await.text);
    answers.push(ask_in_time(&world, &router, me(&world.token("eve"), &[])).await.text);
    answers.push(ask(&router, request("GET", "/metrics", &[])).await.text);
    // The workers: a repair, and a delivery that waited.
    let passing = async {
        for _ in 0..50 {
            tokio::task::yield_now().await;
            world.clock.advance(500);
        }
    };
    world.sync.run(passing).await;
    let tokens = [valid, pending];
    for answer in &answers {
        holds_none(answer, "an answer", &tokens);
    }
    let log = log.text();
    holds_none(&log, "the log", &tokens);
    // That it was listened to: each of these is in it.
    for word in ["user.id", "delivery.id", "a webhook was refused", "could not be stored", "msg_10"] {
        assert!(log.contains(word), "{word:?} is not in the log:\n{log}");
    }
    // And that the user's own answer does hold them, so that they could have leaked.
    assert!(ask(&router, me(&world.token("ada"), &[])).await.text.contains("CanaryFirst"));
}
