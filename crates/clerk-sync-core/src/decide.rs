//! The join: a fact meets what is known.

mod outcome;
mod unique;

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use crate::{
    Change, Entry, Fact, Profile, Record, Repair, Revision, Role, RolePolicy, Snapshot, Source, Timestamp,
    Tombstone, UserId, Via, View,
};
pub use outcome::Outcome;
use unique::Draft;
pub(crate) use unique::username_candidates;

/// A version further ahead of our clock than this is not believed, in milliseconds.
pub const MAX_AHEAD_MS: i64 = 300_000;

/// What follows from a fact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decision {
    /// What became of the fact, with its reason.
    pub outcome: Outcome,
    /// What must be committed, all of it or nothing; empty when nothing changes.
    pub changes: Vec<Change>,
    /// What is stored under the subject's id once the changes are committed.
    pub entry: Option<Entry>,
}

impl Decision {
    fn unchanged(outcome: Outcome, view: &View) -> Self {
        Self { outcome, changes: Vec::new(), entry: view.entry.clone() }
    }
}

/// Judges `fact` against `view`: every pair has exactly one answer.
///
/// Rules R1 to R13 of the protocol are described in ARCHITECTURE.md; the comments here name them.
pub fn decide(view: &View, fact: &Fact, now: Timestamp, policy: &RolePolicy) -> Decision {
    let record = match &view.entry {
        // R2: deleted is final.
        Some(Entry::Gone(_)) => {
            let again = matches!(fact, Fact::Deleted { .. } | Fact::Absent { .. });
            return Decision::unchanged(if again { Outcome::AlreadyDeleted } else { Outcome::Gone }, view);
        }
        Some(Entry::Live(record)) => Some(record),
        None => None,
    };
    let step = Step { view, now, policy };
    match (record, fact) {
        (None, Fact::Snapshot { snapshot, via }) => step.create_from_snapshot(snapshot, *via),
        (None, Fact::Claims { id, profile, impersonated }) => {
            let seed =
                Seed { source: Source::Claims, impersonated: *impersonated, version: None, sign_in: None };
            step.create(id, profile, &seed)
        }
        (None, Fact::Deleted { id, at, source }) => step.bury(id, None, *at, *source),
        // Only an id that has a row can be deleted by answers by id; and a repair has nothing to repair.
        (None, Fact::Absent { .. } | Fact::Repaired { .. }) => Decision::unchanged(Outcome::Fenced, view),
        (None, Fact::SignedIn { .. } | Fact::Doubted { .. }) => Decision::unchanged(Outcome::Unknown, view),

        // R7: a look-up and claims only create.
        (Some(_), Fact::Claims { .. } | Fact::Snapshot { via: Via::Lookup { .. }, .. }) => {
            Decision::unchanged(Outcome::AlreadyKnown, view)
        }
        (Some(record), Fact::Snapshot { snapshot, via }) => step.merge(record, snapshot, *via),
        // R5: a repair writes only where nothing was written since it began.
        (Some(record), Fact::Repaired { fence, .. } | Fact::Absent { fence, .. }) if record.rev != *fence => {
            Decision::unchanged(Outcome::Fenced, view)
        }
        (Some(record), Fact::Repaired { snapshot, .. }) => step.settle(record, snapshot),
        (Some(record), Fact::Absent { id, at, .. }) => step.bury(id, Some(record), *at, Source::Repair),
        (Some(record), Fact::Deleted { id, at, source }) => step.bury(id, Some(record), *at, *source),
        (Some(record), Fact::SignedIn { at, .. }) => step.sign_in(record, *at),
        (Some(record), Fact::Doubted { .. }) => {
            let mut after = record.clone();
            step.soil(&mut after);
            step.write(record, after, Outcome::Doubted)
        }
    }
}

/// What a record is created from, beside its profile.
struct Seed {
    source: Source,
    impersonated: bool,
    version: Option<Timestamp>,
    sign_in: Option<Timestamp>,
}

/// One application of [`decide`].
struct Step<'a> {
    view: &'a View,
    now: Timestamp,
    policy: &'a RolePolicy,
}

