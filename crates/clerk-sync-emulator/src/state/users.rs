//! Changes of users and the rules Clerk has for them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Refusal, State, Tick, not_found};
use crate::id::Id;
use crate::metadata;
use crate::rfc3339;
use crate::user::{
    EmailAddress, IdentificationStatus, MetadataChange, NewUser, PhoneNumber, User, UserPatch, Verification,
    Web3Wallet,
};

/// How long a lock set through the API lasts: 1 h (Clerk docs, "User lockout").
const LOCKOUT_MS: i64 = 3_600_000;
/// Failed attempts an unlocked user has left.
const ATTEMPTS: u32 = 10;

/// How a user came to be: that decides who vouches for the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignUp {
    /// Through the Backend API.
    Admin,
    /// The user signed up and typed a code.
    EmailCode,
}

impl State {
    /// Makes a user.
    pub(crate) fn create_user(
        &mut self,
        new: NewUser,
        how: SignUp,
        tick: Tick,
    ) -> Result<Arc<User>, Refusal> {
        self.check_new(&new)?;
        let now_ms = tick.now_ms;
        let created_at = match &new.created_at {
            Some(text) => rfc3339::parse_ms(text).ok_or(Refusal::Format { param: "created_at" })?,
            None => tick.floored(),
        };
        let legal_accepted_at = time(new.legal_accepted_at.as_deref(), "legal_accepted_at")?;
        let id = self.ids.next("user", now_ms);
        let email_addresses = self.new_emails(&new, how, now_ms);
        let phone_numbers = self.new_phones(&new, now_ms);
        let web3_wallets = self.new_wallets(&new, now_ms);
        let image_url = format!("https://{}/{id}", self.image_host);
        let has_password = new.password.is_some() || new.password_digest.is_some();
        let totp = new.totp_secret.is_some();
        let user = Arc::new(User {
            id,
            object: "user",
            external_id: new.external_id,
            primary_email_address_id: email_addresses.first().map(|email| email.id.clone()),
            primary_phone_number_id: phone_numbers.first().map(|phone| phone.id.clone()),
            primary_web3_wallet_id: web3_wallets.first().map(|wallet| wallet.id.clone()),
            username: new.username,
            first_name: new.first_name,
            last_name: new.last_name,
            locale: new.locale,
            profile_image_url: image_url.clone(),
            image_url,
            has_image: false,
            public_metadata: object(new.public_metadata),
            private_metadata: object(new.private_metadata),
            unsafe_metadata: object(new.unsafe_metadata),
            email_addresses,
            phone_numbers,
            web3_wallets,
            passkeys: Vec::new(),
            password_enabled: has_password,
            two_factor_enabled: totp,
            totp_enabled: totp,
            backup_code_enabled: !new.backup_codes.is_empty(),
            mfa_enabled_at: totp.then_some(now_ms),
            mfa_disabled_at: None,
            password_last_updated_at: has_password.then_some(now_ms),
            external_accounts: Vec::new(),
            saml_accounts: Vec::new(),
            enterprise_accounts: Vec::new(),
            last_sign_in_at: None,
            banned: new.banned.unwrap_or(false),
            locked: new.locked.unwrap_or(false),
            deprovisioned: false,
            lockout_expires_in_seconds: None,
            verification_attempts_remaining: Some(if new.locked == Some(true) { 0 } else { ATTEMPTS }),
            created_at,
            updated_at: tick.version_after(tick.floored() - 1),
            delete_self_enabled: new.delete_self_enabled.unwrap_or(true),
            create_organization_enabled: new.create_organization_enabled.unwrap_or(true),
            create_organizations_limit: new.create_organizations_limit,
            last_active_at: Some(now_ms),
            legal_accepted_at,
            bypass_client_trust: new.bypass_client_trust.unwrap_or(false),
            lockout_expires_at: (new.locked == Some(true)).then_some(now_ms + LOCKOUT_MS),
        });
        self.put(None, Some(user.clone()), now_ms);
        Ok(user)
    }

