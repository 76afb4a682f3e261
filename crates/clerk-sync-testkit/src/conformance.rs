//! The meaning of [`Store`](clerk_sync_core::port::Store) and [`Inspect`](clerk_sync_core::port::Inspect),
//! case by case.
//!
//! [`conformance!`](crate::conformance!) makes one test of each case. A case is an async function over an
//! empty store; it ends in a panic where the store means something else. No case sleeps or reads a clock.
#![allow(clippy::expect_used, reason = "these are tests: an unexpected error is to end the case")]

pub mod backlog;
pub mod commit;
pub mod concurrency;
pub mod deliveries;
pub mod leases;
pub mod notes;
pub mod round_trip;
pub mod search;
pub mod uniqueness;
pub mod view;

use std::sync::Arc;

use clerk_sync_core::{Change, Commit, Entry, Record, Revision, Subject, Tombstone, UserId, View};

use crate::StoreAndInspect;

/// A store under test.
pub type Tested = Arc<dyn StoreAndInspect>;

/// Makes one `#[tokio::test]` of each case of the suite.
///
/// `$make` is an async function without arguments that answers with an empty store and anything that has to
/// live as long as the case: `async fn make() -> (Tested, TempDir)`. The calling crate needs `tokio` with
/// `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! conformance {
    ($make:path) => {
        $crate::conformance_cases! { $make;
            commit: [
                insert_then_record,
                insert_on_a_record_is_stale,
                insert_on_a_tombstone_is_stale,
                update_at_the_revision,
                update_at_another_revision_is_stale,
                update_without_a_record_is_stale,
                update_on_a_tombstone_is_stale,
                bury_a_record,
                bury_without_a_record,
                bury_at_another_revision_is_stale,
                bury_expecting_nothing_on_something_is_stale,
                bury_on_a_tombstone_is_stale,
                nothing_to_do_is_done,
                all_or_nothing,
                first_admin_is_claimed_once,
                postpone_repair_at_the_revision,
                postpone_repair_at_another_revision_does_nothing,
                postpone_repair_without_a_record_does_nothing,
            ],
            uniqueness: [
                a_held_email_is_stale,
                a_held_username_is_stale,
                claims_may_be_shared,
                swap_an_email,
                swap_a_username,
                swap_both_in_both_directions,
                rotate_among_three,
                hand_over_to_a_new_record,
                hand_over_from_a_buried_record,
                two_records_of_one_commit_with_one_key_are_stale,
                a_tombstone_holds_nothing,
            ],
            view: [
                nothing_stored,
                subject_without_a_user,
                entry_and_first_admin,
                a_tombstone_is_an_entry,
                delivery_state,
                email_holder_and_best_other_claim,
                email_claims_rank_by_verified_version_id,
                username_holder_and_best_given_claim,
                username_claims_rank_by_version_id,
                derived_usernames_are_holders_and_no_claims,
                keys_of_the_stored_record_count,
                keys_held_and_claimed_apart,
                the_subject_is_no_rival,
                a_rival_is_named_once,
                many_claimants_stay_bounded,
                keys_are_compared_lower_cased,
                tombstones_are_no_rivals,
                many_see_what_each_sees,
                a_page_of_views,
            ],
            deliveries: [
                log_a_new_one,
                log_a_known_one_is_stale,
                log_at_the_attempts,
                log_at_other_attempts_is_stale,
                log_of_an_unknown_one_is_stale,
                log_and_record_are_one,
                newest_first_by_status,
                drop_bodies_keeps_ids,
                drop_bodies_by_status_age_and_limit,
            ],
            leases: [
                repairs_oldest_due_first,
                repairs_are_leased_and_come_back,
                repairs_keep_the_revision,
                repairs_take_only_what_is_due,
                repairs_of_clean_and_gone_are_not_taken,
                deliveries_oldest_due_first,
                deliveries_are_leased_and_come_back,
                deliveries_of_every_waiting_status_only,
                concurrent_takers_never_get_the_same_repair,
                concurrent_takers_never_get_the_same_delivery,
            ],
            notes: [
                nothing_is_noted,
                a_note_is_set_once,
                a_note_is_set_on_what_was_read,
                a_note_at_another_text_is_stale,
                notes_are_apart,
                notes_and_records_are_one,
                one_of_many_notes_wins,
                a_note_may_be_long,
            ],
            concurrency: [
                one_of_many_inserts_wins,
                one_of_many_updates_wins,
                one_of_many_holders_wins,
                one_first_admin_among_a_hundred,
                every_insert_of_many_is_kept,
                a_view_is_one_moment,
            ],
            round_trip: [
                every_field_of_a_record,
                every_field_of_an_update,
                every_field_of_a_delivery,
                a_tombstone_of_every_source,
                large_bodies,
                times_are_exact_to_the_millisecond,
            ],
            backlog: [
                of_nothing,
                of_deliveries,
                of_records,
                unconfirmed_are_made_just_in_time,
                entries_page_by_page,
                entries_while_writing,
                pages_have_a_limit,
                ping_answers,
                a_new_store_is_healthy,
            ],
            search: [
                deliveries_by_each_filter,
                deliveries_by_all_filters,
                deliveries_page_by_page,
                users_by_each_filter,
                users_by_email_prefix,
                users_page_by_page,
                erase_what_is_about_a_user,
                erase_no_more_than_asked_for,
            ],
        }
    };
}

