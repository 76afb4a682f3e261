use crate::{Profile, Revision, Source, Timestamp, UserId};

/// A whole user as Clerk had it at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Clerk's id.
    pub id: UserId,
    /// Clerk's `updated_at`; `None` when it was missing or unreadable. It is no total order: two changes
    /// may carry the same one.
    pub version: Option<Timestamp>,
    /// The fields kept.
    pub profile: Profile,
    /// Clerk's `last_sign_in_at`; joined as a maximum.
    pub last_sign_in_at: Option<Timestamp>,
}

/// What brought a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A webhook.
    Webhook,
    /// A fetch for an unknown user who came with a valid token. It only creates, it never overwrites.
    Lookup {
        /// Whether the session is an impersonated one; such a session never makes an administrator.
        impersonated: bool,
    },
    /// An entry of a list; merged like a webhook.
    Sweep,
}

impl Via {
    /// The source this way stands for.
    pub const fn source(self) -> Source {
        match self {
            Self::Webhook => Source::Webhook,
            Self::Lookup { .. } => Source::Lookup,
            Self::Sweep => Source::Sweep,
        }
    }
}

/// Something learnt about one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A whole user.
    Snapshot {
        /// The user.
        snapshot: Snapshot,
        /// What brought it.
        via: Via,
    },
    /// The answer by id to a repair, valid only while the record is at `fence`.
    Repaired {
        /// The user as Clerk has it.
        snapshot: Snapshot,
        /// The revision read before Clerk was asked.
        fence: Revision,
    },
    /// What a session token says of its user: it creates a record where there is none, nothing else.
    Claims {
        /// The user.
        id: UserId,
        /// The fields the claims carry; all others as by default.
        profile: Profile,
        /// Whether the session is an impersonated one.
        impersonated: bool,
    },
    /// The user was deleted.
    Deleted {
        /// The user.
        id: UserId,
        /// When.
        at: Timestamp,
        /// What told of it.
        source: Source,
    },
    /// Clerk, asked by id and asked again, has no such user; valid only while the record is at `fence`.
    Absent {
        /// The user.
        id: UserId,
        /// When Clerk said so.
        at: Timestamp,
        /// The revision read before Clerk was asked.
        fence: Revision,
    },
    /// Something is off about the record (a list lacks the user, an event could not be read): Clerk must be
    /// asked by id. A list is never a reason to delete.
    Doubted {
        /// The user.
        id: UserId,
    },
    /// The user signed in.
    SignedIn {
        /// The user.
        id: UserId,
        /// When.
        at: Timestamp,
    },
}

impl Fact {
    /// The user it is about.
    pub fn user_id(&self) -> &UserId {
        match self {
            Self::Snapshot { snapshot, .. } | Self::Repaired { snapshot, .. } => &snapshot.id,
            Self::Claims { id, .. }
            | Self::Deleted { id, .. }
            | Self::Absent { id, .. }
            | Self::Doubted { id }
            | Self::SignedIn { id, .. } => id,
        }
    }

    /// The profile it carries, if it carries one.
    pub fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Snapshot { snapshot, .. } | Self::Repaired { snapshot, .. } => Some(&snapshot.profile),
            Self::Claims { profile, .. } => Some(profile),
            Self::Deleted { .. } | Self::Absent { .. } | Self::Doubted { .. } | Self::SignedIn { .. } => None,
        }
    }
}
