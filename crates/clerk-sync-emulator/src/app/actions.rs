//! Everything that changes the instance: a change of state, then its events.

use std::sync::Arc;

use super::{App, Origin};
use crate::clock::{lock, now_ms};
use crate::session::{NewSession, Session, SessionStatus};
use crate::state::{Refusal, SignUp};
use crate::user::{EmailAddress, MetadataChange, NewUser, User, UserPatch};

/// How many users there may be once some were made up.
const MAX_USERS: usize = 1_000_000;
/// How many users are made up before others get their turn.
const SEED_PORTION: usize = 1_000;

/// A change of one e-mail address; `None` leaves as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EmailChange {
    pub(crate) verified: Option<bool>,
    pub(crate) primary: Option<bool>,
}

impl App {
    pub(crate) fn create_user(&self, new: NewUser, origin: &Origin) -> Result<Arc<User>, Refusal> {
        let tick = self.tick();
        let user = lock(&self.state).create_user(new, SignUp::Admin, tick)?;
        self.user_created(&user, origin);
        Ok(user)
    }

    /// Makes up so many users, a portion at a time so that others get their turn; returns how many there are now. With
    /// `webhooks` their creation is told like any other.
    pub(crate) async fn seed_users(&self, count: usize, webhooks: bool) -> Result<usize, Refusal> {
        if lock(&self.state).user_count().saturating_add(count) > MAX_USERS {
            return Err(Refusal::TooLarge { param: "count" });
        }
        let origin = Origin::default();
        let mut left = count;
        while left > 0 {
            let portion = left.min(SEED_PORTION);
            let users: Vec<_> = {
                let mut state = lock(&self.state);
                (0..portion).map(|_| state.seed_user()).collect::<Result<_, _>>()?
            };
            if webhooks {
                for user in &users {
                    self.user_created(user, &origin);
                }
            }
            left -= portion;
            tokio::task::yield_now().await;
        }
        Ok(lock(&self.state).user_count())
    }

    /// A user who signed up in a browser: a code was sent and typed, and a session begins.
    pub(crate) fn sign_up(
        &self,
        new: NewUser,
        origin: &Origin,
    ) -> Result<(Arc<User>, Arc<Session>), Refusal> {
        if new.email_address.is_empty() {
            return Err(Refusal::Missing { param: "email_address" });
        }
        let tick = self.tick();
        let (user, email_id) = {
            let mut state = lock(&self.state);
            let user = state.create_user(new, SignUp::EmailCode, tick)?;
            (user, state.fresh_id("ema", tick.now_ms))
        };
        if let Some(email) = user.primary_email() {
            self.code_sent(&email_id, &email.email_address, Some(&user), origin);
        }
        self.user_created(&user, origin);
        let session = self.create_session(NewSession::of(&*user.id), origin)?;
        Ok((user, session))
    }

    pub(crate) fn update_user(
        &self,
        id: &str,
        patch: UserPatch,
        origin: &Origin,
    ) -> Result<Arc<User>, Refusal> {
        let sign_out = patch.sign_out_of_other_sessions == Some(true) && patch.password.is_some();
        let tick = self.tick();
        let user = lock(&self.state).update_user(id, patch, tick)?;
        self.user_updated(&user, origin);
        if sign_out {
            self.revoke_sessions(&user, origin);
        }
        Ok(user)
    }

    pub(crate) fn change_metadata(
        &self,
        id: &str,
        change: &MetadataChange,
        replace: bool,
        origin: &Origin,
    ) -> Result<Arc<User>, Refusal> {
        let tick = self.tick();
        let user = lock(&self.state).change_metadata(id, change, replace, tick)?;
        self.user_updated(&user, origin);
        Ok(user)
    }

    /// A ban ends all sessions; lifting it brings none back.
    pub(crate) fn set_banned(&self, id: &str, banned: bool, origin: &Origin) -> Result<Arc<User>, Refusal> {
        let tick = self.tick();
        let user = lock(&self.state).set_banned(id, banned, tick)?;
        self.user_updated(&user, origin);
        if banned {
            self.revoke_sessions(&user, origin);
        }
        Ok(user)
    }

    pub(crate) fn set_locked(&self, id: &str, locked: bool, origin: &Origin) -> Result<Arc<User>, Refusal> {
        let tick = self.tick();
        let user = lock(&self.state).set_locked(id, locked, tick)?;
        self.user_updated(&user, origin);
        Ok(user)
    }

