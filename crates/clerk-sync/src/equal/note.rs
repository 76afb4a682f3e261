//! Notes with a meaning: JSON in the database, compared and set.

use clerk_sync_core::{Change, Commit};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{EqualError, Equality};

/// A note as it was read.
#[derive(Debug, Clone)]
pub(super) struct Note<T> {
    name: &'static str,
    text: Option<String>,
    pub(super) value: Option<T>,
}

impl<T> Note<T> {
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether `other` is the same text.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T: Serialize> Note<T> {
    /// The change that replaces what was read, and the note as it is after it.
    pub(super) fn replaced(&self, value: T) -> (Change, Self) {
        // These are structs of numbers and texts: they are JSON.
        let text = serde_json::to_string(&value).unwrap_or_default();
        let change =
            Change::Note { name: self.name.to_owned(), value: text.clone(), expected: self.text.clone() };
        (change, Self { name: self.name, text: Some(text), value: Some(value) })
    }
}

impl Equality {
    pub(super) async fn note<T: DeserializeOwned>(&self, name: &'static str) -> Result<Note<T>, EqualError> {
        let text = self.engine.store.note(name).await?;
        let value = text.as_deref().map(serde_json::from_str).transpose();
        Ok(Note { name, value: value.map_err(|_| EqualError::Note { name })?, text })
    }

    /// Replaces the note by what `next` makes of it, looking again as often as somebody else was quicker;
    /// `None` leaves it as it is.
    pub(super) async fn update<T: Serialize + DeserializeOwned>(
        &self,
        name: &'static str,
        next: impl Fn(Option<&T>) -> Option<T>,
    ) -> Result<(), EqualError> {
        loop {
            let note = self.note::<T>(name).await?;
            let Some(value) = next(note.value.as_ref()) else { return Ok(()) };
            let (change, _) = note.replaced(value);
            if self.engine.store.commit(vec![change]).await? == Commit::Done {
                return Ok(());
            }
        }
    }

    /// Writes down something that has ended, unless something that ended later is there already: a commit may come that
    /// late. What a clock ahead of ours has written is not later.
    pub(super) async fn note_end<T: Serialize + DeserializeOwned + Clone>(
        &self,
        name: &'static str,
        ended: T,
        ended_ms: impl Fn(&T) -> i64,
    ) -> Result<(), EqualError> {
        self.update(name, |known: Option<&T>| {
            let now = self.engine.clock.now().as_millis();
            let is_later = |known: &T| (ended_ms(&ended) + 1..=now).contains(&ended_ms(known));
            (!known.is_some_and(is_later)).then(|| ended.clone())
        })
        .await
    }
}
