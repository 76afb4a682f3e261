//! What the checker may find.

use std::fmt;

/// An invariant that was seen broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Violation {
    /// A deleted user is there again.
    RevivedUser,
    /// Two administrators, or another one than whoever has the claim.
    TwoAdmins,
    /// Rows exist and nobody is the administrator.
    NoAdmin,
    /// A row is not what Clerk has although nothing is left to be done.
    LostUpdate,
    /// A user of Clerk's has no row although nothing is left to be done.
    DroppedUser,
    /// A user is deleted in Clerk and not here, or the other way round, although nothing is left to be done.
    WrongDeletion,
    /// Nothing is left to be done and an address or name is not with the highest claim.
    WrongHolder,
    /// Two rows hold one address or name.
    HeldTwice,
    /// A row's version fell.
    VersionFell,
    /// A row stopped being dirty though nobody asked Clerk.
    DirtyLost,
    /// The effect of one delivery was applied twice.
    AppliedTwice,
    /// A delivery was acknowledged that is not in the log.
    AcknowledgedUnlogged,
    /// A delivery is done by the log and has no effect on the row.
    EffectLost,
    /// Somebody who lives in Clerk was told that they do not exist, or were deleted.
    ValidUserRefused,
    /// From here the database can never become quiet.
    NeverQuiet,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RevivedUser => "revived user",
            Self::TwoAdmins => "two admins",
            Self::NoAdmin => "no admin",
            Self::LostUpdate => "lost update",
            Self::DroppedUser => "dropped user",
            Self::WrongDeletion => "wrong deletion",
            Self::WrongHolder => "wrong holder",
            Self::HeldTwice => "held twice",
            Self::VersionFell => "version fell",
            Self::DirtyLost => "dirty lost",
            Self::AppliedTwice => "applied twice",
            Self::AcknowledgedUnlogged => "acknowledged, not in the log",
            Self::EffectLost => "acknowledged effect lost",
            Self::ValidUserRefused => "valid user refused",
            Self::NeverQuiet => "never quiet again",
        })
    }
}
