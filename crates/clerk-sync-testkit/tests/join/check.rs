//! What must be true, always and in the end.

use clerk_sync_core::{
    Change, Decision, Entry, Fact, Profile, Record, Role, Subject, Timestamp, UserId, Via,
};
use clerk_sync_testkit::State;
use proptest::test_runner::TestCaseError;

use crate::run::Run;
use crate::world::World;

fn fail<T>(why: impl Into<String>) -> Result<T, TestCaseError> {
    Err(TestCaseError::fail(why.into()))
}

/// Revisions and versions never fall, and tombstones stay.
pub(crate) fn forwards(state: &State, changes: &[Change]) -> Result<(), TestCaseError> {
    for change in changes {
        let (id, after) = match change {
            Change::Insert(record) | Change::Update { record, .. } => (&record.id, Some(record)),
            Change::Bury { tombstone, .. } => (&tombstone.id, None),
            _ => continue,
        };
        match (state.record(id), after) {
            (Some(Entry::Gone(_)), _) => return fail(format!("{id}: a tombstone is lifted or replaced")),
            (Some(Entry::Live(before)), Some(after)) => {
                if after.rev <= before.rev || after.version < before.version {
                    return fail(format!("{id}: goes backwards"));
                }
                if before.role != after.role {
                    return fail(format!("{id}: a role changes"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What the decision says is stored is stored.
pub(crate) fn decided_entry(state: &State, id: &UserId, decision: &Decision) -> Result<(), TestCaseError> {
    if decision.entry.is_some() && state.record(id) != decision.entry.as_ref() {
        return fail(format!("{id}: another entry is stored than was decided"));
    }
    Ok(())
}

/// Whoever holds something has the highest claim to it, and the highest claim holds.
pub(crate) fn holders(state: &State) -> Result<(), TestCaseError> {
    for record in state.records() {
        if let Some(key) = record.email_claim_key() {
            let best =
                state.records().filter(|r| r.email_claim_key() == Some(key)).max_by_key(|r| r.email_rank());
            if (best.map(|r| &r.id) == Some(&record.id)) != (record.email_key() == Some(key)) {
                return fail(format!("{}: holds an address against the order of claims", record.id));
            }
        }
        if record.email_key().is_some_and(|key| record.email_claim_key() != Some(key)) {
            return fail(format!("{}: holds an address it does not claim", record.id));
        }
        if let Some(key) = record.username_claim_key() {
            let best = state
                .records()
                .filter(|r| r.username_claim_key() == Some(key))
                .max_by_key(|r| r.username_rank());
            if (best.map(|r| &r.id) == Some(&record.id)) != (record.username_key() == Some(key)) {
                return fail(format!("{}: holds a name against the order of claims", record.id));
            }
            if record.username_key().is_some_and(|held| held != key) {
                return fail(format!("{}: holds another name than it was given", record.id));
            }
        }
    }
    let admins = state.records().filter(|record| record.role == Some(Role::admin())).count();
    if admins > 1 {
        return fail("two administrators");
    }
    Ok(())
}

/// In the end: what Clerk has is what is stored.
pub(crate) fn against_truth(world: &World, run: &Run<'_>) -> Result<(), TestCaseError> {
    for history in &world.histories {
        let id = &history.id;
        match (history.truth(), run.state.record(id)) {
            (None, Some(Entry::Gone(_))) => {}
            (Some(truth), Some(Entry::Live(record))) => {
                if record.profile != truth.profile || record.version != truth.version {
                    return fail(format!("{id}: is not what Clerk has"));
                }
                if record.last_sign_in_at != truth.last_sign_in_at {
                    return fail(format!("{id}: last signed in at another time"));
                }
                if record.profile.username.is_none() && !is_derived(record) {
                    return fail(format!("{id}: has no username, and none was given"));
                }
            }
            (_, entry) => return fail(format!("{id}: live or gone, unlike in Clerk: {entry:?}")),
        }
    }
    match run.state.first_admin() {
        None if run.created_by_user => fail("nobody is the first administrator"),
        Some(_) if !run.created_by_user => fail("an administrator nobody made"),
        Some(id) => match run.state.record(id).and_then(Entry::live) {
            Some(record) if record.role != Some(Role::admin()) => fail("the first administrator is none"),
            _ => Ok(()),
        },
        None => Ok(()),
    }
}

/// Whether the record holds one of the names that follow from its profile and id.
fn is_derived(record: &Record) -> bool {
    let snapshot = clerk_sync_core::Snapshot {
        id: record.id.clone(),
        version: None,
        profile: record.profile.clone(),
        last_sign_in_at: None,
    };
    let names = Subject::of(Some(&Fact::Snapshot { snapshot, via: Via::Sweep }), None).username_keys;
    record.username_key().is_some_and(|key| names.iter().any(|name| name == key))
}

/// What has to be the same in every order.
#[derive(Debug, PartialEq)]
pub(crate) struct Comparable {
    id: UserId,
    gone: bool,
    profile: Option<Profile>,
    last_sign_in_at: Option<Timestamp>,
    email: Option<String>,
    given_username: Option<String>,
}

/// The end of a run, as far as it must not depend on the order: not who became the first administrator, and
/// not which of two derived names got the suffix.
pub(crate) fn comparable(run: &Run<'_>) -> Vec<Comparable> {
    let of = |entry: Entry| match entry {
        Entry::Gone(tombstone) => Comparable {
            id: tombstone.id,
            gone: true,
            profile: None,
            last_sign_in_at: None,
            email: None,
            given_username: None,
        },
        Entry::Live(record) => Comparable {
            email: record.email.as_ref().map(|email| email.as_str().into()),
            given_username: record
                .username
                .as_ref()
                .filter(|_| record.profile.username.is_some())
                .map(|name| name.as_str().into()),
            id: record.id,
            gone: false,
            profile: Some(record.profile),
            last_sign_in_at: record.last_sign_in_at,
        },
    };
    run.state.entries(None, 1_000).into_iter().map(of).collect()
}