/// The expansion of [`conformance!`](crate::conformance!).
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($make:path; $($module:ident: [$($case:ident,)*],)*) => {
        $(
            mod $module {
                #[allow(unused_imports, reason = "a path to an item of the root needs none")]
                use super::*;
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                    async fn $case() {
                        let (store, _keep) = $make().await;
                        $crate::conformance::$module::$case(store).await;
                    }
                )*
            }
        )*
    };
}

async fn commit(store: &Tested, changes: impl Into<Vec<Change>>) -> Commit {
    store.commit(changes.into()).await.expect("an answer to a commit")
}

/// Commits changes that must succeed.
async fn done(store: &Tested, changes: impl Into<Vec<Change>>) {
    assert_eq!(commit(store, changes).await, Commit::Done);
}

/// Commits changes that must lose, and sees that nothing has changed.
async fn stale(store: &Tested, changes: impl Into<Vec<Change>>) {
    let before = store.entries(None, 1_000).await.expect("entries");
    let log = store.deliveries(None, 1_000).await.expect("deliveries");
    assert_eq!(commit(store, changes).await, Commit::Stale);
    assert_eq!(store.entries(None, 1_000).await.expect("entries"), before);
    assert_eq!(store.deliveries(None, 1_000).await.expect("deliveries"), log);
}

async fn insert_all(store: &Tested, records: &[Record]) {
    done(store, records.iter().cloned().map(Change::Insert).collect::<Vec<_>>()).await;
}

async fn stored(store: &Tested, id: &UserId) -> Option<Entry> {
    store.record(id).await.expect("an answer to a read")
}

async fn is_live(store: &Tested, record: &Record) {
    assert_eq!(stored(store, &record.id).await, Some(Entry::Live(record.clone())));
}

async fn is_absent(store: &Tested, id: &UserId) {
    assert_eq!(stored(store, id).await, None);
}

/// A view, its rivals in the order of their ids, since their order means nothing.
async fn view(store: &Tested, subject: &Subject) -> View {
    let mut view = store.view(subject).await.expect("a view");
    view.rivals.sort_by(|a, b| a.id.cmp(&b.id));
    view
}

fn about(id: &UserId) -> Subject {
    Subject { id: Some(id.clone()), email_keys: Vec::new(), username_keys: Vec::new(), delivery: None }
}

fn update(record: Record, expected: Revision) -> Change {
    Change::Update { record, expected }
}

/// The change that writes the record one revision later.
fn write(record: &Record) -> Change {
    let mut after = record.clone();
    after.rev = record.rev.next();
    Change::Update { record: after, expected: record.rev }
}

fn bury(tombstone: Tombstone, expected: Option<Revision>) -> Change {
    Change::Bury { tombstone, expected }
}
