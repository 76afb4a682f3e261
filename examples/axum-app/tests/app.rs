//! The service with an offline Clerk, over HTTP.
#![expect(clippy::expect_used, reason = "a failure here is a failed test")]

use std::time::Duration;

use axum_app::{Notes, Settings, app, sync};
use clerk_sync_emulator::{Emulator, NewUser, Options, Weather};
use serde_json::{Value, json};

const ORIGIN: &str = "http://localhost:5173";

struct App {
    clerk: Emulator,
    url: String,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl App {
    async fn start(weather: Weather) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clerk = clerk_sync_emulator::start(Options {
            authorized_party: Some(ORIGIN.to_owned()),
            weather,
            ..Options::default()
        })
        .await
        .expect("the offline Clerk starts");
        let settings = Settings {
            listen: ([127, 0, 0, 1], 0).into(),
            database: folder.path().join("notes.db"),
            origin: ORIGIN.to_owned(),
            clerk_api_url: Some(clerk.url().to_owned()),
            secret_key: clerk.secret_key().to_owned(),
            publishable_key: clerk.publishable_key().to_owned(),
            webhook_secret: clerk.webhook_secret().to_owned(),
        };
        let sync = sync(&settings).expect("it builds");
        let app = app(&sync, Notes::open(&settings.database).expect("the table opens"));
        let listener = tokio::net::TcpListener::bind(settings.listen).await.expect("a port");
        let url = format!("http://{}/api", listener.local_addr().expect("an address"));
        clerk.set_webhook_url(Some(&format!("{url}/webhooks/clerk"))).expect("it is loopback");
        tokio::spawn(async move { sync.run(std::future::pending()).await });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { clerk, url, client: reqwest::Client::new(), _folder: folder }
    }

    fn sign_up(&self, name: &str) -> (String, String) {
        let new = NewUser {
            email_address: vec![format!("{name}@example.com")],
            username: Some(name.to_owned()),
            ..NewUser::default()
        };
        let (user, session) = self.clerk.sign_up(new).expect("a user");
        (user.to_string(), self.clerk.session_token(&session).expect("a token"))
    }

    async fn write(&self, token: &str, text: &str) -> reqwest::Response {
        let note = self.client.post(format!("{}/notes", self.url)).bearer_auth(token);
        note.json(&json!({ "text": text })).send().await.expect("an answer")
    }

    async fn notes(&self, token: &str) -> Value {
        let list = self.client.get(format!("{}/notes", self.url)).bearer_auth(token);
        list.send().await.expect("an answer").json().await.expect("JSON")
    }
}

/// The first request of a new user writes a row that points at the user, whose webhook never comes.
#[tokio::test]
async fn a_note_by_somebody_whose_webhook_never_comes() {
    let app = App::start(Weather { webhook_drop: 1.0, ..Weather::default() }).await;
    let (_, token) = app.sign_up("ada_l");

    assert_eq!(app.write(&token, "first").await.status(), 201);
    let notes = app.notes(&token).await;
    assert_eq!(notes[0]["author"], "ada_l");
    assert_eq!(notes[0]["mine"], true);
}

/// The key of a deleted author's note still points at something: a tombstone, which has no name.
#[tokio::test]
async fn a_note_outlives_its_author() {
    let app = App::start(Weather::default()).await;
    let (ada, hers) = app.sign_up("ada_l");
    let (_, his) = app.sign_up("charles_b");
    assert_eq!(app.write(&hers, "kept").await.status(), 201);

    app.clerk.delete_user(&ada).expect("she is there");
    tokio::time::timeout(Duration::from_secs(30), app.clerk.quiet()).await.expect("the webhooks arrive");

    let refused = app.write(&hers, "too late").await;
    assert_eq!(refused.status(), 401);
    let problem: Value = refused.json().await.expect("JSON");
    assert_eq!(problem["code"], "user_deleted");
    let notes = app.notes(&his).await;
    assert_eq!(notes[0]["text"], "kept");
    assert_eq!(notes[0]["author"], Value::Null);
    assert_eq!(notes[0]["mine"], false);
}

#[tokio::test]
async fn without_a_token_there_are_no_notes() {
    let app = App::start(Weather::default()).await;
    let answer = app.client.get(format!("{}/notes", app.url)).send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
    assert_eq!(app.write("", "nobody's").await.status(), 401);
}

/// What `offline.env` says is what the offline Clerk starts with.
#[tokio::test]
async fn the_offline_keys_are_the_offline_clerks() {
    let clerk = clerk_sync_emulator::start(Options::default()).await.expect("it starts");
    for line in [
        format!("CLERK_SECRET_KEY={}", clerk.secret_key()),
        format!("CLERK_PUBLISHABLE_KEY={}", clerk.publishable_key()),
        format!("CLERK_WEBHOOK_SIGNING_SECRET={}", clerk.webhook_secret()),
    ] {
        assert!(include_str!("../offline.env").lines().any(|said| said == line), "{line}");
    }
}
