//! What happens in browsers: the state's step, then its events.

use std::sync::Arc;

use super::{App, Origin};
use crate::client::{SignInAttempt, SignUpAttempt, SignUpFields};
use crate::clock::{lock, now_ms};
use crate::id::Id;
use crate::session::{Session, SessionStatus};
use crate::state::{ClientView, Refusal, SignedIn};
use crate::user::User;

impl App {
    pub(crate) fn known_client(&self, token: Option<&str>, dev_browser: Option<&str>) -> Option<Id> {
        lock(&self.state).known_client(token, dev_browser)
    }

    pub(crate) fn open_client(&self, dev_browser: Option<String>) -> Id {
        let token = self.fresh_hex() + &self.fresh_hex();
        lock(&self.state).open_client(token, dev_browser, now_ms())
    }

    pub(crate) fn set_page_origin(&self, client: &str, page: &str) {
        lock(&self.state).set_page_origin(client, page);
    }

    pub(crate) fn client_view(&self, client: &str) -> Result<ClientView, Refusal> {
        lock(&self.state).client_view(client, now_ms())
    }

    pub(crate) fn client_session(&self, client: &str, id: &str) -> Result<Arc<Session>, Refusal> {
        lock(&self.state).client_session(client, id, now_ms())
    }

    pub(crate) fn touch_session(&self, client: &str, id: &str) -> Result<Arc<Session>, Refusal> {
        let tick = self.tick();
        lock(&self.state).touch_session(client, id, tick)
    }

    /// Signs out of one session of the browser.
    pub(crate) fn leave_session(
        &self,
        client: &str,
        id: &str,
        status: SessionStatus,
        origin: &Origin,
    ) -> Result<Arc<Session>, Refusal> {
        self.client_session(client, id)?;
        self.end_session(id, status, origin)
    }

    /// Signs out of every session of the browser.
    pub(crate) fn leave_all_sessions(&self, client: &str, origin: &Origin) -> Result<(), Refusal> {
        for (session, _) in self.client_view(client)?.sessions {
            self.end_session(&session.id, SessionStatus::Removed, origin)?;
        }
        Ok(())
    }

    pub(crate) fn begin_sign_up(&self, client: &str, fields: SignUpFields) -> Result<SignUpAttempt, Refusal> {
        let tick = self.tick();
        lock(&self.state).begin_sign_up(client, fields, tick)
    }

    pub(crate) fn amend_sign_up(
        &self,
        client: &str,
        id: &str,
        change: SignUpFields,
    ) -> Result<SignUpAttempt, Refusal> {
        let tick = self.tick();
        lock(&self.state).amend_sign_up(client, id, change, tick)
    }

    pub(crate) fn sign_up_attempt(&self, client: &str, id: &str) -> Result<SignUpAttempt, Refusal> {
        lock(&self.state).sign_up(client, id, now_ms())
    }

    pub(crate) fn send_sign_up_code(
        &self,
        client: &str,
        id: &str,
        origin: &Origin,
    ) -> Result<SignUpAttempt, Refusal> {
        let tick = self.tick();
        let (attempt, address, email_id) = lock(&self.state).send_sign_up_code(client, id, tick)?;
        self.code_sent(&email_id, &address, None, origin);
        Ok(attempt)
    }

    pub(crate) fn try_sign_up_code(
        &self,
        client: &str,
        id: &str,
        code: &str,
        origin: &Origin,
    ) -> Result<SignUpAttempt, Refusal> {
        let tick = self.tick();
        let (attempt, made) = lock(&self.state).try_sign_up_code(client, id, code, tick)?;
        self.user_created(&made.created, origin);
        self.signed_in(&made.session, &made.user, origin);
        Ok(attempt)
    }

    pub(crate) fn begin_sign_in(&self, client: &str, identifier: &str) -> Result<SignInAttempt, Refusal> {
        let tick = self.tick();
        lock(&self.state).begin_sign_in(client, identifier, tick)
    }

    pub(crate) fn sign_in_attempt(&self, client: &str, id: &str) -> Result<SignInAttempt, Refusal> {
        lock(&self.state).sign_in(client, id, now_ms())
    }

    pub(crate) fn send_sign_in_code(
        &self,
        client: &str,
        id: &str,
        email_id: Option<&str>,
        origin: &Origin,
    ) -> Result<SignInAttempt, Refusal> {
        let tick = self.tick();
        let sent = lock(&self.state).send_sign_in_code(client, id, email_id, tick)?;
        let (attempt, user, address, email_id) = sent;
        self.code_sent(&email_id, &address, Some(&user), origin);
        Ok(attempt)
    }

    pub(crate) fn try_sign_in_code(
        &self,
        client: &str,
        id: &str,
        code: &str,
        origin: &Origin,
    ) -> Result<SignInAttempt, Refusal> {
        let tick = self.tick();
        let tried = lock(&self.state).try_sign_in_code(client, id, code, tick)?;
        self.sign_in_tried(tried, origin)
    }

    pub(crate) fn try_password(
        &self,
        client: &str,
        id: &str,
        password: &str,
        origin: &Origin,
    ) -> Result<SignInAttempt, Refusal> {
        let tick = self.tick();
        let tried = lock(&self.state).try_password(client, id, password, tick)?;
        self.sign_in_tried(tried, origin)
    }

    fn sign_in_tried(&self, tried: SignedIn, origin: &Origin) -> Result<SignInAttempt, Refusal> {
        match tried {
            SignedIn::Done { attempt, user, session } => {
                self.signed_in(&session, &user, origin);
                Ok(attempt)
            }
            SignedIn::Locked { user } => {
                self.user_updated(&user, origin);
                Err(Refusal::Locked)
            }
        }
    }

    /// The user of an attempt, as it really is.
    pub(crate) fn attempting_user(&self, attempt: &SignInAttempt) -> Option<User> {
        self.true_user(&attempt.user_id).ok()
    }
}
