//! The User object, field for field as in Clerk's OpenAPI document; webhooks and the Backend API share it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::id::Id;

/// A user as Clerk shows it. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields and their meaning are Clerk's, see the User schema of its OpenAPI"
)]
pub struct User {
    pub id: Id,
    pub object: &'static str,
    pub external_id: Option<String>,
    pub primary_email_address_id: Option<Id>,
    pub primary_phone_number_id: Option<Id>,
    pub primary_web3_wallet_id: Option<Id>,
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub locale: Option<String>,
    pub profile_image_url: String,
    pub image_url: String,
    pub has_image: bool,
    pub public_metadata: Value,
    pub private_metadata: Value,
    pub unsafe_metadata: Value,
    pub email_addresses: Vec<EmailAddress>,
    pub phone_numbers: Vec<PhoneNumber>,
    pub web3_wallets: Vec<Web3Wallet>,
    pub passkeys: Vec<Value>,
    pub password_enabled: bool,
    pub two_factor_enabled: bool,
    pub totp_enabled: bool,
    pub backup_code_enabled: bool,
    pub mfa_enabled_at: Option<i64>,
    pub mfa_disabled_at: Option<i64>,
    pub password_last_updated_at: Option<i64>,
    pub external_accounts: Vec<Value>,
    pub saml_accounts: Vec<Value>,
    pub enterprise_accounts: Vec<Value>,
    pub last_sign_in_at: Option<i64>,
    pub banned: bool,
    pub locked: bool,
    pub deprovisioned: bool,
    pub lockout_expires_in_seconds: Option<i64>,
    pub verification_attempts_remaining: Option<u32>,
    pub created_at: i64,
    pub updated_at: i64,
    pub delete_self_enabled: bool,
    pub create_organization_enabled: bool,
    pub create_organizations_limit: Option<u32>,
    pub last_active_at: Option<i64>,
    pub legal_accepted_at: Option<i64>,
    pub bypass_client_trust: bool,
    /// The directory that provisioned the user; Clerk shows it only in webhooks, as `scim`.
    #[serde(skip)]
    pub directory_id: Option<Id>,
    /// When the lock ends by itself; Clerk shows only the seconds that are left.
    #[serde(skip)]
    pub lockout_expires_at: Option<i64>,
}

/// An e-mail address of a user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of Clerk's EmailAddress schema")]
pub struct EmailAddress {
    pub id: Id,
    pub object: &'static str,
    pub email_address: String,
    pub reserved: bool,
    pub verification: Option<Verification>,
    pub linked_to: Vec<Value>,
    pub matches_sso_connection: bool,
    pub created_at: i64,
    pub updated_at: i64,
}

/// A phone number of a user, in E.164 form.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of Clerk's PhoneNumber schema")]
pub struct PhoneNumber {
    pub id: Id,
    pub object: &'static str,
    pub phone_number: String,
    pub reserved_for_second_factor: bool,
    pub default_second_factor: bool,
    pub reserved: bool,
    pub verification: Option<Verification>,
    pub linked_to: Vec<Value>,
    pub backup_codes: Option<Vec<String>>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// A web3 wallet of a user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of Clerk's Web3Wallet schema")]
pub struct Web3Wallet {
    pub id: Id,
    pub object: &'static str,
    pub web3_wallet: String,
    pub verification: Option<Verification>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// How an address was proven to belong to the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of Clerk's verification schemas")]
pub struct Verification {
    pub object: &'static str,
    pub status: &'static str,
    pub strategy: &'static str,
    pub attempts: Option<u32>,
    pub expire_at: Option<i64>,
}

impl Verification {
    /// Vouched for by whoever holds the secret key.
    pub(crate) fn admin() -> Self {
        Self {
            object: "verification_admin",
            status: "verified",
            strategy: "admin",
            attempts: None,
            expire_at: None,
        }
    }

    /// Proven with a one-time code sent to the address.
    pub(crate) fn email_code(now_ms: i64) -> Self {
        Self {
            object: "verification_otp",
            status: "verified",
            strategy: "email_code",
            attempts: Some(1),
            expire_at: Some(now_ms + 600_000),
        }
    }
}

impl EmailAddress {
    /// Whether the address was verified.
    pub fn verified(&self) -> bool {
        self.verification.as_ref().is_some_and(|verification| verification.status == "verified")
    }