impl Step<'_> {
    /// R3: a version too far ahead would block every later one, so it counts as none.
    fn believable(&self, version: Option<Timestamp>) -> Option<Timestamp> {
        version.filter(|version| version.millis_since(self.now) <= MAX_AHEAD_MS)
    }

    fn create_from_snapshot(&self, snapshot: &Snapshot, via: Via) -> Decision {
        let seed = Seed {
            source: via.source(),
            impersonated: matches!(via, Via::Lookup { impersonated: true }),
            version: self.believable(snapshot.version),
            sign_in: snapshot.last_sign_in_at,
        };
        self.create(&snapshot.id, &snapshot.profile, &seed)
    }

    fn create(&self, id: &UserId, profile: &Profile, seed: &Seed) -> Decision {
        // R11: the first administrator is whoever gets the one claim row, in the same commit.
        let claims_admin = *self.policy == RolePolicy::FirstUserAdmin
            && self.view.first_admin.is_none()
            && !seed.impersonated;
        let role = if claims_admin { Some(Role::admin()) } else { self.policy.role(id, profile) };
        let record = Record {
            id: id.clone(),
            rev: Revision::FIRST,
            version: seed.version,
            profile: profile.clone(),
            email: None,
            username: None,
            role,
            last_sign_in_at: seed.sign_in,
            // Without a version of Clerk's to compare with, Clerk must be asked.
            repair: seed.version.is_none().then_some(Repair { due_at: self.now, attempts: 0 }),
            source: seed.source,
            recorded_at: self.now,
            changed_at: self.now,
            webhook_at: (seed.source == Source::Webhook).then_some(self.now),
        };
        let mut draft = Draft::new(self.view, None, self.now);
        let entry = draft.place(record, false);
        let mut changes = draft.into_changes();
        if claims_admin {
            changes.push(Change::ClaimFirstAdmin(id.clone()));
        }
        Decision { outcome: Outcome::Created, changes, entry: Some(entry) }
    }

    fn merge(&self, record: &Record, snapshot: &Snapshot, via: Via) -> Decision {
        let mut after = self.noting(record, snapshot.last_sign_in_at, via == Via::Webhook);
        let Some(version) = self.believable(snapshot.version) else {
            self.soil(&mut after);
            return self.write(record, after, Outcome::Unversioned);
        };
        // A record made from claims has no version, so any version is newer.
        match record.version.map_or(core::cmp::Ordering::Greater, |known| version.cmp(&known)) {
            // R3: strictly older; only what is a maximum or a first can still be learnt from it.
            core::cmp::Ordering::Less if after == *record => Decision::unchanged(Outcome::Older, self.view),
            core::cmp::Ordering::Less => self.write(record, after, Outcome::Older),
            // R6: the revision moves although nothing else does, or a repair under way could miss it.
            core::cmp::Ordering::Equal if record.profile == snapshot.profile => {
                self.write(record, after, Outcome::Unchanged)
            }
            // R4: same version, other content: neither may win, Clerk must be asked.
            core::cmp::Ordering::Equal => {
                self.soil(&mut after);
                self.write(record, after, Outcome::Tie)
            }
            core::cmp::Ordering::Greater => {
                self.replace(&mut after, record, &snapshot.profile, version);
                self.write(record, after, Outcome::Updated)
            }
        }
    }

    /// R5: the answer by id settles a dirty record; an equal version from it wins.
    fn settle(&self, record: &Record, snapshot: &Snapshot) -> Decision {
        // Were a version ahead of our clock kept, it would block later ones; what was true at `now` can
        // stand as of `now`.
        let version = self.believable(snapshot.version).unwrap_or(self.now);
        if record.version.is_some_and(|known| version < known) {
            return Decision::unchanged(Outcome::StaleAnswer, self.view);
        }
        let mut after = self.noting(record, snapshot.last_sign_in_at, false);
        self.replace(&mut after, record, &snapshot.profile, version);
        after.repair = None;
        let mut draft = Draft::new(self.view, Some(record), self.now);
        let entry = draft.place(after, true);
        Decision { outcome: Outcome::Repaired, changes: draft.into_changes(), entry: Some(entry) }
    }

    fn sign_in(&self, record: &Record, at: Timestamp) -> Decision {
        let after = self.noting(record, Some(at), true);
        if after == *record {
            return Decision::unchanged(Outcome::Older, self.view);
        }
        self.write(record, after, Outcome::SignedIn)
    }

    fn bury(&self, id: &UserId, record: Option<&Record>, at: Timestamp, source: Source) -> Decision {
        let tombstone = Tombstone { id: id.clone(), at, source };
        let mut draft = Draft::new(self.view, record, self.now);
        let entry = draft.bury(tombstone);
        Decision { outcome: Outcome::Deleted, changes: draft.into_changes(), entry: Some(entry) }
    }

    fn write(&self, before: &Record, after: Record, outcome: Outcome) -> Decision {
        let mut draft = Draft::new(self.view, Some(before), self.now);
        let entry = draft.place(after, false);
        Decision { outcome, changes: draft.into_changes(), entry: Some(entry) }
    }

    /// The record with what is joined as a maximum or a first.
    fn noting(&self, record: &Record, sign_in: Option<Timestamp>, by_webhook: bool) -> Record {
        let mut after = record.clone();
        after.last_sign_in_at = after.last_sign_in_at.max(sign_in);
        if by_webhook && after.webhook_at.is_none() {
            after.webhook_at = Some(self.now);
        }
        after
    }

    fn replace(&self, after: &mut Record, before: &Record, profile: &Profile, version: Timestamp) {
        // Claims say too little for a policy that looks at the profile: its role waits for a whole user.
        if before.version.is_none() && *self.policy != RolePolicy::FirstUserAdmin {
            after.role = self.policy.role(&before.id, profile);
        }
        after.profile = profile.clone();
        after.version = Some(version);
    }

    fn soil(&self, record: &mut Record) {
        record.repair.get_or_insert(Repair { due_at: self.now, attempts: 0 });
    }
}
