//! `/v1/me`: the signed-in user, by itself.

use serde_json::{Value, json};

use super::{Call, Reply};
use crate::api_error::ApiError;
use crate::app::App;
use crate::id::Id;
use crate::state::Refusal;
use crate::user::{MetadataChange, User, UserPatch};

/// Names the session the page acts in.
const SESSION: &str = "_clerk_session_id";

pub(super) fn read(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    let user = app.true_user(&signed_in(app, call)?)?;
    Ok(Reply::WithClient(json(&user)))
}

/// What a user may change by itself: names and unsafe metadata.
pub(super) fn update(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    let id = signed_in(app, call)?;
    let form = &call.form;
    // An empty field clears.
    let field =
        |name: &str| form.first(name).map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()));
    let patch = UserPatch {
        first_name: field("first_name"),
        last_name: field("last_name"),
        username: field("username"),
        locale: field("locale"),
        primary_email_address_id: form.filled("primary_email_address_id"),
        unsafe_metadata: form.object("unsafe_metadata")?,
        ..UserPatch::default()
    };
    let user = app.update_user(&id, patch, &call.origin)?;
    Ok(Reply::WithClient(json(&user)))
}

/// Merges into what the user may write.
pub(super) fn merge_metadata(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    let id = signed_in(app, call)?;
    let unsafe_metadata = call.form.object("unsafe_metadata")?.map(Value::Object);
    let change = MetadataChange { unsafe_metadata, ..MetadataChange::default() };
    Ok(Reply::WithClient(json(&*app.change_metadata(&id, &change, false, &call.origin)?)))
}

pub(super) fn delete(app: &App, call: &mut Call) -> Result<Reply, ApiError> {
    let id = signed_in(app, call)?;
    if !app.true_user(&id)?.delete_self_enabled {
        return Err(Refusal::Value { param: "delete_self_enabled" }.into());
    }
    app.delete_user(&id, &call.origin)?;
    Ok(Reply::WithClient(json!({"object": "user", "id": id, "deleted": true})))
}

/// Whose session it is: the one that is named, or else the one in front.
fn signed_in(app: &App, call: &Call) -> Result<Id, ApiError> {
    let client = call.client()?;
    let view = app.client_view(client)?;
    let named = call.query.filled(SESSION).map(Id::from).or(view.client.last_active_session_id);
    let session = named.ok_or(Refusal::SignedOut)?;
    let mut sessions = view.sessions.into_iter();
    let found = sessions.find(|(own, _)| own.id == session);
    Ok(found.ok_or(Refusal::SignedOut)?.1.id.clone())
}

/// The user as it may see itself: everything but what the app keeps from it.
pub(super) fn json(user: &User) -> Value {
    let mut json = json!(user);
    if let Some(fields) = json.as_object_mut() {
        for hidden in ["private_metadata", "banned", "locked", "deprovisioned", "bypass_client_trust"] {
            fields.remove(hidden);
        }
        fields.insert("organization_memberships".to_owned(), json!([]));
    }
    json
}
