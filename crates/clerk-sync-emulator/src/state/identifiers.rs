//! Who holds which e-mail address, phone number, wallet, username and external id.

use std::collections::HashMap;

use crate::id::Id;
use crate::user::User;

/// Indexes from an identifier to the users that carry it.
#[derive(Debug, Default)]
pub(super) struct Identifiers {
    emails: HashMap<String, Vec<Id>>,
    phones: HashMap<String, Vec<Id>>,
    wallets: HashMap<String, Vec<Id>>,
    usernames: HashMap<String, Id>,
    external_ids: HashMap<String, Id>,
}

/// Addresses are compared without regard to case.
pub(super) fn folded(text: &str) -> String {
    text.to_lowercase()
}

impl Identifiers {
    pub(super) fn insert(&mut self, user: &User) {
        for email in &user.email_addresses {
            self.emails.entry(folded(&email.email_address)).or_default().push(user.id.clone());
        }
        for phone in &user.phone_numbers {
            self.phones.entry(phone.phone_number.clone()).or_default().push(user.id.clone());
        }
        for wallet in &user.web3_wallets {
            self.wallets.entry(folded(&wallet.web3_wallet)).or_default().push(user.id.clone());
        }
        if let Some(username) = &user.username {
            self.usernames.insert(folded(username), user.id.clone());
        }
        if let Some(external_id) = &user.external_id {
            self.external_ids.insert(external_id.clone(), user.id.clone());
        }
    }

    pub(super) fn remove(&mut self, user: &User) {
        for email in &user.email_addresses {
            leave(&mut self.emails, &folded(&email.email_address), &user.id);
        }
        for phone in &user.phone_numbers {
            leave(&mut self.phones, &phone.phone_number, &user.id);
        }
        for wallet in &user.web3_wallets {
            leave(&mut self.wallets, &folded(&wallet.web3_wallet), &user.id);
        }
        if let Some(username) = &user.username {
            self.usernames.remove(&folded(username));
        }
        if let Some(external_id) = &user.external_id {
            self.external_ids.remove(external_id);
        }
    }

    pub(super) fn email_holders(&self, email: &str) -> &[Id] {
        self.emails.get(&folded(email)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn phone_holders(&self, phone: &str) -> &[Id] {
        self.phones.get(phone).map_or(&[], Vec::as_slice)
    }

    pub(super) fn wallet_holders(&self, wallet: &str) -> &[Id] {
        self.wallets.get(&folded(wallet)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn username_holder(&self, username: &str) -> Option<&Id> {
        self.usernames.get(&folded(username))
    }

    pub(super) fn external_id_holder(&self, external_id: &str) -> Option<&Id> {
        self.external_ids.get(external_id)
    }
}

fn leave(holders: &mut HashMap<String, Vec<Id>>, key: &str, id: &Id) {
    if let Some(ids) = holders.get_mut(key) {
        ids.retain(|holder| holder != id);
        if ids.is_empty() {
            holders.remove(key);
        }
    }
}
