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
}
