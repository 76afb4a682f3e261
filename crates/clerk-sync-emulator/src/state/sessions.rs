//! Sessions and what ends them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Refusal, State, Tick, not_found};
use crate::id::Id;
use crate::session::{ABANDON_AFTER_MS, MAX_LIFETIME_MS, NewSession, Session, SessionStatus};
use crate::user::User;

/// How many sessions of one user are kept; older ones are purged, as Clerk purges old sessions.
const MAX_PER_USER: usize = 100;

/// The sessions, by id, by user and by age.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_id: HashMap<Id, Arc<Session>>,
    by_user: HashMap<Id, Vec<Id>>,
    by_client: HashMap<Id, Vec<Id>>,
    by_created: BTreeSet<(i64, Id)>,
}

/// What to list.
#[derive(Debug, Default)]
pub(crate) struct SessionQuery {
    pub(crate) client_id: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) status: Option<SessionStatus>,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

impl State {
    /// Signs the user in: makes a session, in a browser of its own if none is named, and notes the sign-in on the user.
    pub(crate) fn create_session(
        &mut self,
        new: NewSession,
        client: Option<&str>,
        tick: Tick,
    ) -> Result<(Arc<User>, Arc<Session>), Refusal> {
        if new.user_id.is_empty() {
            return Err(Refusal::Missing { param: "user_id" });
        }
        let seen = self.user(&new.user_id)?.seen_at(tick.now_ms).into_owned();
        if seen.banned {
            return Err(Refusal::Banned);
        }
        if seen.deprovisioned {
            return Err(Refusal::Deprovisioned);
        }
        if seen.locked {
            return Err(Refusal::Locked);
        }
        if let Some(id) = &new.active_organization_id {
            return Err(not_found("organization", id));
        }
        let now_ms = tick.now_ms;
        let client_id = client.map_or_else(|| self.ids.next("client", now_ms), Id::from);
        let session = Arc::new(Session {
            object: "session",
            id: self.ids.next("sess", now_ms),
            user_id: seen.id.clone(),
            client_id,
            actor: new.actor,
            status: if new.pending { SessionStatus::Pending } else { SessionStatus::Active },
            last_active_organization_id: None,
            last_active_at: now_ms,
            expire_at: now_ms + MAX_LIFETIME_MS,
            abandon_at: now_ms + ABANDON_AFTER_MS,
            created_at: now_ms,
            updated_at: now_ms,
            tasks: new.pending.then(task),
        });
        // An impersonator's sign-in is not the user's.
        let user = if session.actor.is_some() {
            self.user(&seen.id)?.clone()
        } else {
            self.change(&seen.id, tick, |user| {
                user.last_sign_in_at = Some(now_ms);
                user.last_active_at = Some(now_ms);
                Ok(())
            })?
        };
        self.sessions.insert(session.clone());
        if let Some(client) = client {
            self.settle_in(client, &session, now_ms)?;
        }
        Ok((user, session))
    }

    /// The session as it is at `now_ms`: one that outlived its time has expired.
    pub(crate) fn session(&self, id: &str, now_ms: i64) -> Result<Arc<Session>, Refusal> {
        let session = self.sessions.by_id.get(id).ok_or_else(|| not_found("session", id))?;
        Ok(expired(session, now_ms))
    }

    /// The live sessions in a browser, oldest first.
    pub(super) fn live_sessions(&self, client: &str, now_ms: i64) -> Vec<Arc<Session>> {
        let ids = self.sessions.by_client.get(client).into_iter().flatten();
        let sessions = ids.filter_map(|id| self.sessions.by_id.get(id));
        sessions.map(|session| expired(session, now_ms)).filter(|session| session.status.live()).collect()
    }

    /// Sessions that match, newest first, and how many match in all.
    pub(crate) fn list_sessions(&self, query: &SessionQuery, now_ms: i64) -> (Vec<Arc<Session>>, usize) {
        let of_user = query.user_id.as_ref().map(|id| self.sessions.by_user.get(id.as_str()));
        let ids: Box<dyn Iterator<Item = &Id>> = match &of_user {
            Some(Some(ids)) => Box::new(ids.iter().rev()),
            Some(None) => Box::new(std::iter::empty()),
            None => Box::new(self.sessions.by_created.iter().rev().map(|(_, id)| id)),
        };
        let matching: Vec<_> = ids
            .filter_map(|id| self.sessions.by_id.get(id))
            .map(|session| expired(session, now_ms))
            .filter(|session| query.client_id.as_ref().is_none_or(|id| **id == *session.client_id))
            .filter(|session| query.status.is_none_or(|status| status == session.status))
            .collect();
        let total = matching.len();
        (matching.into_iter().skip(query.offset).take(query.limit).collect(), total)
    }

