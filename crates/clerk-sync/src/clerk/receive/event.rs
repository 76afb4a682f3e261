use clerk_sync_core::{Fact, Snapshot, Source, Timestamp, UserId, Via};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::event_type::{EventType, WITH_CODES};
use super::glimpse;
use crate::clerk::json::{depth_is_bounded, integer, is_null, text};
use crate::clerk::user::{SECONDS_BELOW, WireUser, moment, user_id};

/// The longest event type or instance id kept, in bytes: both become labels and columns.
const MAX_NAME_BYTES: usize = 128;

/// What a verified body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Clerk's name for the event, such as `user.created`; empty when it could not be read.
    pub event_type: String,
    /// The instance it comes from.
    pub instance_id: Option<String>,
    /// When Clerk made the event.
    pub timestamp: Option<Timestamp>,
    /// What it says of a user; `None` when it says nothing that is kept.
    pub fact: Option<Fact>,
    /// What kind of event it is.
    pub kind: EventKind,
    /// Whether the body may be stored; not where it carries one-time codes.
    pub keep_body: bool,
}

/// What kind of event a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// About a user, and understood.
    User,
    /// About a session.
    Session,
    /// Another event of Clerk's, acknowledged and counted.
    Known,
    /// Of a type that is not in Clerk's document; acknowledged and counted.
    Unknown,
    /// Not understood though it should have been: a dead letter, and an alert.
    Unreadable {
        /// A stable word: `empty`, `not_utf8`, `too_deep`, `not_json`, `no_type` or `no_user_id`.
        reason: &'static str,
        /// The user it seems to be about, whose record is to be compared with Clerk. Never more than a hint.
        user_id: Option<UserId>,
    },
}

/// Reads a body whose signature is right.
///
/// It never fails: what cannot be understood is a [`EventKind::Unreadable`], since Clerk sending it again
/// would not help. Only what is needed is looked at, so new fields, unknown words and odd types elsewhere
/// change nothing.
///
/// - `user.created` and `user.updated` are a [`Fact::Snapshot`], `user.deleted` a [`Fact::Deleted`] at the
///   event's timestamp (or `now` without one).
/// - `session.created` is a snapshot too where it carries the whole user, with the session's start as the last
///   sign-in; without the user it is a [`Fact::SignedIn`]. An impersonated session is no sign-in.
/// - Other events of sessions that carry the whole user are a snapshot.
///
/// The envelope's `timestamp` is milliseconds in real deliveries and seconds in those of the Dashboard's
/// test button; below 100 000 000 000 it is read as seconds.
///
/// The types are those of Clerk's document "webhooks 2025-04-15".
pub fn read(body: &[u8], now: Timestamp) -> Reading {
    let envelope = match Envelope::read(body) {
        Ok(envelope) => envelope,
        Err(reason) => return unreadable(body, String::new(), reason),
    };
    let Some(event_type) = envelope.event_type.and_then(text).map(bounded).filter(|name| !name.is_empty())
    else {
        return Reading {
            instance_id: envelope.instance_id(),
            timestamp: envelope.timestamp(),
            ..unreadable(body, String::new(), "no_type")
        };
    };
    let (fact, kind) = match EventType::of(&event_type) {
        EventType::UserChanged => (envelope.user_changed(), EventKind::User),
        EventType::UserDeleted => (envelope.user_deleted(now), EventKind::User),
        EventType::SessionCreated => (Ok(envelope.session(true)), EventKind::Session),
        EventType::SessionChanged => (Ok(envelope.session(false)), EventKind::Session),
        EventType::Other => (Ok(None), EventKind::Known),
        EventType::Unlisted => (Ok(None), EventKind::Unknown),
    };
    let keep_body = !WITH_CODES.contains(&event_type.as_str());
    let (instance_id, timestamp) = (envelope.instance_id(), envelope.timestamp());
    match fact {
        Ok(fact) => Reading { event_type, instance_id, timestamp, fact, kind, keep_body },
        Err(reason) => Reading { instance_id, timestamp, ..unreadable(body, event_type, reason) },
    }
}

