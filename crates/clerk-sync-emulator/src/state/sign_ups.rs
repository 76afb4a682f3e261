//! Sign-ups from a browser, step by step; the last one makes a user in the way the Backend API does.

use std::sync::Arc;

use super::rules::check_password;
use super::{Refusal, SignUp, State, Tick, not_found};
use crate::client::{ATTEMPT_LIFETIME_MS, CodeCheck, SignUpAttempt, SignUpFields};
use crate::id::Id;
use crate::metadata;
use crate::session::{NewSession, Session};
use crate::user::{NewUser, User};

/// What a complete sign-up made.
#[derive(Debug)]
pub(crate) struct SignedUp {
    /// The user as it was made.
    pub(crate) created: Arc<User>,
    /// The user after the first sign-in.
    pub(crate) user: Arc<User>,
    pub(crate) session: Arc<Session>,
}

impl State {
    /// Begins a sign-up; one that was under way in the same browser is abandoned.
    pub(crate) fn begin_sign_up(
        &mut self,
        client: &str,
        fields: SignUpFields,
        tick: Tick,
    ) -> Result<SignUpAttempt, Refusal> {
        self.check_room(client, None, tick.now_ms)?;
        self.check_sign_up(&fields)?;
        let attempt = SignUpAttempt {
            id: self.ids.next("sua", tick.now_ms),
            fields,
            code: CodeCheck::default(),
            created_user_id: None,
            created_session_id: None,
            abandon_at: tick.now_ms + ATTEMPT_LIFETIME_MS,
        };
        self.client_mut(client, tick.now_ms)?.sign_up = Some(attempt.clone());
        Ok(attempt)
    }

    /// Adds what was missing. Another address has to be verified anew.
    pub(crate) fn amend_sign_up(
        &mut self,
        client: &str,
        id: &str,
        change: SignUpFields,
        tick: Tick,
    ) -> Result<SignUpAttempt, Refusal> {
        self.open_sign_up(client, id, tick.now_ms)?;
        self.check_sign_up(&change)?;
        self.edit_sign_up(client, id, tick.now_ms, |attempt| {
            let fields = &mut attempt.fields;
            if change.email_address.is_some() && change.email_address != fields.email_address {
                attempt.code = CodeCheck::default();
                fields.email_address = change.email_address;
            }
            replace(&mut fields.password, change.password);
            replace(&mut fields.first_name, change.first_name);
            replace(&mut fields.last_name, change.last_name);
            replace(&mut fields.username, change.username);
            replace(&mut fields.locale, change.locale);
            replace(&mut fields.unsafe_metadata, change.unsafe_metadata);
        })
    }

    /// A code goes to the address; returns the attempt, whose address it is, and the e-mail's id.
    pub(crate) fn send_sign_up_code(
        &mut self,
        client: &str,
        id: &str,
        tick: Tick,
    ) -> Result<(SignUpAttempt, String, Id), Refusal> {
        let attempt = self.open_sign_up(client, id, tick.now_ms)?;
        if attempt.code.verified {
            return Err(Refusal::AlreadyVerified);
        }
        let address =
            attempt.fields.email_address.clone().ok_or(Refusal::Missing { param: "email_address" })?;
        let sent = CodeCheck::send(tick.now_ms);
        let attempt = self.edit_sign_up(client, id, tick.now_ms, |attempt| attempt.code = sent)?;
        Ok((attempt, address, self.ids.next("ema", tick.now_ms)))
    }

    /// A code was typed: if it is right, there is a user and a session.
    pub(crate) fn try_sign_up_code(
        &mut self,
        client: &str,
        id: &str,
        code: &str,
        tick: Tick,
    ) -> Result<(SignUpAttempt, SignedUp), Refusal> {
        let mut check = self.open_sign_up(client, id, tick.now_ms)?.code;
        let answer = check.answer(code, tick.now_ms);
        let attempt = self.edit_sign_up(client, id, tick.now_ms, |attempt| attempt.code = check)?;
        Refusal::of_code(answer)?;
        let signed_up = self.complete_sign_up(client, attempt.fields, tick).inspect_err(|_| {
            // Somebody else took the address meanwhile; a proof of it is worth nothing here any more.
            let _ = self.edit_sign_up(client, id, tick.now_ms, |attempt| attempt.code = CodeCheck::default());
        })?;
        let attempt = self.edit_sign_up(client, id, tick.now_ms, |attempt| {
            attempt.created_user_id = Some(signed_up.user.id.clone());
            attempt.created_session_id = Some(signed_up.session.id.clone());
        })?;
        Ok((attempt, signed_up))
    }

    fn complete_sign_up(
        &mut self,
        client: &str,
        fields: SignUpFields,
        tick: Tick,
    ) -> Result<SignedUp, Refusal> {
        self.check_room(client, None, tick.now_ms)?;
        let new = NewUser {
            email_address: fields.email_address.into_iter().collect(),
            password: fields.password.map(|password| password.0),
            first_name: fields.first_name,
            last_name: fields.last_name,
            username: fields.username,
            locale: fields.locale,
            unsafe_metadata: fields.unsafe_metadata,
            ..NewUser::default()
        };
        let created = self.create_user(new, SignUp::EmailCode, tick)?;
        let session = NewSession::of(&*created.id);
        let (user, session) = self.create_session(session, Some(client), tick)?;
        Ok(SignedUp { created, user, session })
    }

    /// The attempt, if it can be gone on with.
    fn open_sign_up(&self, client: &str, id: &str, now_ms: i64) -> Result<SignUpAttempt, Refusal> {
        let attempt = self.sign_up(client, id, now_ms)?;
        if attempt.created_user_id.is_some() { Err(Refusal::AlreadyVerified) } else { Ok(attempt) }
    }

    /// The attempt with this id, whatever became of it.
    pub(crate) fn sign_up(&self, client: &str, id: &str, now_ms: i64) -> Result<SignUpAttempt, Refusal> {
        let attempt = self.client(client)?.sign_up.as_ref();
        let attempt = attempt.filter(|attempt| *attempt.id == *id && now_ms < attempt.abandon_at);
        attempt.cloned().ok_or_else(|| not_found("sign-up attempt", id))
    }

    fn edit_sign_up(
        &mut self,
        client: &str,
        id: &str,
        now_ms: i64,
        edit: impl FnOnce(&mut SignUpAttempt),
    ) -> Result<SignUpAttempt, Refusal> {
        let attempt = self.client_mut(client, now_ms)?.sign_up.as_mut();
        let attempt = attempt.filter(|attempt| *attempt.id == *id);
        let attempt = attempt.ok_or_else(|| not_found("sign-up attempt", id))?;
        edit(attempt);
        Ok(attempt.clone())
    }

    /// What can be refused before there is a user.
    fn check_sign_up(&self, fields: &SignUpFields) -> Result<(), Refusal> {
        if let Some(email) = &fields.email_address {
            self.check_email(email, "email_address", None)?;
        }
        if let Some(username) = &fields.username {
            self.check_username(username, None)?;
        }
        let unsafe_metadata = fields.unsafe_metadata.clone().map(serde_json::Value::Object);
        if unsafe_metadata.is_some_and(|value| metadata::too_large(&value)) {
            return Err(Refusal::TooLarge { param: "unsafe_metadata" });
        }
        check_password(fields.password.as_ref().map(|password| password.0.as_str()), None)
    }
}

fn replace<T>(field: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *field = value;
    }
}