    /// Ends a live session; one that is no longer live stays what it is and `None` comes back in its place.
    pub(crate) fn end_session(
        &mut self,
        id: &str,
        status: SessionStatus,
        now_ms: i64,
    ) -> Result<(Arc<Session>, bool), Refusal> {
        let session = self.session(id, now_ms)?;
        if !session.status.live() {
            return Ok((session, false));
        }
        let ended = Arc::new(Session { status, updated_at: now_ms, ..Session::clone(&session) });
        self.sessions.replace(ended.clone());
        Ok((ended, true))
    }

    /// Leaves a live session with a task to do, or lets it be done with it; the flag tells whether that is news.
    pub(crate) fn set_pending(
        &mut self,
        id: &str,
        pending: bool,
        now_ms: i64,
    ) -> Result<(Arc<Session>, bool), Refusal> {
        let session = self.session(id, now_ms)?;
        let status = if pending { SessionStatus::Pending } else { SessionStatus::Active };
        if !session.status.live() || session.status == status {
            return Ok((session, false));
        }
        let tasks = pending.then(task);
        let changed = Arc::new(Session { status, tasks, updated_at: now_ms, ..Session::clone(&session) });
        self.sessions.replace(changed.clone());
        Ok((changed, true))
    }

    /// Revokes the live sessions of a user that is gone and forgets all of them.
    pub(crate) fn forget_sessions(&mut self, user_id: &str, now_ms: i64) -> Vec<Arc<Session>> {
        let revoked = self.revoke_sessions(user_id, now_ms);
        for id in self.sessions.by_user.remove(user_id).unwrap_or_default() {
            self.sessions.forget(&id);
        }
        revoked
    }

    /// Revokes every live session of the user, as a ban does.
    pub(crate) fn revoke_sessions(&mut self, user_id: &str, now_ms: i64) -> Vec<Arc<Session>> {
        let ids = self.sessions.by_user.get(user_id).cloned().unwrap_or_default();
        ids.iter()
            .filter_map(|id| self.end_session(id, SessionStatus::Revoked, now_ms).ok())
            .filter_map(|(session, changed)| changed.then_some(session))
            .collect()
    }
}

impl Sessions {
    /// Puts the session in the place of what it was before.
    pub(super) fn replace(&mut self, session: Arc<Session>) {
        self.by_id.insert(session.id.clone(), session);
    }

    fn insert(&mut self, session: Arc<Session>) {
        self.by_created.insert((session.created_at, session.id.clone()));
        let of_user = self.by_user.entry(session.user_id.clone()).or_default();
        of_user.push(session.id.clone());
        self.by_client.entry(session.client_id.clone()).or_default().push(session.id.clone());
        let purged = (of_user.len() > MAX_PER_USER).then(|| of_user.remove(0));
        self.by_id.insert(session.id.clone(), session);
        if let Some(id) = purged {
            self.forget(&id);
        }
    }

    fn forget(&mut self, id: &str) {
        if let Some(old) = self.by_id.remove(id) {
            self.by_created.remove(&(old.created_at, old.id.clone()));
            if let Some(of_client) = self.by_client.get_mut(&old.client_id) {
                of_client.retain(|other| *other != old.id);
                if of_client.is_empty() {
                    self.by_client.remove(&old.client_id);
                }
            }
        }
    }
}

/// What a pending session waits for.
fn task() -> Vec<Value> {
    vec![json!({"key": "choose-organization"})]
}

fn expired(session: &Arc<Session>, now_ms: i64) -> Arc<Session> {
    if session.status.live() && session.expire_at <= now_ms {
        return Arc::new(Session { status: SessionStatus::Expired, ..Session::clone(session) });
    }
    session.clone()
}
