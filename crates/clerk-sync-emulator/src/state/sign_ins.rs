//! Sign-ins from a browser, by code or by password.

use std::sync::Arc;

use super::{Refusal, State, Tick, not_found};
use crate::client::{ATTEMPT_LIFETIME_MS, CodeCheck, SignInAttempt, Strategy};
use crate::id::Id;
use crate::session::{NewSession, Session};
use crate::user::User;

/// Wrong passwords in a row until the user is locked.
const MAX_WRONG_PASSWORDS: u32 = super::users::ATTEMPTS;

/// A proof was tried.
#[derive(Debug)]
pub(crate) enum SignedIn {
    /// It was right, and there is a session.
    Done { attempt: SignInAttempt, user: Arc<User>, session: Arc<Session> },
    /// It was a wrong password once too often.
    Locked { user: Arc<User> },
}

impl State {
    /// Begins a sign-in of the user who is known by an address, a username or a phone number.
    pub(crate) fn begin_sign_in(
        &mut self,
        client: &str,
        identifier: &str,
        tick: Tick,
    ) -> Result<SignInAttempt, Refusal> {
        let user_id = self.identified(identifier).ok_or(Refusal::IdentifierNotFound)?;
        self.check_room(client, Some(&user_id), tick.now_ms)?;
        let attempt = SignInAttempt {
            id: self.ids.next("sia", tick.now_ms),
            identifier: identifier.to_owned(),
            user_id,
            strategy: None,
            code: CodeCheck::default(),
            created_session_id: None,
            abandon_at: tick.now_ms + ATTEMPT_LIFETIME_MS,
        };
        self.client_mut(client, tick.now_ms)?.sign_in = Some(attempt.clone());
        Ok(attempt)
    }

    /// The user with this identifier: only verified and reserved addresses count, because others are not unique.
    fn identified(&self, identifier: &str) -> Option<Id> {
        let identifier = identifier.trim();
        let of_email = self.identifiers.email_holders(identifier).iter().find(|id| {
            let user = self.users.get(*id);
            let mut emails = user.into_iter().flat_map(|user| &user.email_addresses);
            emails.any(|email| email.claimed() && email.email_address.eq_ignore_ascii_case(identifier))
        });
        let found = of_email
            .or_else(|| self.identifiers.username_holder(identifier))
            .or_else(|| self.identifiers.phone_holders(identifier).first());
        found.cloned()
    }

    /// A code goes to the address; returns the attempt, the user, the address and the e-mail's id.
    pub(crate) fn send_sign_in_code(
        &mut self,
        client: &str,
        id: &str,
        email_id: Option<&str>,
        tick: Tick,
    ) -> Result<(SignInAttempt, Arc<User>, String, Id), Refusal> {
        let attempt = self.open_sign_in(client, id, tick.now_ms)?;
        let user = self.user(&attempt.user_id).map_err(|_| Refusal::IdentifierNotFound)?.clone();
        let chosen = match email_id {
            Some(id) => user.email_addresses.iter().find(|email| *email.id == *id),
            None => user.primary_email(),
        };
        let address = chosen.ok_or(Refusal::StrategyInvalid)?.email_address.clone();
        let attempt = self.edit_sign_in(client, id, tick.now_ms, |attempt| {
            attempt.strategy = Some(Strategy::EmailCode);
            attempt.code = CodeCheck::send(tick.now_ms);
        })?;
        Ok((attempt, user, address, self.ids.next("ema", tick.now_ms)))
    }

    /// A code was typed.
    pub(crate) fn try_sign_in_code(
        &mut self,
        client: &str,
        id: &str,
        code: &str,
        tick: Tick,
    ) -> Result<SignedIn, Refusal> {
        let mut check = self.open_sign_in(client, id, tick.now_ms)?.code;
        let answer = check.answer(code, tick.now_ms);
        self.edit_sign_in(client, id, tick.now_ms, |attempt| attempt.code = check)?;
        Refusal::of_code(answer)?;
        self.complete_sign_in(client, id, Strategy::EmailCode, tick)
    }

    /// A password was typed. Too many wrong ones lock the user.
    pub(crate) fn try_password(
        &mut self,
        client: &str,
        id: &str,
        password: &str,
        tick: Tick,
    ) -> Result<SignedIn, Refusal> {
        let user_id = self.open_sign_in(client, id, tick.now_ms)?.user_id;
        let user = self.user(&user_id).map_err(|_| Refusal::IdentifierNotFound)?.seen_at(tick.now_ms);
        if user.locked {
            return Err(Refusal::Locked);
        }
        if !user.password_enabled {
            return Err(Refusal::StrategyInvalid);
        }
        if self.passwords.matches(&user_id, password) {
            self.passwords.right(&user_id);
            return self.complete_sign_in(client, id, Strategy::Password, tick);
        }
        if self.passwords.wrong(&user_id) < MAX_WRONG_PASSWORDS {
            return Err(Refusal::PasswordIncorrect);
        }
        self.passwords.right(&user_id);
        Ok(SignedIn::Locked { user: self.set_locked(&user_id, true, tick)? })
    }

    fn complete_sign_in(
        &mut self,
        client: &str,
        id: &str,
        strategy: Strategy,
        tick: Tick,
    ) -> Result<SignedIn, Refusal> {
        let user_id = self.open_sign_in(client, id, tick.now_ms)?.user_id;
        self.check_room(client, Some(&user_id), tick.now_ms)?;
        let (user, session) = self.create_session(NewSession::of(&*user_id), Some(client), tick)?;
        let attempt = self.edit_sign_in(client, id, tick.now_ms, |attempt| {
            attempt.strategy = Some(strategy);
            attempt.created_session_id = Some(session.id.clone());
        })?;
        Ok(SignedIn::Done { attempt, user, session })
    }

    /// The attempt, if it can be gone on with.
    fn open_sign_in(&self, client: &str, id: &str, now_ms: i64) -> Result<SignInAttempt, Refusal> {
        let attempt = self.sign_in(client, id, now_ms)?;
        if attempt.created_session_id.is_some() { Err(Refusal::AlreadyVerified) } else { Ok(attempt) }
    }

    /// The attempt with this id, whatever became of it.
    pub(crate) fn sign_in(&self, client: &str, id: &str, now_ms: i64) -> Result<SignInAttempt, Refusal> {
        let attempt = self.client(client)?.sign_in.as_ref();
        let attempt = attempt.filter(|attempt| *attempt.id == *id && now_ms < attempt.abandon_at);
        attempt.cloned().ok_or_else(|| not_found("sign-in attempt", id))
    }

    fn edit_sign_in(
        &mut self,
        client: &str,
        id: &str,
        now_ms: i64,
        edit: impl FnOnce(&mut SignInAttempt),
    ) -> Result<SignInAttempt, Refusal> {
        let attempt = self.client_mut(client, now_ms)?.sign_in.as_mut();
        let attempt = attempt.filter(|attempt| *attempt.id == *id);
        let attempt = attempt.ok_or_else(|| not_found("sign-in attempt", id))?;
        edit(attempt);
        Ok(attempt.clone())
    }
}
