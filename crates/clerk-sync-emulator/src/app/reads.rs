//! Everything that is read from the instance; stale weather shows the past here and nowhere else.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;

use super::App;
use crate::clock::{lock, now_ms};
use crate::session::Session;
use crate::state::{Page, Refusal, SessionQuery, UserQuery};
use crate::token::{Issue, Issuer, TokenOptions, fill, session_token, template_token};
use crate::user::{EmailAddress, User};

/// Why no token was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is no such session or user.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Signing failed.
    #[error("signing the token failed")]
    Signing,
}

impl From<Unspecified> for TokenError {
    fn from(_: Unspecified) -> Self {
        Self::Signing
    }
}

impl App {
    /// The user as a caller of the Backend API sees it.
    pub(crate) fn user(&self, id: &str) -> Result<User, Refusal> {
        let now_ms = now_ms();
        let as_of = self.sky().read_as_of(now_ms);
        self.user_seen(id, as_of, now_ms)
    }

    /// The user as it really is.
    pub(crate) fn true_user(&self, id: &str) -> Result<User, Refusal> {
        self.user_seen(id, None, now_ms())
    }

    fn user_seen(&self, id: &str, as_of: Option<i64>, now_ms: i64) -> Result<User, Refusal> {
        let state = lock(&self.state);
        let user = match as_of {
            Some(at) => state.user_as_of(id, at)?,
            None => state.user(id)?.clone(),
        };
        drop(state);
        Ok(user.seen_at(now_ms).into_owned())
    }

    pub(crate) fn list_users(&self, query: &UserQuery, page: &Page) -> Result<Vec<Arc<User>>, Refusal> {
        let as_of = self.sky().read_as_of(now_ms());
        lock(&self.state).list_users(query, page, as_of)
    }

    pub(crate) fn count_users(&self, query: Option<&UserQuery>) -> usize {
        let as_of = self.sky().read_as_of(now_ms());
        let state = lock(&self.state);
        match (query, as_of) {
            (None, None) => state.user_count(),
            (Some(query), as_of) => state.count_users(query, as_of),
            (None, as_of) => state.count_users(&UserQuery::default(), as_of),
        }
    }

    pub(crate) fn email(&self, id: &str) -> Result<EmailAddress, Refusal> {
        lock(&self.state).email(id).map(|(_, email)| email.clone())
    }

    pub(crate) fn session(&self, id: &str) -> Result<Arc<Session>, Refusal> {
        lock(&self.state).session(id, now_ms())
    }

    pub(crate) fn list_sessions(&self, query: &SessionQuery) -> (Vec<Arc<Session>>, usize) {
        lock(&self.state).list_sessions(query, now_ms())
    }

    /// A token of a live session, from a template if one is named.
    pub(crate) fn token(
        &self,
        session_id: &str,
        template: Option<&str>,
        options: &TokenOptions,
    ) -> Result<String, TokenError> {
        let now_ms = now_ms();
        let session = self.session(session_id)?;
        if !session.status.live() {
            return Err(Refusal::NotFound { kind: "session", id: session_id.to_owned() }.into());
        }
        // Claims are as old as any other read; but a session without its user cannot be.
        let read_at_ms = self.sky().read_as_of(now_ms).unwrap_or(now_ms);
        let user = self.user_seen(&session.user_id, Some(read_at_ms), now_ms);
        let user = user.or_else(|_| self.true_user(&session.user_id))?;
        let identity = &self.identity;
        let issuer = Issuer {
            url: &identity.issuer,
            authorized_party: identity.authorized_party.as_deref(),
            token_lifetime_s: identity.token_lifetime_s,
        };
        let issue = Issue { now_ms, read_at_ms, jti: self.fresh_hex() };
        let (header, claims) = match template {
            None => {
                let custom = fill(&identity.session_claims, &user, Some(&session));
                session_token(issuer, &session, &user, custom, options, &issue)
            }
            Some(name) => {
                let unknown = || Refusal::NotFound { kind: "JWT template", id: name.to_owned() };
                let template = identity.jwt_templates.get(name).ok_or_else(unknown)?;
                template_token(issuer, &user, fill(template, &user, Some(&session)), options, &issue)
            }
        };
        Ok(identity.key.sign(header, &claims)?)
    }
}