    /// Changes a user in one version.
    pub(crate) fn update_user(
        &mut self,
        id: &str,
        patch: UserPatch,
        tick: Tick,
    ) -> Result<Arc<User>, Refusal> {
        let before = self.user(id)?.clone();
        if let Some(Some(username)) = &patch.username {
            self.check_username(username, Some(&before.id))?;
        }
        if let Some(Some(external_id)) = &patch.external_id {
            self.check_external_id(external_id, Some(&before.id))?;
        }
        check_password(patch.password.as_deref(), patch.skip_password_checks)?;
        let legal_accepted_at = time(patch.legal_accepted_at.as_deref(), "legal_accepted_at")?;
        let created_at = time(patch.created_at.as_deref(), "created_at")?;
        let metadata = MetadataChange {
            public_metadata: patch.public_metadata.map(Value::Object),
            private_metadata: patch.private_metadata.map(Value::Object),
            unsafe_metadata: patch.unsafe_metadata.map(Value::Object),
        };
        check_metadata(&metadata)?;
        self.change(id, tick, |user| {
            set_primaries(
                user,
                patch.primary_email_address_id,
                patch.primary_phone_number_id,
                patch.primary_web3_wallet_id,
            )?;
            set(&mut user.external_id, patch.external_id);
            set(&mut user.first_name, patch.first_name);
            set(&mut user.last_name, patch.last_name);
            set(&mut user.locale, patch.locale);
            set(&mut user.username, patch.username);
            set(&mut user.delete_self_enabled, patch.delete_self_enabled);
            set(&mut user.create_organization_enabled, patch.create_organization_enabled);
            set(&mut user.bypass_client_trust, patch.bypass_client_trust);
            set(&mut user.create_organizations_limit, patch.create_organizations_limit.map(Some));
            set(&mut user.legal_accepted_at, legal_accepted_at.map(Some));
            set(&mut user.created_at, created_at);
            if patch.password.is_some() || patch.password_digest.is_some() {
                user.password_enabled = true;
                user.password_last_updated_at = Some(tick.now_ms);
            }
            if patch.totp_secret.is_some() {
                user.totp_enabled = true;
                user.two_factor_enabled = true;
                user.mfa_enabled_at = Some(tick.now_ms);
            }
            if let Some(codes) = patch.backup_codes {
                user.backup_code_enabled = !codes.is_empty();
            }
            set(&mut user.public_metadata, metadata.public_metadata);
            set(&mut user.private_metadata, metadata.private_metadata);
            set(&mut user.unsafe_metadata, metadata.unsafe_metadata);
            Ok(())
        })
    }

    /// Merges into (or, with `replace`, sets) the metadata fields that are given.
    pub(crate) fn change_metadata(
        &mut self,
        id: &str,
        change: &MetadataChange,
        replace: bool,
        tick: Tick,
    ) -> Result<Arc<User>, Refusal> {
        self.change(id, tick, |user| {
            let fields = [
                ("public_metadata", &mut user.public_metadata, &change.public_metadata),
                ("private_metadata", &mut user.private_metadata, &change.private_metadata),
                ("unsafe_metadata", &mut user.unsafe_metadata, &change.unsafe_metadata),
            ];
            for (param, field, change) in fields {
                let Some(change) = change else { continue };
                if !(change.is_object() || change.is_null()) {
                    return Err(Refusal::Value { param });
                }
                match (replace, change.is_null()) {
                    (true, _) => *field = change.clone(),
                    // A merge of nothing: a null member changes no key.
                    (false, true) => {}
                    (false, false) => metadata::merge(field, change),
                }
                if metadata::too_large(field) {
                    return Err(Refusal::TooLarge { param });
                }
            }
            Ok(())
        })
    }

    /// Bans or unbans. Sessions are the caller's next step.
    pub(crate) fn set_banned(&mut self, id: &str, banned: bool, tick: Tick) -> Result<Arc<User>, Refusal> {
        self.change(id, tick, |user| {
            user.banned = banned;
            Ok(())
        })
    }

    /// Locks for the instance's lockout time, or unlocks.
    pub(crate) fn set_locked(&mut self, id: &str, locked: bool, tick: Tick) -> Result<Arc<User>, Refusal> {
        self.change(id, tick, |user| {
            user.locked = locked;
            user.lockout_expires_at = locked.then_some(tick.now_ms + LOCKOUT_MS);
            user.lockout_expires_in_seconds = locked.then_some(LOCKOUT_MS / 1_000);
            user.verification_attempts_remaining = Some(if locked { 0 } else { ATTEMPTS });
            Ok(())
        })
    }

