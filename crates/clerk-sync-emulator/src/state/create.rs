//! Making users.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::rules::time;
use super::users::{ATTEMPTS, LOCKOUT_MS};
use super::{Refusal, State, Tick};
use crate::rfc3339;
use crate::user::{EmailAddress, IdentificationStatus, NewUser, PhoneNumber, User, Verification, Web3Wallet};

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
        let user = self.made(new, how, tick)?;
        self.put(None, Some(user.clone()), tick.now_ms);
        Ok(user)
    }

    /// A user who is allowed, not in any index yet.
    pub(super) fn made(&mut self, new: NewUser, how: SignUp, tick: Tick) -> Result<Arc<User>, Refusal> {
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
            directory_id: None,
            lockout_expires_at: (new.locked == Some(true)).then_some(now_ms + LOCKOUT_MS),
        });
        if let Some(password) = &new.password {
            self.passwords.set(&user.id, password);
        }
        Ok(user)
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

fn object(map: Option<Map<String, Value>>) -> Value {
    Value::Object(map.unwrap_or_default())
}
