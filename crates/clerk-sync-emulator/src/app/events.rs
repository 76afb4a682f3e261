//! Webhook events in Clerk's envelope (Clerk OpenAPI, "webhooks").

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde::Serialize;
use serde_json::json;

use super::App;
use crate::client::CODE;
use crate::clock::now_ms;
use crate::id::Id;
use crate::session::{Session, SessionStatus};
use crate::timeline::Event;
use crate::user::User;

/// Who caused a change: what the event's `http_request` says.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Origin {
    pub(crate) client_ip: String,
    pub(crate) user_agent: String,
}

impl Origin {
    /// Whoever sent a request with these headers from this machine.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self { client_ip: "127.0.0.1".to_owned(), user_agent: user_agent.unwrap_or_default().to_owned() }
    }
}

#[derive(Serialize)]
struct Envelope<'a, T: Serialize> {
    data: &'a T,
    event_attributes: EventAttributes<'a>,
    instance_id: &'a str,
    object: &'static str,
    timestamp: i64,
    #[serde(rename = "type")]
    event_type: &'static str,
}

#[derive(Serialize)]
struct EventAttributes<'a> {
    http_request: &'a Origin,
}

#[derive(Serialize)]
struct UserData<'a> {
    #[serde(flatten)]
    user: &'a User,
    #[serde(skip_serializing_if = "Option::is_none")]
    scim: Option<Scim<'a>>,
}

/// Only `user.created` and `user.updated` carry it, and only for users of a directory.
#[derive(Serialize)]
struct Scim<'a> {
    directory_id: &'a str,
    directory_enabled: bool,
    external_id: Option<&'a str>,
}

impl<'a> UserData<'a> {
    fn of(user: &'a User) -> Self {
        let scim = user.directory_id.as_deref().map(|directory_id| Scim {
            directory_id,
            directory_enabled: true,
            external_id: user.external_id.as_deref(),
        });
        Self { user, scim }
    }
}

#[derive(Serialize)]
struct DeletedUser<'a> {
    deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    id: &'a str,
    object: &'static str,
}

#[derive(Serialize)]
struct SessionData<'a> {
    #[serde(flatten)]
    session: &'a Session,
    user: Option<&'a User>,
}

impl App {
    pub(super) fn user_created(&self, user: &Arc<User>, origin: &Origin) {
        self.note(Event::UserCreated { user_id: user.id.clone(), updated_at: user.updated_at });
        let seen = user.seen_at(now_ms());
        self.publish("user.created", Some(user.id.clone()), &UserData::of(&seen), user.updated_at, origin);
    }

    pub(super) fn user_updated(&self, user: &Arc<User>, origin: &Origin) {
        self.note(Event::UserUpdated { user_id: user.id.clone(), updated_at: user.updated_at });
        let seen = user.seen_at(now_ms());
        self.publish("user.updated", Some(user.id.clone()), &UserData::of(&seen), user.updated_at, origin);
    }

    pub(super) fn user_deleted(&self, user: &Arc<User>, origin: &Origin) {
        self.note(Event::UserDeleted { user_id: user.id.clone() });
        let external_id = user.external_id.as_deref();
        let data = DeletedUser { deleted: true, external_id, id: &user.id, object: "user" };
        // Its only time is the envelope's: that must be later than the last version.
        self.publish("user.deleted", Some(user.id.clone()), &data, user.updated_at + 1, origin);
    }

    /// `gone` leaves the user out of the event, because there is none any more.
    pub(super) fn session_changed(&self, session: &Session, user: &Arc<User>, gone: bool, origin: &Origin) {
        let event_type = match session.status {
            SessionStatus::Pending => "session.pending",
            SessionStatus::Ended => "session.ended",
            SessionStatus::Removed => "session.removed",
            SessionStatus::Revoked => "session.revoked",
            SessionStatus::Active => "session.created",
            // Clerk has no events for these.
            SessionStatus::Abandoned | SessionStatus::Expired | SessionStatus::Replaced => return,
        };
        self.note(Event::Session {
            user_id: session.user_id.clone(),
            session_id: session.id.clone(),
            status: session.status,
        });
        let seen = user.seen_at(now_ms());
        let data = SessionData { session, user: (!gone).then_some(&*seen) };
        self.publish(event_type, Some(user.id.clone()), &data, session.updated_at, origin);
    }

    /// The e-mail with the code that a sign-up or a sign-in asked for.
    pub(super) fn code_sent(&self, email_id: &str, to: &str, user: Option<&User>, origin: &Origin) {
        let of_user = |user: &User| {
            let mut emails = user.email_addresses.iter();
            emails.find(|email| email.email_address == to).map(|email| email.id.clone())
        };
        let data = json!({
            "object": "email",
            "id": email_id,
            "slug": "verification_code",
            "from_email_name": "notifications",
            "reply_to_email_name": null,
            "to_email_address": to,
            "email_address_id": user.and_then(of_user),
            "user_id": null,
            "subject": format!("{CODE} is your verification code"),
            "body": format!("<p>{CODE}</p>"),
            "body_plain": CODE,
            "status": "queued",
            "data": {"app": {"name": self.identity.instance_id}, "otp_code": CODE},
            "delivered_by_clerk": true
        });
        let user_id = user.map(|user| user.id.clone());
        self.publish("email.created", user_id, &data, now_ms(), origin);
    }

    fn publish(
        &self,
        event_type: &'static str,
        user_id: Option<Id>,
        data: &impl Serialize,
        not_before_ms: i64,
        origin: &Origin,
    ) {
        let envelope = Envelope {
            data,
            event_attributes: EventAttributes { http_request: origin },
            instance_id: &self.identity.instance_id,
            object: "event",
            timestamp: now_ms().max(not_before_ms),
            event_type,
        };
        // Only a map with keys that are no text could fail, and there is none.
        let Ok(body) = serde_json::to_vec(&envelope) else { return };
        self.deliver.publish(event_type, user_id, Bytes::from(body));
    }
}