    /// Removes the user and returns what it was.
    pub(crate) fn delete_user(&mut self, id: &str, tick: Tick) -> Result<Arc<User>, Refusal> {
        let before = self.user(id)?.clone();
        self.put(Some(before.clone()), None, tick.now_ms);
        Ok(before)
    }

    /// Adds an address to a user.
    pub(crate) fn add_email(
        &mut self,
        user_id: &str,
        address: &str,
        verified: bool,
        primary: bool,
        tick: Tick,
    ) -> Result<(Arc<User>, EmailAddress), Refusal> {
        let own = &self.user(user_id)?.email_addresses;
        if own.iter().any(|email| email.email_address.to_lowercase() == address.to_lowercase()) {
            return Err(Refusal::Taken { param: "email_address" });
        }
        self.check_email(address, "email_address", None)?;
        let email = EmailAddress {
            id: self.ids.next("idn", tick.now_ms),
            object: "email_address",
            email_address: address.to_owned(),
            reserved: false,
            verification: verified.then(Verification::admin),
            linked_to: Vec::new(),
            matches_sso_connection: false,
            created_at: tick.now_ms,
            updated_at: tick.now_ms,
        };
        let added = email.clone();
        let user = self.change(user_id, tick, |user| {
            if primary || user.email_addresses.is_empty() {
                user.primary_email_address_id = Some(added.id.clone());
            }
            user.email_addresses.push(added);
            Ok(())
        })?;
        Ok((user, email))
    }

    /// The address and the user that has it.
    pub(crate) fn email(&self, id: &str) -> Result<(&Arc<User>, &EmailAddress), Refusal> {
        let owner = self.identification_owner.get(id).ok_or_else(|| not_found("email address", id))?;
        let user = self.user(owner)?;
        let email = user.email_addresses.iter().find(|email| *email.id == *id);
        Ok((user, email.ok_or_else(|| not_found("email address", id))?))
    }

    /// Marks an address as verified or not, or makes it the primary one.
    pub(crate) fn update_email(
        &mut self,
        id: &str,
        verified: Option<bool>,
        primary: Option<bool>,
        tick: Tick,
    ) -> Result<(Arc<User>, EmailAddress), Refusal> {
        let (user, email) = self.email(id)?;
        let (owner, address) = (user.id.clone(), email.email_address.clone());
        if verified == Some(true) && self.email_claimed_by_other(&address, Some(&owner)) {
            return Err(Refusal::Claimed);
        }
        let user = self.change(&owner, tick, |user| {
            for email in user.email_addresses.iter_mut().filter(|email| *email.id == *id) {
                match verified {
                    Some(true) if !email.verified() => email.verification = Some(Verification::admin()),
                    Some(false) => email.verification = None,
                    _ => {}
                }
                email.updated_at = tick.now_ms;
            }
            if primary == Some(true) {
                user.primary_email_address_id = Some(Id::from(id));
            }
            Ok(())
        })?;
        let email = self.email(id)?.1.clone();
        Ok((user, email))
    }

    /// Removes an address; if it was the primary one, the first that is left takes its place.
    pub(crate) fn delete_email(&mut self, id: &str, tick: Tick) -> Result<Arc<User>, Refusal> {
        let owner = self.email(id)?.0.id.clone();
        self.change(&owner, tick, |user| {
            user.email_addresses.retain(|email| *email.id != *id);
            if user.primary_email_address_id.as_deref() == Some(id) {
                user.primary_email_address_id = user.email_addresses.first().map(|email| email.id.clone());
            }
            Ok(())
        })
    }

    /// Applies a change to a copy and, if it is allowed, puts it in place under a new version.
    pub(super) fn change(
        &mut self,
        id: &str,
        tick: Tick,
        apply: impl FnOnce(&mut User) -> Result<(), Refusal>,
    ) -> Result<Arc<User>, Refusal> {
        let before = self.user(id)?.clone();
        let mut user = User::clone(&before);
        apply(&mut user)?;
        user.updated_at = tick.version_after(before.updated_at);
        let after = Arc::new(user);
        self.put(Some(before), Some(after.clone()), tick.now_ms);
        Ok(after)
    }

