//! Changes of users that are already there.

use std::sync::Arc;

use serde_json::Value;

use super::rules::{check_metadata, check_password, time};
use super::{Refusal, State, Tick, not_found};
use crate::metadata;
use crate::user::{MetadataChange, User, UserPatch};

/// How long a lock set through the API lasts: 1 h (Clerk docs, "User lockout").
pub(super) const LOCKOUT_MS: i64 = 3_600_000;
/// Failed attempts an unlocked user has left.
pub(super) const ATTEMPTS: u32 = 10;

impl State {
    /// Changes a user in one version.
    pub(crate) fn update_user(
        &mut self,
        id: &str,
        patch: UserPatch,
        tick: Tick,
    ) -> Result<Arc<User>, Refusal> {
        let before = self.unmanaged_user(id)?.clone();
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
        let (password, digest) = (patch.password, patch.password_digest);
        let user = self.change(id, tick, |user| {
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
            if password.is_some() || digest.is_some() {
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
        })?;
        match (password, digest) {
            (Some(password), _) => self.passwords.set(&user.id, &password),
            (None, Some(_)) => self.passwords.forget(&user.id),
            (None, None) => {}
        }
        Ok(user)
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

    /// A directory disables the user, or enables it again; from the first time on it manages the user.
    pub(crate) fn set_deprovisioned(
        &mut self,
        id: &str,
        off: bool,
        tick: Tick,
    ) -> Result<Arc<User>, Refusal> {
        self.user(id)?;
        let directory_id = self.ids.next("scimdir", tick.now_ms);
        self.change(id, tick, |user| {
            user.deprovisioned = off;
            user.directory_id.get_or_insert(directory_id);
            Ok(())
        })
    }

    /// The user, if no directory manages it.
    fn unmanaged_user(&self, id: &str) -> Result<&Arc<User>, Refusal> {
        let user = self.user(id)?;
        if user.directory_id.is_some() { Err(Refusal::ManagedByDirectory) } else { Ok(user) }
    }

    /// Removes the user and returns what it was.
    pub(crate) fn delete_user(&mut self, id: &str, tick: Tick) -> Result<Arc<User>, Refusal> {
        let before = self.unmanaged_user(id)?.clone();
        self.passwords.forget(id);
        self.put(Some(before.clone()), None, tick.now_ms);
        Ok(before)
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
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
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
