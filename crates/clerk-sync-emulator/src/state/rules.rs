//! What Clerk lets be: who may hold an identifier, and how values must look.

use serde_json::Value;

use super::{Refusal, State};
use crate::id::Id;
use crate::metadata;
use crate::rfc3339;
use crate::user::{MetadataChange, NewUser};

impl State {
    pub(super) fn check_new(&self, new: &NewUser) -> Result<(), Refusal> {
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
        self.check_new_phones_and_wallets(new)?;
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

    fn check_new_phones_and_wallets(&self, new: &NewUser) -> Result<(), Refusal> {
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
        Ok(())
    }

    pub(super) fn check_email(
        &self,
        email: &str,
        param: &'static str,
        own: Option<&Id>,
    ) -> Result<(), Refusal> {
        let well_formed = email
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
        if !well_formed || email.len() > 254 || email.contains(char::is_whitespace) {
            return Err(Refusal::Format { param });
        }
        if self.email_claimed_by_other(email, own) { Err(Refusal::Taken { param }) } else { Ok(()) }
    }

    /// Whether somebody else holds the address verified or reserved.
    pub(super) fn email_claimed_by_other(&self, address: &str, own: Option<&Id>) -> bool {
        let holders = self.identifiers.email_holders(address).iter().filter(|holder| Some(*holder) != own);
        holders
            .filter_map(|id| self.users.get(id))
            .flat_map(|user| &user.email_addresses)
            .any(|email| email.claimed() && email.email_address.to_lowercase() == address.to_lowercase())
    }

    pub(super) fn check_username(&self, username: &str, own: Option<&Id>) -> Result<(), Refusal> {
        let allowed =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
        if !(4..=64).contains(&username.chars().count()) {
            return Err(Refusal::UsernameLength);
        }
        if !username.chars().all(allowed) {
            return Err(Refusal::UsernameCharacter);
        }
        if username.chars().all(|character| character.is_ascii_digit()) {
            return Err(Refusal::UsernameNumber);
        }
        match self.identifiers.username_holder(username) {
            Some(holder) if Some(holder) != own => Err(Refusal::Taken { param: "username" }),
            _ => Ok(()),
        }
    }

    pub(super) fn check_external_id(&self, external_id: &str, own: Option<&Id>) -> Result<(), Refusal> {
        match self.identifiers.external_id_holder(external_id) {
            Some(holder) if Some(holder) != own => Err(Refusal::Taken { param: "external_id" }),
            _ => Ok(()),
        }
    }
}

pub(super) fn time(text: Option<&str>, param: &'static str) -> Result<Option<i64>, Refusal> {
    text.map(|text| rfc3339::parse_ms(text).ok_or(Refusal::Format { param })).transpose()
}

pub(super) fn check_password(password: Option<&str>, skip: Option<bool>) -> Result<(), Refusal> {
    let too_short = password.is_some_and(|password| password.chars().count() < 8);
    if too_short && skip != Some(true) { Err(Refusal::PasswordTooShort) } else { Ok(()) }
}

pub(super) fn check_metadata(change: &MetadataChange) -> Result<(), Refusal> {
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