    fn check_new(&self, new: &NewUser) -> Result<(), Refusal> {
        let nameless = new.email_address.is_empty()
            && new.phone_number.is_empty()
            && new.web3_wallet.is_empty()
            && new.username.is_none();
        if nameless && new.skip_user_requirement != Some(true) {
            return Err(Refusal::NoIdentifier);
        }
        for (given, identifiers, param) in [
            (
                &new.email_address_identification_status,
                new.email_address.len(),
                "email_address_identification_status",
            ),
            (
                &new.phone_number_identification_status,
                new.phone_number.len(),
                "phone_number_identification_status",
            ),
        ] {
            if !given.is_empty() && given.len() != identifiers {
                return Err(Refusal::LengthMismatch { param });
            }
        }
        for (index, email) in new.email_address.iter().enumerate() {
            self.check_email(email, "email_address", None)?;
            if new.email_address.iter().take(index).any(|other| other.eq_ignore_ascii_case(email)) {
                return Err(Refusal::Taken { param: "email_address" });
            }
        }
        for phone in &new.phone_number {
            let digits = phone.strip_prefix('+').unwrap_or_default();
            if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Refusal::Format { param: "phone_number" });
            }
            if !self.identifiers.phone_holders(phone).is_empty() {
                return Err(Refusal::Taken { param: "phone_number" });
            }
        }
        for wallet in &new.web3_wallet {
            if wallet.is_empty() || wallet.len() > 100 {
                return Err(Refusal::Format { param: "web3_wallet" });
            }
            if !self.identifiers.wallet_holders(wallet).is_empty() {
                return Err(Refusal::Taken { param: "web3_wallet" });
            }
        }
        if let Some(username) = &new.username {
            self.check_username(username, None)?;
        }
        if let Some(external_id) = &new.external_id {
            self.check_external_id(external_id, None)?;
        }
        let fields = [
            ("public_metadata", &new.public_metadata),
            ("private_metadata", &new.private_metadata),
            ("unsafe_metadata", &new.unsafe_metadata),
        ];
        for (param, field) in fields {
            if field.as_ref().is_some_and(|map| metadata::too_large(&Value::Object(map.clone()))) {
                return Err(Refusal::TooLarge { param });
            }
        }
        check_password(new.password.as_deref(), new.skip_password_checks)
    }

    fn check_email(&self, email: &str, param: &'static str, own: Option<&Id>) -> Result<(), Refusal> {
        let well_formed = email
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
        if !well_formed || email.len() > 254 || email.contains(char::is_whitespace) {
            return Err(Refusal::Format { param });
        }
        if self.email_claimed_by_other(email, own) { Err(Refusal::Taken { param }) } else { Ok(()) }
    }

    /// Whether somebody else holds the address verified or reserved.
    fn email_claimed_by_other(&self, address: &str, own: Option<&Id>) -> bool {
        let holders = self.identifiers.email_holders(address).iter().filter(|holder| Some(*holder) != own);
        holders
            .filter_map(|id| self.users.get(id))
            .flat_map(|user| &user.email_addresses)
            .any(|email| email.claimed() && email.email_address.to_lowercase() == address.to_lowercase())
    }

    fn check_username(&self, username: &str, own: Option<&Id>) -> Result<(), Refusal> {
        let allowed =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
        if !(4..=64).contains(&username.len()) || !username.chars().all(allowed) {
            return Err(Refusal::Username);
        }
        match self.identifiers.username_holder(username) {
            Some(holder) if Some(holder) != own => Err(Refusal::Taken { param: "username" }),
            _ => Ok(()),
        }
    }

    fn check_external_id(&self, external_id: &str, own: Option<&Id>) -> Result<(), Refusal> {
        match self.identifiers.external_id_holder(external_id) {
            Some(holder) if Some(holder) != own => Err(Refusal::Taken { param: "external_id" }),
            _ => Ok(()),
        }
    }

    fn new_emails(&mut self, new: &NewUser, how: SignUp, now_ms: i64) -> Vec<EmailAddress> {
        let mut emails = Vec::with_capacity(new.email_address.len());
        for (index, address) in new.email_address.iter().enumerate() {
            let reserved =
                new.email_address_identification_status.get(index) == Some(&IdentificationStatus::Reserved);
            let proof = match how {
                SignUp::Admin => Verification::admin(),
                SignUp::EmailCode => Verification::email_code(now_ms),
            };
            emails.push(EmailAddress {
                id: self.ids.next("idn", now_ms),
                object: "email_address",
                email_address: address.clone(),
                reserved,
                verification: (!reserved).then_some(proof),
                linked_to: Vec::new(),
                matches_sso_connection: false,
                created_at: now_ms,
                updated_at: now_ms,
            });
        }
        emails
    }

    fn new_phones(&mut self, new: &NewUser, now_ms: i64) -> Vec<PhoneNumber> {
        let mut phones = Vec::with_capacity(new.phone_number.len());
        for (index, number) in new.phone_number.iter().enumerate() {
            let reserved =
                new.phone_number_identification_status.get(index) == Some(&IdentificationStatus::Reserved);
            phones.push(PhoneNumber {
                id: self.ids.next("idn", now_ms),
                object: "phone_number",
                phone_number: number.clone(),
                reserved_for_second_factor: false,
                default_second_factor: false,
                reserved,
                verification: (!reserved).then(Verification::admin),
                linked_to: Vec::new(),
                backup_codes: None,
                created_at: now_ms,
                updated_at: now_ms,
            });
        }
        phones
    }

    fn new_wallets(&mut self, new: &NewUser, now_ms: i64) -> Vec<Web3Wallet> {
        let mut wallets = Vec::with_capacity(new.web3_wallet.len());
        for wallet in &new.web3_wallet {
            wallets.push(Web3Wallet {
                id: self.ids.next("idn", now_ms),
                object: "web3_wallet",
                web3_wallet: wallet.clone(),
                verification: Some(Verification::admin()),
                created_at: now_ms,
                updated_at: now_ms,
            });
        }
        wallets
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn object(map: Option<Map<String, Value>>) -> Value {
    Value::Object(map.unwrap_or_default())
}

fn time(text: Option<&str>, param: &'static str) -> Result<Option<i64>, Refusal> {
    text.map(|text| rfc3339::parse_ms(text).ok_or(Refusal::Format { param })).transpose()
}

fn check_password(password: Option<&str>, skip: Option<bool>) -> Result<(), Refusal> {
    let too_short = password.is_some_and(|password| password.chars().count() < 8);
    if too_short && skip != Some(true) { Err(Refusal::PasswordTooShort) } else { Ok(()) }
}

fn check_metadata(change: &MetadataChange) -> Result<(), Refusal> {
    let fields = [
        ("public_metadata", &change.public_metadata),
        ("private_metadata", &change.private_metadata),
        ("unsafe_metadata", &change.unsafe_metadata),
    ];
    match fields.into_iter().find(|(_, value)| value.as_ref().is_some_and(metadata::too_large)) {
        Some((param, _)) => Err(Refusal::TooLarge { param }),
        None => Ok(()),
    }
}

/// A primary address must be one of the user's own, and verified (Clerk OpenAPI, `PATCH /users/{id}`).
fn set_primaries(
    user: &mut User,
    email: Option<String>,
    phone: Option<String>,
    wallet: Option<String>,
) -> Result<(), Refusal> {
    if let Some(id) = email {
        let known = user.email_addresses.iter().find(|email| *email.id == *id);
        if !known.ok_or_else(|| not_found("email address", &id))?.verified() {
            return Err(Refusal::Value { param: "primary_email_address_id" });
        }
        user.primary_email_address_id = Some(id.into());
    }
    if let Some(id) = phone {
        let known = user.phone_numbers.iter().find(|phone| *phone.id == *id);
        if known.ok_or_else(|| not_found("phone number", &id))?.verification.is_none() {
            return Err(Refusal::Value { param: "primary_phone_number_id" });
        }
        user.primary_phone_number_id = Some(id.into());
    }
    if let Some(id) = wallet {
        let known = user.web3_wallets.iter().any(|wallet| *wallet.id == *id);
        if !known {
            return Err(not_found("web3 wallet", &id));
        }
        user.primary_web3_wallet_id = Some(id.into());
    }
    Ok(())
}
