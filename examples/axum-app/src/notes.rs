//! The app's own table, and the two requests on it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerk_sync::http::{CurrentUser, Problem};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

/// How many notes one request answers.
const PAGE: u32 = 50;
/// The longest note, in bytes.
const MAX_TEXT_BYTES: usize = 1_000;

/// The table of notes, beside clerk-sync's tables in the same file.
pub struct Notes {
    connection: Mutex<Connection>,
}

/// A note as it is answered.
#[derive(Serialize)]
pub(crate) struct Note {
    id: i64,
    text: String,
    /// Milliseconds since the Unix epoch.
    written_at: i64,
    /// `null` once the author was deleted: the row the key points at is a tombstone then, without a name.
    author: Option<String>,
    mine: bool,
}

#[derive(Deserialize)]
pub(crate) struct NewNote {
    text: String,
}

impl Notes {
    /// Opens the table in the file that clerk-sync has opened before, and makes it where there is none.
    ///
    /// # Errors
    /// When the file cannot be opened or written to.
    pub fn open(database: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(database)?;
        connection.busy_timeout(std::time::Duration::from_secs(2))?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS note (
               id INTEGER PRIMARY KEY,
               author TEXT NOT NULL REFERENCES clerk_user (id),
               text TEXT NOT NULL,
               written_at INTEGER NOT NULL
             ) STRICT",
        )?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn newest(&self, reader: &str) -> rusqlite::Result<Vec<Note>> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // The view has live users only, so a deleted author's name is NULL by itself.
        let mut statement = connection.prepare_cached(
            "SELECT note.id, text, written_at, coalesce(username, email), author = ?1
             FROM note LEFT JOIN users ON users.id = author ORDER BY note.id DESC LIMIT ?2",
        )?;
        let notes = statement.query_map(params![reader, PAGE], |row| {
            Ok(Note {
                id: row.get(0)?,
                text: row.get(1)?,
                written_at: row.get(2)?,
                author: row.get(3)?,
                mine: row.get(4)?,
            })
        })?;
        notes.collect()
    }

    fn insert(&self, author: &str, text: &str) -> rusqlite::Result<i64> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        connection.execute(
            "INSERT INTO note (author, text, written_at) VALUES (?1, ?2, ?3)",
            params![author, text, i64::try_from(now).unwrap_or(i64::MAX)],
        )?;
        Ok(connection.last_insert_rowid())
    }
}

/// `GET /api/notes`: the newest ones of everybody.
pub(crate) async fn list(
    State(notes): State<Arc<Notes>>,
    CurrentUser(user): CurrentUser,
) -> Result<Json<Vec<Note>>, Problem> {
    let id = user.record.id.to_string();
    on_table(move || notes.newest(&id)).await.map(Json)
}

/// `POST /api/notes` with `{"text": …}`.
pub(crate) async fn write(
    State(notes): State<Arc<Notes>>,
    CurrentUser(user): CurrentUser,
    Json(note): Json<NewNote>,
) -> Result<(StatusCode, Json<serde_json::Value>), Problem> {
    if note.text.trim().is_empty() || note.text.len() > MAX_TEXT_BYTES {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "note_length",
            "A note has 1 to 1000 bytes",
            "Send a shorter text, or one that is not empty.",
        ));
    }
    let id = user.record.id.to_string();
    let number = on_table(move || notes.insert(&id, &note.text)).await?;
    Ok((StatusCode::CREATED, Json(serde_json::json!({ "id": number }))))
}

/// SQLite waits for the disk, so it is not asked on a thread that serves others.
async fn on_table<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        failed => {
            let why = failed.map(|answer| answer.err());
            tracing::error!(error = ?why, "the table of notes failed");
            Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The database does not answer",
                "Try again after the time given in Retry-After.",
            )
            .retry_after(1_000))
        }
    }
}
