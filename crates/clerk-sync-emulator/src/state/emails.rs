//! E-mail addresses of users that are already there.

use std::sync::Arc;

use super::{Refusal, State, Tick, not_found};
use crate::id::Id;
use crate::user::{EmailAddress, User, Verification};

impl State {
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
}
