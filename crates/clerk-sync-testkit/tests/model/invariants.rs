//! What must hold of our database: of each state, of each commit, and of what is left when all is quiet.

use clerk_sync_core::{
    Change, Decision, DeliveryStatus, Entry, Fact, Outcome, Record, Role, Snapshot, Subject, Timestamp,
    UserId, Via,
};
use clerk_sync_testkit::State;

use crate::clerk::{Clerk, Standing, USERS, id_of};
use crate::ledger::{deliveries, delivery_of};
use crate::violation::Violation;

/// What must hold of every state.
pub(crate) fn of_state(clerk: &Clerk, state: &State) -> Option<Violation> {
    unique(state).or_else(|| one_admin(state)).or_else(|| effects(clerk, state))
}

fn unique(state: &State) -> Option<Violation> {
    let records: Vec<&Record> = state.records().collect();
    let twice = |key: fn(&Record) -> Option<&str>| {
        let mut keys: Vec<&str> = records.iter().filter_map(|record| key(record)).collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        keys.len() != count
    };
    (twice(Record::email_key) || twice(Record::username_key)).then_some(Violation::HeldTwice)
}

fn one_admin(state: &State) -> Option<Violation> {
    for record in state.records() {
        let Some(first) = state.first_admin() else { return Some(Violation::NoAdmin) };
        if (record.role == Some(Role::admin())) != (*first == record.id) {
            return Some(Violation::TwoAdmins);
        }
    }
    None
}

/// A delivery that is done has left its mark: a deletion a tombstone, a version one not below it.
fn effects(clerk: &Clerk, state: &State) -> Option<Violation> {
    for (event, replayed) in deliveries(clerk) {
        let delivery = state.delivery(&delivery_of(clerk, event, replayed).id);
        if delivery.is_none_or(|delivery| delivery.status != DeliveryStatus::Processed) {
            continue;
        }
        let fact = clerk.fact(event);
        let kept = match (state.record(fact.user_id()), fact) {
            (Some(Entry::Gone(_)), _) => true,
            (_, Fact::Deleted { .. }) => false,
            (Some(Entry::Live(record)), Fact::Snapshot { snapshot, .. }) => {
                record.version >= snapshot.version
            }
            (entry, Fact::SignedIn { at, .. }) => {
                let noted =
                    entry.and_then(Entry::live).is_some_and(|record| record.last_sign_in_at >= Some(*at));
                // One of somebody Clerk no longer had was put away, and their tombstone is yet to come.
                noted || *clerk.standing(clerk.change(event).user(), clerk.len()) == Standing::Gone
            }
            _ => false,
        };
        if !kept {
            return Some(Violation::EffectLost);
        }
    }
    None
}

/// What must hold of every commit.
pub(crate) fn of_commit(before: &State, after: &State, decision: &Decision) -> Option<Violation> {
    for user in 0..USERS {
        let id = id_of(user);
        let violation = match (before.record(&id), after.record(&id)) {
            (Some(Entry::Gone(_)), Some(Entry::Live(_))) => Some(Violation::RevivedUser),
            (Some(_), None) => Some(Violation::DroppedUser),
            (Some(Entry::Live(before)), Some(Entry::Live(after))) => of_record(before, after, decision),
            _ => None,
        };
        if violation.is_some() {
            return violation;
        }
    }
    let again = decision.changes.iter().any(|change| match change {
        Change::Log { delivery, .. } => {
            before.delivery(&delivery.id).is_some_and(|known| known.status == DeliveryStatus::Processed)
        }
        _ => false,
    });
    again.then_some(Violation::AppliedTwice)
}

fn of_record(before: &Record, after: &Record, decision: &Decision) -> Option<Violation> {
    if after.version < before.version {
        return Some(Violation::VersionFell);
    }
    if after.role != before.role {
        return Some(Violation::TwoAdmins);
    }
    // Only Clerk's answer by id settles a record.
    let asked = decision.outcome == Outcome::Repaired
        && decision.entry.as_ref().and_then(Entry::live).is_some_and(|record| record.id == after.id);
    (before.is_dirty() && !after.is_dirty() && !asked).then_some(Violation::DirtyLost)
}

/// What must hold once nothing is under way and nothing waits: every row is what Clerk has.
pub(crate) fn of_quiet(clerk: &Clerk, state: &State) -> Option<Violation> {
    let end = clerk.len();
    (0..USERS).find_map(|user| match (clerk.standing(user, end), state.record(&id_of(user))) {
        (Standing::Unborn, None) | (Standing::Gone, Some(Entry::Gone(_))) => None,
        (Standing::Live(truth), Some(Entry::Live(record))) => of_row(clerk, truth, record),
        (Standing::Live(_), None) => Some(Violation::DroppedUser),
        (Standing::Gone, Some(Entry::Live(_))) => Some(Violation::RevivedUser),
        _ => Some(Violation::WrongDeletion),
    })
}

fn of_row(clerk: &Clerk, truth: &Snapshot, record: &Record) -> Option<Violation> {
    if (record.version, &record.profile) != (truth.version, &truth.profile)
        || record.last_sign_in_at != truth.last_sign_in_at
    {
        return Some(Violation::LostUpdate);
    }
    let claimed = record.email_claim_key();
    if record.email_key() != claimed.filter(|key| holder(clerk, email_claim, key) == Some(&truth.id)) {
        return Some(Violation::WrongHolder);
    }
    match record.username_claim_key() {
        Some(key) => {
            let holds = holder(clerk, username_claim, key) == Some(&truth.id);
            (record.username_key() != Some(key).filter(|_| holds)).then_some(Violation::WrongHolder)
        }
        None => (!is_derived(truth, record)).then_some(Violation::WrongHolder),
    }
}

/// A claim to a value, and its rank.
type Claim<'a> = Option<(&'a str, (bool, Option<Timestamp>, &'a UserId))>;

fn email_claim(snapshot: &Snapshot) -> Claim<'_> {
    let claim = snapshot.profile.email.as_ref()?;
    Some((claim.address.key(), (claim.verified, snapshot.version, &snapshot.id)))
}

fn username_claim(snapshot: &Snapshot) -> Claim<'_> {
    Some((snapshot.profile.username.as_ref()?.key(), (false, snapshot.version, &snapshot.id)))
}

/// Who has the highest claim to a value among those who live in Clerk at the end: verified before unverified,
/// then the newest, then by id.
fn holder<'a>(clerk: &'a Clerk, claim: fn(&'a Snapshot) -> Claim<'a>, key: &str) -> Option<&'a UserId> {
    let claims = (0..USERS).filter_map(|user| claim(clerk.snapshot(user, clerk.len())?));
    claims.filter(|(of, _)| *of == key).map(|(_, rank)| rank).max().map(|(_, _, id)| id)
}

/// Whether the record has one of the names that follow from its profile and id.
fn is_derived(truth: &Snapshot, record: &Record) -> bool {
    let fact = Fact::Snapshot { snapshot: truth.clone(), via: Via::Sweep };
    let names = Subject::of(Some(&fact), None).username_keys;
    record.username_key().is_some_and(|key| names.iter().any(|name| name == key))
}