    /// Whether no other user may hold the address: verified and reserved ones are unique in an instance.
    pub(crate) fn claimed(&self) -> bool {
        self.reserved || self.verified()
    }
}

impl User {
    /// The primary e-mail address, if the user has one.
    pub fn primary_email(&self) -> Option<&EmailAddress> {
        let id = self.primary_email_address_id.as_ref()?;
        self.email_addresses.iter().find(|email| email.id == *id)
    }

    /// The user with what depends on the time of asking: a lock that ran out is no lock any more.
    pub(crate) fn seen_at(&self, now_ms: i64) -> std::borrow::Cow<'_, Self> {
        let Some(expires_at) = self.lockout_expires_at.filter(|_| self.locked) else {
            return std::borrow::Cow::Borrowed(self);
        };
        let left_ms = expires_at - now_ms;
        let mut seen = self.clone();
        seen.locked = left_ms > 0;
        seen.lockout_expires_in_seconds = seen.locked.then_some((left_ms + 999) / 1_000);
        std::borrow::Cow::Owned(seen)
    }
}

/// What a new user starts with; the body of `POST /v1/users`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the request body in Clerk's OpenAPI")]
pub struct NewUser {
    pub external_id: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub locale: Option<String>,
    pub email_address: Vec<String>,
    pub email_address_identification_status: Vec<IdentificationStatus>,
    pub phone_number: Vec<String>,
    pub phone_number_identification_status: Vec<IdentificationStatus>,
    pub web3_wallet: Vec<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub password_digest: Option<String>,
    pub password_hasher: Option<String>,
    pub skip_password_checks: Option<bool>,
    pub skip_password_requirement: Option<bool>,
    pub totp_secret: Option<String>,
    pub backup_codes: Vec<String>,
    pub public_metadata: Option<Map<String, Value>>,
    pub private_metadata: Option<Map<String, Value>>,
    pub unsafe_metadata: Option<Map<String, Value>>,
    pub delete_self_enabled: Option<bool>,
    pub legal_accepted_at: Option<String>,
    pub skip_legal_checks: Option<bool>,
    pub skip_user_requirement: Option<bool>,
    pub create_organization_enabled: Option<bool>,
    pub create_organizations_limit: Option<u32>,
    /// RFC 3339; the past is allowed.
    pub created_at: Option<String>,
    pub bypass_client_trust: Option<bool>,
    pub banned: Option<bool>,
    pub locked: Option<bool>,
}

/// How an address of a new user starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentificationStatus {
    /// Verified by the caller's word.
    Verified,
    /// Not verified, but usable for sign-in and locked for everybody else.
    Reserved,
}

/// A change of a user; the body of `PATCH /v1/users/{id}`. An outer `None` leaves the field, an inner one clears it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the request body in Clerk's OpenAPI")]
pub struct UserPatch {
    #[serde(deserialize_with = "present")]
    pub external_id: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    pub first_name: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    pub last_name: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    pub locale: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    pub username: Option<Option<String>>,
    pub primary_email_address_id: Option<String>,
    pub notify_primary_email_address_changed: Option<bool>,
    pub primary_phone_number_id: Option<String>,
    pub primary_web3_wallet_id: Option<String>,
    pub password: Option<String>,
    pub password_digest: Option<String>,
    pub password_hasher: Option<String>,
    pub skip_password_checks: Option<bool>,
    pub sign_out_of_other_sessions: Option<bool>,
    pub totp_secret: Option<String>,
    pub backup_codes: Option<Vec<String>>,
    pub delete_self_enabled: Option<bool>,
    pub create_organization_enabled: Option<bool>,
    pub create_organizations_limit: Option<u32>,
    pub legal_accepted_at: Option<String>,
    pub skip_legal_checks: Option<bool>,
    pub created_at: Option<String>,
    pub bypass_client_trust: Option<bool>,
    /// Accepted only from callers of an API version before 2026-05-12.
    pub public_metadata: Option<Map<String, Value>>,
    /// Accepted only from callers of an API version before 2026-05-12.
    pub private_metadata: Option<Map<String, Value>>,
    /// Accepted only from callers of an API version before 2026-05-12.
    pub unsafe_metadata: Option<Map<String, Value>>,
}

/// New values of the three metadata fields; an absent one stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the request body in Clerk's OpenAPI")]
pub struct MetadataChange {
    #[serde(deserialize_with = "present")]
    pub public_metadata: Option<Value>,
    #[serde(deserialize_with = "present")]
    pub private_metadata: Option<Value>,
    #[serde(deserialize_with = "present")]
    pub unsafe_metadata: Option<Value>,
}

/// Tells a member that is `null` from one that is not there.
fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}
