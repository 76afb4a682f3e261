//! Notes: a small service with clerk-sync embedded and one table of its own, which points at the users.
//!
//! A note's author is a foreign key. Behind [`ClerkSync::layer`](clerk_sync::ClerkSync::layer) the row it points at
//! exists, even for somebody who signed up a moment ago and whose webhook is still on its way.

mod notes;
mod settings;

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::routing::get;
use clerk_sync::ClerkSync;
use clerk_sync::sqlite::{Options, SqliteStore};

pub use notes::Notes;
pub use settings::Settings;

/// The sync on the app's own database.
///
/// # Errors
/// When the database cannot be opened, or a key is none.
pub fn sync(settings: &Settings) -> Result<ClerkSync> {
    let mut builder =
        ClerkSync::builder().store(Arc::new(SqliteStore::open(&settings.database, Options::default())?));
    if let Some(url) = &settings.clerk_api_url {
        builder = builder.api_url(url);
    }
    Ok(builder
        .clerk(&settings.secret_key, &settings.publishable_key)?
        .webhook_secret(&settings.webhook_secret)?
        .authorized_party(&settings.origin)
        .build()?)
}

/// Everything under `/api`: the notes, for those who are signed in, and the routes of clerk-sync.
pub fn app(sync: &ClerkSync, notes: Notes) -> Router {
    let notes = Router::new()
        .route("/notes", get(notes::list).post(notes::write))
        .layer(sync.layer())
        .with_state(Arc::new(notes));
    Router::new().nest("/api", notes.merge(sync.routes()))
}