fn unreadable(body: &[u8], event_type: String, reason: &'static str) -> Reading {
    Reading {
        event_type,
        instance_id: None,
        timestamp: None,
        fact: None,
        kind: EventKind::Unreadable { reason, user_id: glimpse::user_id(body) },
        keep_body: !glimpse::may_carry_codes(body),
    }
}

/// Control characters dropped, and cut to [`MAX_NAME_BYTES`].
fn bounded(mut name: String) -> String {
    name.retain(|c| !c.is_control());
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    name
}

/// The frame around every event.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    event_type: Option<&'a RawValue>,
    instance_id: Option<&'a RawValue>,
    timestamp: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    fn read(body: &'a [u8]) -> Result<Self, &'static str> {
        let json = std::str::from_utf8(body).map_err(|_| "not_utf8")?;
        let start = json.trim_start();
        if start.is_empty() {
            return Err("empty");
        }
        if !depth_is_bounded(json) {
            return Err("too_deep");
        }
        // serde would take an array for the members in order.
        if !start.starts_with('{') {
            return Err("not_json");
        }
        serde_json::from_str(json).map_err(|_| "not_json")
    }

    fn instance_id(&self) -> Option<String> {
        self.instance_id.and_then(text).map(bounded).filter(|id| !id.is_empty())
    }

    fn timestamp(&self) -> Option<Timestamp> {
        let number = self.timestamp.and_then(integer).filter(|number| *number > 0)?;
        Some(if number < SECONDS_BELOW {
            Timestamp::from_seconds(number)
        } else {
            Timestamp::from_millis(number)
        })
    }

    fn user_changed(&self) -> Result<Option<Fact>, &'static str> {
        let data = self.data.ok_or("no_user_id")?;
        let snapshot = WireUser::read(data.get()).and_then(|user| user.snapshot());
        match snapshot {
            Ok(snapshot) => Ok(Some(Fact::Snapshot { snapshot, via: Via::Webhook })),
            Err(error) => Err(error.code()),
        }
    }

    fn user_deleted(&self, now: Timestamp) -> Result<Option<Fact>, &'static str> {
        let data = self.data.ok_or("no_user_id")?;
        let id = WireUser::read(data.get()).and_then(|user| user.id()).map_err(|error| error.code())?;
        let at = self.timestamp().unwrap_or(now);
        Ok(Some(Fact::Deleted { id, at, source: Source::Webhook }))
    }

    fn session(&self, created: bool) -> Option<Fact> {
        let data = self.data.filter(|raw| raw.get().starts_with('{'))?;
        let session = serde_json::from_str::<WireSession<'a>>(data.get()).ok()?;
        let signed_in_at = session.signed_in_at(self.timestamp()).filter(|_| created);
        if let Some(mut snapshot) = session.whole_user() {
            // `None` is less than any moment, so the later one stays.
            snapshot.last_sign_in_at = snapshot.last_sign_in_at.max(signed_in_at);
            return Some(Fact::Snapshot { snapshot, via: Via::Webhook });
        }
        let id = user_id(session.user_id).or_else(|| session.stub()?.id().ok())?;
        signed_in_at.map(|at| Fact::SignedIn { id, at })
    }
}

/// The members of a Session we look at.
#[derive(Deserialize)]
struct WireSession<'a> {
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    user: Option<&'a RawValue>,
    actor: Option<&'a RawValue>,
    created_at: Option<&'a RawValue>,
}

impl<'a> WireSession<'a> {
    /// When the user signed in by this session; `None` when somebody else did in their place.
    fn signed_in_at(&self, event: Option<Timestamp>) -> Option<Timestamp> {
        if self.actor.is_some_and(|actor| !is_null(actor)) {
            return None;
        }
        self.created_at.and_then(moment).or(event)
    }

    fn stub(&self) -> Option<WireUser<'a>> {
        WireUser::read(self.user?.get()).ok()
    }

    /// The user, if whole and the one the session is of.
    fn whole_user(&self) -> Option<Snapshot> {
        let snapshot = self.stub().filter(WireUser::is_whole)?.snapshot().ok()?;
        let owner = user_id(self.user_id);
        Some(snapshot).filter(|snapshot| owner.is_none_or(|owner| owner == snapshot.id))
    }
}
