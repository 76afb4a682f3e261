//! Clerk: a script of changes, what each change tells by webhook, and what is read of a user at any moment.

use clerk_sync_core::{EmailClaim, Fact, Profile, Snapshot, Source, Timestamp, UserId, Via};
use clerk_sync_testkit::sample::{at, email, user_id, username};

/// How many users a script may have.
pub(crate) const USERS: usize = 2;
/// How many changes a script may have, each with its webhook.
pub(crate) const EVENTS: usize = 6;

/// What a user is in Clerk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content {
    /// The address, and whether it is verified.
    pub(crate) email: Option<(&'static str, bool)>,
    pub(crate) username: Option<&'static str>,
    pub(crate) first_name: &'static str,
}

/// One change of Clerk's, told by one webhook.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// The user is created, or changed, at a version.
    Becomes { user: usize, version: i64, content: Content },
    /// The user changes, and the webhook carries no version.
    Unversioned { user: usize, version: i64, content: Content },
    /// The user signs in.
    SignsIn { user: usize },
    /// The user is deleted, for good.
    Deleted { user: usize },
}

impl Change {
    pub(crate) fn user(self) -> usize {
        match self {
            Self::Becomes { user, .. }
            | Self::Unversioned { user, .. }
            | Self::SignsIn { user }
            | Self::Deleted { user } => user,
        }
    }
}

/// What Clerk has of a user at one moment.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a dozen exist")]
pub(crate) enum Standing {
    Unborn,
    Live(Snapshot),
    Gone,
}

/// The script, with what follows from it worked out once.
#[derive(Debug, Clone)]
pub(crate) struct Clerk {
    script: Vec<Change>,
    /// By how many changes have happened, then by user.
    standings: Vec<[Standing; USERS]>,
    /// By how many changes have happened, then by user: the last change of that user.
    latest: Vec<[u8; USERS]>,
    facts: Vec<Fact>,
}

impl Clerk {
    pub(crate) fn new(script: &[Change]) -> Self {
        assert!(script.len() <= EVENTS, "a script has at most {EVENTS} changes");
        let mut clerk = Self {
            script: script.to_vec(),
            standings: vec![[Standing::Unborn, Standing::Unborn]],
            latest: vec![[0; USERS]],
            facts: Vec::new(),
        };
        for (index, change) in script.iter().enumerate() {
            let mut standings = clerk.standings[index].clone();
            let mut latest = clerk.latest[index];
            let (standing, fact) = happen(&standings[change.user()], *change, index);
            standings[change.user()] = standing;
            latest[change.user()] = index as u8 + 1;
            clerk.standings.push(standings);
            clerk.latest.push(latest);
            clerk.facts.push(fact);
        }
        clerk
    }

    /// How many changes there are.
    pub(crate) fn len(&self) -> u8 {
        self.script.len() as u8
    }

    pub(crate) fn change(&self, event: u8) -> Change {
        self.script[usize::from(event)]
    }

    /// What the webhook of a change says.
    pub(crate) fn fact(&self, event: u8) -> &Fact {
        &self.facts[usize::from(event)]
    }

    pub(crate) fn standing(&self, user: usize, position: u8) -> &Standing {
        &self.standings[usize::from(position)][user]
    }

    /// The earliest moment at which the user was as at `position`. Two moments between which nothing happened
    /// to the user are the same moment as far as reading that user goes.
    pub(crate) fn latest(&self, user: usize, position: u8) -> u8 {
        self.latest[usize::from(position)][user]
    }

    pub(crate) fn is_live(&self, user: usize, position: u8) -> bool {
        matches!(self.standing(user, position), Standing::Live(_))
    }

    pub(crate) fn snapshot(&self, user: usize, position: u8) -> Option<&Snapshot> {
        match self.standing(user, position) {
            Standing::Live(snapshot) => Some(snapshot),
            _ => None,
        }
    }

    /// What a token issued at `position` says of its user: less than Clerk has.
    pub(crate) fn claims(&self, user: usize, position: u8) -> Option<Profile> {
        let profile = &self.snapshot(user, position)?.profile;
        Some(Profile { email: profile.email.clone(), ..Profile::default() })
    }
}

/// The users' ids; their last eight characters are the same, so that derived names clash too.
pub(crate) fn id_of(user: usize) -> UserId {
    user_id(["a_12345678", "b_12345678"][user])
}

fn happen(before: &Standing, change: Change, index: usize) -> (Standing, Fact) {
    let id = id_of(change.user());
    let known = match before {
        Standing::Live(snapshot) => Some(snapshot.clone()),
        _ => None,
    };
    match change {
        Change::Becomes { version, content, .. } | Change::Unversioned { version, content, .. } => {
            let last_sign_in_at = known.and_then(|snapshot| snapshot.last_sign_in_at);
            let snapshot =
                Snapshot { id, version: Some(of(version)), profile: content.profile(), last_sign_in_at };
            let mut told = snapshot.clone();
            if matches!(change, Change::Unversioned { .. }) {
                told.version = None;
            }
            (Standing::Live(snapshot), Fact::Snapshot { snapshot: told, via: Via::Webhook })
        }
        Change::SignsIn { .. } => {
            let at = at(index as i64 - 100);
            let mut snapshot = known.expect("only a user there is signs in");
            snapshot.last_sign_in_at = Some(at);
            (Standing::Live(snapshot), Fact::SignedIn { id, at })
        }
        Change::Deleted { .. } => {
            (Standing::Gone, Fact::Deleted { id, at: of(index as i64), source: Source::Webhook })
        }
    }
}

/// A small number as a version.
fn of(version: i64) -> Timestamp {
    at(version - 1_000)
}

impl Content {
    fn profile(&self) -> Profile {
        Profile {
            email: self.email.map(|(text, verified)| EmailClaim { address: email(text), verified }),
            username: self.username.map(username),
            first_name: Some(self.first_name.into()),
            ..Profile::default()
        }
    }
}
