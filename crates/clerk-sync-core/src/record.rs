use alloc::string::String;

use crate::{EmailAddress, Role, Timestamp, UserId, Username};

/// Counts the writes to a record; the fence behind which a repair may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision of a record just created.
    pub const FIRST: Self = Self(1);

    /// The revision after one more write.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Where a fact came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A webhook of Clerk's.
    Webhook,
    /// A fetch made because an unknown user came with a valid token.
    Lookup,
    /// The claims of a session token.
    Claims,
    /// A full comparison with Clerk.
    Sweep,
    /// A fetch by id that settled a dirty record.
    Repair,
}

impl Source {
    /// Every source there is.
    pub const ALL: [Self; 5] = [Self::Webhook, Self::Lookup, Self::Claims, Self::Sweep, Self::Repair];

    /// The source as a stable word, as stored and as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Lookup => "lookup",
            Self::Claims => "claims",
            Self::Sweep => "sweep",
            Self::Repair => "repair",
        }
    }

    /// The source a stored word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == word)
    }
}

/// The primary e-mail address Clerk has for a user, whether or not the record may hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailClaim {
    /// The address.
    pub address: EmailAddress,
    /// Whether Clerk has verified it.
    pub verified: bool,
}

/// The fields kept of a Clerk user: what Clerk says, before anything has to be unique.
///
/// Two profiles are equal when nothing an app can see differs. The time of the last sign-in is not in it,
/// and neither is the countdown of a lock: both move without the user having changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The primary e-mail address; `None` for users by phone, passkey or wallet.
    pub email: Option<EmailClaim>,
    /// The username given in Clerk.
    pub username: Option<Username>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Address of the picture.
    pub image_url: Option<String>,
    /// The primary phone number, E.164.
    pub phone: Option<String>,
    /// The id the app gave the user in Clerk.
    pub external_id: Option<String>,
    /// `public_metadata` as compact JSON with sorted keys, so that equal data is equal text.
    pub public_metadata: String,
    /// Banned: may not use the app.
    pub banned: bool,
    /// Locked: may not sign in for now; existing sessions go on.
    pub locked: bool,
    /// Removed or disabled by the company's directory (SCIM).
    pub deprovisioned: bool,
    /// When Clerk says the user was created.
    pub created_at: Option<Timestamp>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            email: None,
            username: None,
            first_name: None,
            last_name: None,
            image_url: None,
            phone: None,
            external_id: None,
            public_metadata: String::from("{}"),
            banned: false,
            locked: false,
            deprovisioned: false,
            created_at: None,
        }
    }
}

/// That a record must be compared with Clerk, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// Not before this; also the end of the lease of a worker that took it.
    pub due_at: Timestamp,
    /// How often it was tried in vain.
    pub attempts: u32,
}

/// A user as the database has it: one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Clerk's id.
    pub id: UserId,
    /// Counts the writes to this record.
    pub rev: Revision,
    /// Clerk's `updated_at` of the profile; `None` while the record is made from claims.
    pub version: Option<Timestamp>,
    /// What Clerk says.
    pub profile: Profile,
    /// The address this record holds: its claim, or `None` while a higher claim has it.
    pub email: Option<EmailAddress>,
    /// The name this record holds: given, derived, or `None` while it must wait for one.
    pub username: Option<Username>,
    /// Given once, by policy, and never changed by us again.
    pub role: Option<Role>,
    /// The latest sign-in heard of.
    pub last_sign_in_at: Option<Timestamp>,
    /// Set while the record is dirty: a durable queue of repairs.
    pub repair: Option<Repair>,
    /// What created the record.
    pub source: Source,
    /// When the record was created here.
    pub recorded_at: Timestamp,
    /// When the record last changed here.
    pub changed_at: Timestamp,
    /// When a webhook first told of this user; `None` until one has.
    pub webhook_at: Option<Timestamp>,
}

impl Record {
    /// Whether the record must be compared with Clerk.
    pub fn is_dirty(&self) -> bool {
        self.repair.is_some()
    }

    /// The address the record claims, in the form that is unique.
    pub fn email_claim_key(&self) -> Option<&str> {
        self.profile.email.as_ref().map(|claim| claim.address.key())
    }

    /// The address the record holds, in the form that is unique.
    pub fn email_key(&self) -> Option<&str> {
        self.email.as_ref().map(EmailAddress::key)
    }

    /// The username Clerk gave, in the form that is unique.
    pub fn username_claim_key(&self) -> Option<&str> {
        self.profile.username.as_ref().map(Username::key)
    }

    /// The username the record holds, in the form that is unique.
    pub fn username_key(&self) -> Option<&str> {
        self.username.as_ref().map(Username::key)
    }

    /// The rank of the claim to the e-mail address: verified before unverified, then newest, then id.
    pub fn email_rank(&self) -> (bool, Timestamp, &UserId) {
        let verified = self.profile.email.as_ref().is_some_and(|claim| claim.verified);
        (verified, self.version.unwrap_or(Timestamp::MIN), &self.id)
    }

    /// The rank of the claim to a given username: newest, then id.
    pub fn username_rank(&self) -> (Timestamp, &UserId) {
        (self.version.unwrap_or(Timestamp::MIN), &self.id)
    }
}

/// What is left of a deleted user: no personal data, never purged, lifted by no fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Clerk's id.
    pub id: UserId,
    /// When the user was deleted, or was found to be.
    pub at: Timestamp,
    /// What told of it.
    pub source: Source,
}

/// What the database has under an id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every entry is a record; a box would cost each read one"
)]
pub enum Entry {
    /// A user.
    Live(Record),
    /// A deleted user.
    Gone(Tombstone),
}

impl Entry {
    /// Clerk's id.
    pub fn id(&self) -> &UserId {
        match self {
            Self::Live(record) => &record.id,
            Self::Gone(tombstone) => &tombstone.id,
        }
    }

    /// The record, unless the user is gone.
    pub fn live(&self) -> Option<&Record> {
        match self {
            Self::Live(record) => Some(record),
            Self::Gone(_) => None,
        }
    }
}
