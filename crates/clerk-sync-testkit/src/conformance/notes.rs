//! What the database knows about itself, compared and set.

use clerk_sync_core::{Change, Commit};

use super::{Tested, commit, done, insert_all, is_absent, stale};
use crate::sample::{record, user_id};

fn set(name: &str, value: &str, expected: Option<&str>) -> Change {
    Change::Note { name: name.into(), value: value.into(), expected: expected.map(str::to_owned) }
}

async fn noted(store: &Tested, name: &str) -> Option<String> {
    store.note(name).await.expect("a note")
}

/// An empty database has no notes.
pub async fn nothing_is_noted(store: Tested) {
    assert_eq!(noted(&store, "lease").await, None);
}

/// Whoever expects no note loses where there is one.
pub async fn a_note_is_set_once(store: Tested) {
    done(&store, [set("lease", "a", None)]).await;
    stale(&store, [set("lease", "b", None)]).await;
    assert_eq!(noted(&store, "lease").await.as_deref(), Some("a"));
}

/// The text read is the right to write the next.
pub async fn a_note_is_set_on_what_was_read(store: Tested) {
    done(&store, [set("lease", "a", None)]).await;
    done(&store, [set("lease", "b", Some("a"))]).await;
    done(&store, [set("lease", "b", Some("b"))]).await;
    assert_eq!(noted(&store, "lease").await.as_deref(), Some("b"));
}

/// A text that is no longer there, or never was, is no right.
pub async fn a_note_at_another_text_is_stale(store: Tested) {
    stale(&store, [set("lease", "b", Some("a"))]).await;
    assert_eq!(noted(&store, "lease").await, None);
    done(&store, [set("lease", "a", None)]).await;
    stale(&store, [set("lease", "c", Some("A"))]).await;
    assert_eq!(noted(&store, "lease").await.as_deref(), Some("a"));
}

/// Each name has its own text.
pub async fn notes_are_apart(store: Tested) {
    done(&store, [set("one", "1", None), set("two", "2", None)]).await;
    done(&store, [set("one", "3", Some("1"))]).await;
    assert_eq!(noted(&store, "two").await.as_deref(), Some("2"));
}

/// A record and a note of one commit are written together, or neither is.
pub async fn notes_and_records_are_one(store: Tested) {
    done(&store, [Change::Insert(record("ada")), set("cursor", "ada", None)]).await;
    stale(&store, [Change::Insert(record("bob")), set("cursor", "bob", None)]).await;
    is_absent(&store, &user_id("bob")).await;
    stale(&store, [set("cursor", "ada2", Some("ada")), Change::Insert(record("ada"))]).await;
    assert_eq!(noted(&store, "cursor").await.as_deref(), Some("ada"));
    insert_all(&store, &[record("bob")]).await;
}

/// However many take a lease at once, one has it.
pub async fn one_of_many_notes_wins(store: Tested) {
    for expected in [None, Some("0")] {
        let takers: Vec<_> = (0..16)
            .map(|taker| {
                let (store, value) = (store.clone(), if expected.is_none() { 0 } else { taker + 1 });
                let change = set("lease", &value.to_string(), expected);
                tokio::spawn(async move { commit(&store, [change]).await })
            })
            .collect();
        let mut won = 0;
        for taker in takers {
            won += usize::from(taker.await.expect("a taker") == Commit::Done);
        }
        assert_eq!(won, 1);
    }
}

/// A certificate fits, with every character as it is.
pub async fn a_note_may_be_long(store: Tested) {
    let text = "{\"drift\": \"\u{e9}\u{1f600}'\\n\"}".repeat(4_000);
    done(&store, [set("proof", &text, None)]).await;
    assert_eq!(noted(&store, "proof").await.as_deref(), Some(text.as_str()));
    done(&store, [set("proof", "short", Some(&text))]).await;
    assert_eq!(noted(&store, "proof").await.as_deref(), Some("short"));
}
