//! Browsers: who they are, and what is in them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{Refusal, State, Tick};
use crate::client::{Client, ClientToken};
use crate::id::Id;
use crate::session::{Session, SessionStatus};
use crate::user::User;

/// How many browsers are known at once; the oldest is forgotten first.
const MAX_CLIENTS: usize = 10_000;
/// How many live sessions a browser may have; the oldest gives way.
const MAX_SESSIONS: usize = 20;

/// The browsers, by id and by what they show to be known.
#[derive(Debug, Default)]
pub(super) struct Clients {
    by_id: HashMap<Id, Client>,
    by_token: HashMap<ClientToken, Id>,
    /// Development browsers are known by an id in the query as well.
    by_dev_browser: HashMap<String, Id>,
    order: VecDeque<(Id, Option<String>)>,
}

/// A browser with its live sessions and whose they are, oldest first.
#[derive(Debug)]
pub(crate) struct ClientView {
    pub(crate) client: Client,
    pub(crate) sessions: Vec<(Arc<Session>, Arc<User>)>,
}

impl State {
    /// The browser with this cookie, or else with this development id.
    pub(crate) fn known_client(&self, token: Option<&str>, dev_browser: Option<&str>) -> Option<Id> {
        let by_token = token.and_then(|token| self.clients.by_token.get(&ClientToken(token.to_owned())));
        by_token.or_else(|| self.clients.by_dev_browser.get(dev_browser?)).cloned()
    }

    /// Lets a browser in that was not here before.
    pub(crate) fn open_client(&mut self, token: String, dev_browser: Option<String>, now_ms: i64) -> Id {
        let id = self.ids.next("client", now_ms);
        let clients = &mut self.clients;
        if clients.order.len() >= MAX_CLIENTS
            && let Some((oldest, dev_browser)) = clients.order.pop_front()
        {
            if let Some(client) = clients.by_id.remove(&oldest) {
                clients.by_token.remove(&client.token);
            }
            dev_browser.map(|dev_browser| clients.by_dev_browser.remove(&dev_browser));
        }
        let token = ClientToken(token);
        clients.by_token.insert(token.clone(), id.clone());
        if let Some(dev_browser) = &dev_browser {
            clients.by_dev_browser.insert(dev_browser.clone(), id.clone());
        }
        clients.order.push_back((id.clone(), dev_browser));
        let client = Client {
            id: id.clone(),
            token,
            sign_up: None,
            sign_in: None,
            last_active_session_id: None,
            page_origin: None,
            created_at: now_ms,
            updated_at: now_ms,
        };
        clients.by_id.insert(id.clone(), client);
        id
    }

    pub(super) fn client(&self, id: &str) -> Result<&Client, Refusal> {
        self.clients.by_id.get(id).ok_or(Refusal::SignedOut)
    }

    /// The browser, to be changed.
    pub(super) fn client_mut(&mut self, id: &str, now_ms: i64) -> Result<&mut Client, Refusal> {
        let client = self.clients.by_id.get_mut(id).ok_or(Refusal::SignedOut)?;
        client.updated_at = now_ms;
        Ok(client)
    }

    /// Remembers where the browser's page is.
    pub(crate) fn set_page_origin(&mut self, id: &str, origin: &str) {
        if let Some(client) = self.clients.by_id.get_mut(id) {
            client.page_origin = Some(origin.to_owned());
        }
    }

    /// What is in the browser now: sessions that ended anywhere, and those of users that are gone, are not.
    pub(crate) fn client_view(&self, id: &str, now_ms: i64) -> Result<ClientView, Refusal> {
        let client = self.client(id)?.clone();
        let sessions = self.live_sessions(id, now_ms);
        let sessions = sessions.into_iter().filter_map(|session| {
            let user = self.users.get(&session.user_id)?.clone();
            Some((session, user))
        });
        Ok(ClientView { client, sessions: sessions.collect() })
    }

    /// A live session of this browser. For any other the browser is signed out, which makes the SDK look again at once.
    pub(crate) fn client_session(
        &self,
        client: &str,
        id: &str,
        now_ms: i64,
    ) -> Result<Arc<Session>, Refusal> {
        self.client(client)?;
        let session = self.session(id, now_ms).map_err(|_| Refusal::SignedOut)?;
        let of_client = *session.client_id == *client && session.status.live();
        if of_client { Ok(session) } else { Err(Refusal::SignedOut) }
    }

    /// The session is the one in front now.
    pub(crate) fn touch_session(
        &mut self,
        client: &str,
        id: &str,
        tick: Tick,
    ) -> Result<Arc<Session>, Refusal> {
        let session = self.client_session(client, id, tick.now_ms)?;
        let touched = Arc::new(Session { last_active_at: tick.now_ms, ..Session::clone(&session) });
        self.sessions.replace(touched.clone());
        self.client_mut(client, tick.now_ms)?.last_active_session_id = Some(touched.id.clone());
        Ok(touched)
    }

    /// Whether one more sign-in of this user is possible: one session at a time, or one of each user.
    pub(super) fn check_room(&self, client: &str, user_id: Option<&str>, now_ms: i64) -> Result<(), Refusal> {
        let live = self.live_sessions(client, now_ms);
        if let Some(own) = live.iter().find(|session| user_id == Some(&*session.user_id)) {
            return Err(Refusal::AlreadySignedIn { session_id: own.id.to_string() });
        }
        if !live.is_empty() && !self.multi_session { Err(Refusal::SessionExists) } else { Ok(()) }
    }

    /// Puts a fresh session in front and, if the browser has too many, ends the oldest one.
    pub(super) fn settle_in(&mut self, client: &str, session: &Session, now_ms: i64) -> Result<(), Refusal> {
        self.client_mut(client, now_ms)?.last_active_session_id = Some(session.id.clone());
        let live = self.live_sessions(client, now_ms);
        if let Some(oldest) = live.first().filter(|_| live.len() > MAX_SESSIONS) {
            self.end_session(&oldest.id, SessionStatus::Replaced, now_ms)?;
        }
        Ok(())
    }
}
