//! Webhook events in Clerk's envelope (Clerk OpenAPI, "webhooks").

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::App;
use crate::clock::now_ms;
use crate::session::{Session, SessionStatus};
use crate::timeline::Event;
use crate::user::User;

/// The one-time code of every sign-up, as in Clerk's test mode.
const SIGN_UP_CODE: &str = "424242";

/// Who caused a change: what the event's `http_request` says.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Origin {
    pub(crate) client_ip: String,
    pub(crate) user_agent: String,
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
        self.publish("user.created", user, &UserData::of(&seen), user.updated_at, origin);
    }

    pub(super) fn user_updated(&self, user: &Arc<User>, origin: &Origin) {
        self.note(Event::UserUpdated { user_id: user.id.clone(), updated_at: user.updated_at });
        let seen = user.seen_at(now_ms());
        self.publish("user.updated", user, &UserData::of(&seen), user.updated_at, origin);
    }

    pub(super) fn user_deleted(&self, user: &Arc<User>, origin: &Origin) {
        self.note(Event::UserDeleted { user_id: user.id.clone() });
        let external_id = user.external_id.as_deref();
        let data = DeletedUser { deleted: true, external_id, id: &user.id, object: "user" };
        // Its only time is the envelope's: that must be later than the last version.
        self.publish("user.deleted", user, &data, user.updated_at + 1, origin);
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
        self.publish(event_type, user, &data, session.updated_at, origin);
    }

    /// The e-mail with the code that a sign-up starts with.
    pub(super) fn code_sent(&self, user: &Arc<User>, email_id: &str, origin: &Origin) {
        let Some(email) = user.primary_email() else { return };
        let data = json!({
            "object": "email",
            "id": email_id,
            "slug": "verification_code",
            "from_email_name": "notifications",
            "reply_to_email_name": null,
            "to_email_address": email.email_address,
            "email_address_id": email.id,
            "user_id": null,
            "subject": format!("{SIGN_UP_CODE} is your verification code"),
            "body": format!("<p>{SIGN_UP_CODE}</p>"),
            "body_plain": SIGN_UP_CODE,
            "status": "queued",
            "data": {"app": {"name": self.identity.instance_id}, "otp_code": SIGN_UP_CODE},
            "delivered_by_clerk": true
        });
        self.publish("email.created", user, &data, user.created_at, origin);
    }

    fn publish(
        &self,
        event_type: &'static str,
        user: &User,
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
        self.deliver.publish(event_type, Some(user.id.clone()), Bytes::from(body));
    }
}
