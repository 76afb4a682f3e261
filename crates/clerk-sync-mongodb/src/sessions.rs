//! The server's sessions that commits go through, written down: so that whoever starts after a kill ends the
//! transactions that were left open.
//!
//! A transaction belongs to a session and not to a connection. When its client dies, the server keeps it, and
//! everybody else from its records, until `transactionLifetimeLimitSeconds` are over (60 s by default). Nobody
//! else can see whose it is; its session has to be known to be ended. So each process writes down its
//! sessions before it uses them, and its first commit ends those of everybody before it. Where that meets a
//! transaction of a process that lives, it is a race lost for that one, which looks again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::Error;
use mongodb::{ClientSession, Collection};
use tokio::sync::OnceCell;

use crate::MongoStore;
use crate::schema::META;

/// How notes of sessions are called: this and the session's id.
const PREFIX: &str = "session_";
/// The first text after all that begin so.
const BEYOND: &str = "session`";

/// A session in use is written down again when its note is as old as this.
const REFRESH: Duration = Duration::from_secs(20);

/// Older notes say nothing: what was open then, the server has ended by itself.
const FORGET: Duration = Duration::from_secs(90);

/// More than the processes of a minute and a half have.
const AT_MOST: i64 = 10_000;

/// What this process has written down. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    begun: OnceCell<()>,
    noted: Mutex<HashMap<String, Instant>>,
}

impl Sessions {
    /// Whether a note is due, which is then taken for written.
    fn is_due(&self, name: &str) -> bool {
        let now = Instant::now();
        let mut noted = self.0.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(name).is_some_and(|at| now.duration_since(*at) < REFRESH) {
            return false;
        }
        noted.retain(|_, at| now.duration_since(*at) < FORGET);
        noted.insert(name.to_owned(), now);
        true
    }
}

impl MongoStore {
    /// Ends what earlier processes left open, before the first commit of this one.
    pub(crate) async fn end_left_open(&self) {
        self.sessions
            .0
            .begun
            .get_or_init(|| async {
                // Where it fails, what is left is refused as a lost race until the server ends it.
                let _ = self.end_sessions_of_others().await;
            })
            .await;
    }

    /// Writes a session down before it is used.
    pub(crate) async fn note_session(&self, session: &ClientSession) {
        let Some(Bson::Binary(id)) = session.id().get("id") else { return };
        let name = id.bytes.iter().fold(PREFIX.to_owned(), |name, byte| format!("{name}{byte:02x}"));
        if !self.sessions.is_due(&name) {
            return;
        }
        let note = doc! { "session": session.id().clone(), "seen_at": DateTime::now() };
        // A commit goes on without it: what it loses is only a shorter wait for others, after a kill.
        let _ = self.meta().replace_one(doc! { "_id": name }, note).upsert(true).await;
    }

    async fn end_sessions_of_others(&self) -> Result<(), Error> {
        let age = i64::try_from(FORGET.as_millis()).unwrap_or(i64::MAX);
        let oldest = DateTime::from_millis(DateTime::now().timestamp_millis().saturating_sub(age));
        let ours = |seen_at: Document| doc! { "_id": { "$gte": PREFIX, "$lt": BEYOND }, "seen_at": seen_at };
        let found = self.meta().find(ours(doc! { "$gte": oldest })).limit(AT_MOST).await?;
        let found: Vec<Document> = found.try_collect().await?;
        let sessions: Vec<Bson> = found.iter().filter_map(|note| note.get("session").cloned()).collect();
        if !sessions.is_empty() {
            self.client.database("admin").run_command(doc! { "killSessions": sessions }).await?;
        }
        self.meta().delete_many(ours(doc! { "$lt": oldest })).await?;
        Ok(())
    }

    fn meta(&self) -> Collection<Document> {
        self.collection(META)
    }
}
