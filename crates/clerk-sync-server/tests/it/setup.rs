//! A set-up that is well: an offline Clerk, a server, webhooks of every kind.

use std::path::PathBuf;

use clerk_sync_emulator::{Emulator, NewUser, Options, UserPatch};
use serde_json::Value;

use crate::program::{Running, run, text};

/// The origin of the app's page.
pub(crate) const ORIGIN: &str = "https://app.example.com";

/// An offline Clerk, a server on an SQLite file, and webhooks of every kind that have come.
pub(crate) struct SetUp {
    pub(crate) clerk: Emulator,
    pub(crate) server: Running,
    pub(crate) token: String,
    pub(crate) ada: String,
    pub(crate) gone: String,
    pub(crate) file: PathBuf,
    _folder: tempfile::TempDir,
}

pub(crate) fn person(name: &str) -> NewUser {
    NewUser {
        first_name: Some(name.into()),
        email_address: vec![format!("{name}@example.com")],
        ..NewUser::default()
    }
}

pub(crate) async fn clerk(options: Options) -> Emulator {
    clerk_sync_emulator::start(Options { authorized_party: Some(ORIGIN.into()), ..options }).await.unwrap()
}

impl SetUp {
    pub(crate) async fn healthy() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let clerk = clerk(options).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users.db");
        let database = format!("sqlite:{}", file.display());
        let server = Running::start(
            &["serve", "--listen", "127.0.0.1:0", "--database-url", &database],
            &[
                ("CLERK_SECRET_KEY", clerk.secret_key()),
                ("CLERK_PUBLISHABLE_KEY", clerk.publishable_key()),
                ("CLERK_WEBHOOK_SIGNING_SECRET", clerk.webhook_secret()),
                ("CLERK_API_URL", clerk.url()),
                ("CLERK_SYNC_AUTHORIZED_PARTIES", ORIGIN),
                // What no webhook told of is for the commands to find, not for the server.
                ("CLERK_SYNC_CATCH_UP_MS", "0"),
                ("CLERK_SYNC_SWEEP_EVERY_S", "0"),
            ],
        );
        clerk.set_webhook_url(Some(&format!("{}/webhooks/clerk", server.url))).unwrap();
        let (ada, session) = clerk.sign_up(person("ada")).unwrap();
        let patch = UserPatch { last_name: Some(Some("Lovelace".into())), ..UserPatch::default() };
        clerk.update_user(&ada, patch).unwrap();
        let gone = clerk.create_user(person("gone")).unwrap();
        clerk.delete_user(&gone).unwrap();
        clerk.quiet().await;
        let token = clerk.session_token(&session).unwrap();
        let (ada, gone) = (ada.to_string(), gone.to_string());
        Self { clerk, server, token, ada, gone, file, _folder: folder }
    }

    /// What the doctor says with these words, and variables over those of the set-up; and its exit code. An
    /// empty variable is not set.
    pub(crate) fn examine(&self, words: &[&str], variables: &[(&str, &str)]) -> (Vec<Value>, Option<i32>) {
        let said = self.say(&[words, &["--json"]].concat(), variables);
        let diagnoses = serde_json::from_str(&text(&said.stdout));
        assert!(diagnoses.is_ok(), "{}", text(&said.stderr));
        (diagnoses.unwrap(), said.status.code())
    }

    pub(crate) fn examine_as_text(&self) -> String {
        text(&self.say(&[], &[]).stdout)
    }

    fn say(&self, words: &[&str], variables: &[(&str, &str)]) -> std::process::Output {
        let mut line = vec!["doctor"];
        let given = |flag| words.contains(&flag);
        if !given("--url") {
            line.extend(["--url", &self.server.url]);
        }
        if !given("--token") {
            line.extend(["--token", &self.token]);
        }
        line.extend(words);
        self.run(&line, variables)
    }

    /// Runs the program with the settings of the set-up.
    pub(crate) fn run(&self, words: &[&str], variables: &[(&str, &str)]) -> std::process::Output {
        let listen = self.server.url.trim_start_matches("http://");
        let database = format!("sqlite:{}", self.file.display());
        let mut all = vec![
            ("CLERK_SECRET_KEY", self.clerk.secret_key()),
            ("CLERK_PUBLISHABLE_KEY", self.clerk.publishable_key()),
            ("CLERK_WEBHOOK_SIGNING_SECRET", self.clerk.webhook_secret()),
            ("CLERK_API_URL", self.clerk.url()),
            ("CLERK_SYNC_AUTHORIZED_PARTIES", ORIGIN),
            ("CLERK_JWT_KEY", self.clerk.jwt_key_pem()),
            ("CLERK_SYNC_STALENESS_BOUND_MS", "50"),
            ("CLERK_SYNC_LISTEN", listen),
            ("DATABASE_URL", &database),
        ];
        all.retain(|(name, _)| variables.iter().all(|(other, _)| other != name));
        all.extend(variables.iter().copied().filter(|(_, value)| !value.is_empty()));
        run(words, &all)
    }

    /// What a command prints with `--json`, an object a line; it must end well.
    pub(crate) fn json(&self, words: &[&str], variables: &[(&str, &str)]) -> Vec<Value> {
        let output = self.run(&[words, &["--json"]].concat(), variables);
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A copy of the database on which `statements` were run, as a `DATABASE_URL`: the server goes on with
    /// its own.
    pub(crate) fn copy(&self, statements: &str) -> String {
        let copy = self.file.with_file_name("copy.db");
        let _ = std::fs::remove_file(&copy);
        let original = rusqlite::Connection::open(&self.file).unwrap();
        original.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        let connection = rusqlite::Connection::open(&copy).unwrap();
        // As the store does: what is moved within the file leaves nothing behind.
        connection.pragma_update(None, "secure_delete", true).unwrap();
        connection.execute_batch(statements).unwrap();
        format!("sqlite:{}", copy.display())
    }
}
