use core::fmt;

/// What became of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The record is new.
    Created,
    /// The record has newer content.
    Updated,
    /// The content was known; only the revision moved.
    Unchanged,
    /// The record has a newer version.
    Older,
    /// Same version, other content: the record is dirty, Clerk will be asked.
    Tie,
    /// The version is missing or too far ahead of our clock: the record is dirty, Clerk will be asked.
    Unversioned,
    /// A look-up or claims found the record already there.
    AlreadyKnown,
    /// The user was deleted before; nothing lifts that.
    Gone,
    /// The user is deleted now.
    Deleted,
    /// The user was deleted before, and this says so again.
    AlreadyDeleted,
    /// A dirty record is settled by Clerk's answer by id.
    Repaired,
    /// The record changed while Clerk was asked; the answer is not used.
    Fenced,
    /// Clerk's answer is older than the record; it will be asked again.
    StaleAnswer,
    /// The time of the last sign-in moved.
    SignedIn,
    /// Something is off about the record; Clerk will be asked.
    Doubted,
    /// There is no record of this user yet; the user must be fetched first.
    Unknown,
    /// The delivery was seen before.
    Duplicate,
    /// The delivery was seen before with another body; the first one stands.
    Conflicting,
    /// The delivery says nothing about a user that is kept.
    Acknowledged,
    /// The delivery is signed, and its body cannot be read.
    Unreadable,
    /// The delivery is of another Clerk instance.
    ForeignInstance,
}

impl Outcome {
    /// Every outcome there is.
    pub const ALL: [Self; 21] = [
        Self::Created,
        Self::Updated,
        Self::Unchanged,
        Self::Older,
        Self::Tie,
        Self::Unversioned,
        Self::AlreadyKnown,
        Self::Gone,
        Self::Deleted,
        Self::AlreadyDeleted,
        Self::Repaired,
        Self::Fenced,
        Self::StaleAnswer,
        Self::SignedIn,
        Self::Doubted,
        Self::Unknown,
        Self::Duplicate,
        Self::Conflicting,
        Self::Acknowledged,
        Self::Unreadable,
        Self::ForeignInstance,
    ];

    /// The outcome as a stable word, as stored and as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Older => "older",
            Self::Tie => "tie",
            Self::Unversioned => "unversioned",
            Self::AlreadyKnown => "already_known",
            Self::Gone => "gone",
            Self::Deleted => "deleted",
            Self::AlreadyDeleted => "already_deleted",
            Self::Repaired => "repaired",
            Self::Fenced => "fenced",
            Self::StaleAnswer => "stale_answer",
            Self::SignedIn => "signed_in",
            Self::Doubted => "doubted",
            Self::Unknown => "unknown",
            Self::Duplicate => "duplicate",
            Self::Conflicting => "conflicting",
            Self::Acknowledged => "acknowledged",
            Self::Unreadable => "unreadable",
            Self::ForeignInstance => "foreign_instance",
        }
    }

    /// The reason in a sentence, for operators.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Created => "there was no record of this user",
            Self::Updated => "its version is newer than the record's",
            Self::Unchanged => "version and content are those of the record",
            Self::Older => "the record is newer",
            Self::Tie => "same version but other content; Clerk will be asked",
            Self::Unversioned => "its version is missing or ahead of our clock; Clerk will be asked",
            Self::AlreadyKnown => "a look-up and token claims only create, and the record was there",
            Self::Gone => "the user was deleted, and deleted is final",
            Self::Deleted => "the user was deleted",
            Self::AlreadyDeleted => "the user was deleted before",
            Self::Repaired => "Clerk's answer by id settled the record",
            Self::Fenced => "the record changed while Clerk was asked",
            Self::StaleAnswer => "Clerk's answer is older than the record; it will be asked again",
            Self::SignedIn => "a later sign-in than the one known",
            Self::Doubted => "something is off about the record; Clerk will be asked",
            Self::Unknown => "there is no record of this user yet",
            Self::Duplicate => "this delivery was seen before",
            Self::Conflicting => "this delivery was seen before with another body; the first one stands",
            Self::Acknowledged => "it says nothing about a user that is kept",
            Self::Unreadable => "its signature is right and its body cannot be read",
            Self::ForeignInstance => "it is of another Clerk instance",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