    /// What a directory does to its users: disabling one ends its sessions, too.
    pub(crate) fn set_deprovisioned(
        &self,
        id: &str,
        off: bool,
        origin: &Origin,
    ) -> Result<Arc<User>, Refusal> {
        let tick = self.tick();
        let user = lock(&self.state).set_deprovisioned(id, off, tick)?;
        self.user_updated(&user, origin);
        if off {
            self.revoke_sessions(&user, origin);
        }
        Ok(user)
    }

    pub(crate) fn delete_user(&self, id: &str, origin: &Origin) -> Result<Arc<User>, Refusal> {
        let tick = self.tick();
        let (user, sessions) = {
            let mut state = lock(&self.state);
            let user = state.delete_user(id, tick)?;
            let sessions = state.forget_sessions(id, tick.now_ms);
            (user, sessions)
        };
        self.user_deleted(&user, origin);
        for session in sessions {
            self.session_changed(&session, &user, true, origin);
        }
        Ok(user)
    }

    pub(crate) fn add_email(
        &self,
        user_id: &str,
        address: &str,
        change: EmailChange,
        origin: &Origin,
    ) -> Result<EmailAddress, Refusal> {
        let tick = self.tick();
        let (verified, primary) = (change.verified.unwrap_or(false), change.primary.unwrap_or(false));
        let (user, email) = lock(&self.state).add_email(user_id, address, verified, primary, tick)?;
        self.user_updated(&user, origin);
        Ok(email)
    }

    pub(crate) fn update_email(
        &self,
        id: &str,
        change: EmailChange,
        origin: &Origin,
    ) -> Result<EmailAddress, Refusal> {
        let tick = self.tick();
        let (user, email) = lock(&self.state).update_email(id, change.verified, change.primary, tick)?;
        self.user_updated(&user, origin);
        Ok(email)
    }

    pub(crate) fn delete_email(&self, id: &str, origin: &Origin) -> Result<(), Refusal> {
        let tick = self.tick();
        let user = lock(&self.state).delete_email(id, tick)?;
        self.user_updated(&user, origin);
        Ok(())
    }

    /// A sign-in changes the user as well (`last_sign_in_at`), so it is two events.
    pub(crate) fn create_session(&self, new: NewSession, origin: &Origin) -> Result<Arc<Session>, Refusal> {
        let tick = self.tick();
        let (user, session) = lock(&self.state).create_session(new, None, tick)?;
        self.signed_in(&session, &user, origin);
        Ok(session)
    }

    /// The events of a sign-in.
    pub(super) fn signed_in(&self, session: &Session, user: &Arc<User>, origin: &Origin) {
        self.session_changed(session, user, false, origin);
        if session.actor.is_none() {
            self.user_updated(user, origin);
        }
    }

    /// Ends a session in the way named by `status`. One that is not live any more stays as it is.
    pub(crate) fn end_session(
        &self,
        id: &str,
        status: SessionStatus,
        origin: &Origin,
    ) -> Result<Arc<Session>, Refusal> {
        if status.live() {
            return Err(Refusal::Value { param: "status" });
        }
        let (user, session, changed) = {
            let mut state = lock(&self.state);
            let (session, changed) = state.end_session(id, status, now_ms())?;
            (state.user(&session.user_id)?.clone(), session, changed)
        };
        if changed {
            self.session_changed(&session, &user, false, origin);
        }
        Ok(session)
    }

    /// Leaves a session with a task to do, or lets it be done with it.
    pub(crate) fn set_pending(
        &self,
        id: &str,
        pending: bool,
        origin: &Origin,
    ) -> Result<Arc<Session>, Refusal> {
        let (user, session, changed) = {
            let mut state = lock(&self.state);
            let (session, changed) = state.set_pending(id, pending, now_ms())?;
            (state.user(&session.user_id)?.clone(), session, changed)
        };
        if changed {
            self.session_changed(&session, &user, false, origin);
        }
        Ok(session)
    }

    fn revoke_sessions(&self, user: &Arc<User>, origin: &Origin) {
        let revoked = lock(&self.state).revoke_sessions(&user.id, now_ms());
        for session in revoked {
            self.session_changed(&session, user, false, origin);
        }
    }
}
