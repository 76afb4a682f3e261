//! `/v1/users`.

use serde::Deserialize;
use serde_json::json;

use super::params::Query;
use super::{Answer, Call, user_list};
use crate::api_error::ApiError;
use crate::app::App;
use crate::clock::now_ms;
use crate::user::{MetadataChange, NewUser, UserPatch};

/// How many users one call may ban or unban.
const MAX_BULK: usize = 50;

pub(super) fn list(app: &App, call: &Call) -> Result<Answer, ApiError> {
    let query = Query(&call.query);
    let users = app.list_users(&user_list::filters(&query)?, &user_list::page(&query)?)?;
    let now_ms = now_ms();
    Answer::json(&users.iter().map(|user| user.seen_at(now_ms)).collect::<Vec<_>>())
}

pub(super) fn count(app: &App, call: &Call) -> Result<Answer, ApiError> {
    let filters = user_list::filters(&Query(&call.query))?;
    let filters = call.query.iter().any(|(name, _)| name != "__clerk_api_version").then_some(filters);
    Answer::json(&json!({"object": "total_count", "total_count": app.count_users(filters.as_ref())}))
}

pub(super) fn create(app: &App, call: &Call) -> Result<Answer, ApiError> {
    let new: NewUser = call.body()?;
    Answer::json(&*app.create_user(new, &call.origin)?)
}

pub(super) fn read(app: &App, call: &Call) -> Result<Answer, ApiError> {
    Answer::json(&app.user(call.id())?)
}

pub(super) fn update(app: &App, call: &Call) -> Result<Answer, ApiError> {
    let patch: UserPatch = call.body()?;
    if call.metadata_apart() {
        for (name, given) in [
            ("public_metadata", patch.public_metadata.is_some()),
            ("private_metadata", patch.private_metadata.is_some()),
            ("unsafe_metadata", patch.unsafe_metadata.is_some()),
        ] {
            if given {
                return Err(ApiError::unknown_param(name));
            }
        }
    }
    Answer::json(&*app.update_user(call.id(), patch, &call.origin)?)
}

pub(super) fn delete(app: &App, call: &Call) -> Result<Answer, ApiError> {
    let user = app.delete_user(call.id(), &call.origin)?;
    Answer::json(&json!({"object": "user", "id": user.id, "deleted": true}))
}

pub(super) fn merge_metadata(app: &App, call: &Call) -> Result<Answer, ApiError> {
    metadata(app, call, false)
}

pub(super) fn replace_metadata(app: &App, call: &Call) -> Result<Answer, ApiError> {
    metadata(app, call, true)
}

fn metadata(app: &App, call: &Call, replace: bool) -> Result<Answer, ApiError> {
    let change: MetadataChange = call.body()?;
    Answer::json(&*app.change_metadata(call.id(), &change, replace, &call.origin)?)
}

pub(super) fn ban(app: &App, call: &Call) -> Result<Answer, ApiError> {
    Answer::json(&*app.set_banned(call.id(), true, &call.origin)?)
}

pub(super) fn unban(app: &App, call: &Call) -> Result<Answer, ApiError> {
    Answer::json(&*app.set_banned(call.id(), false, &call.origin)?)
}

pub(super) fn lock(app: &App, call: &Call) -> Result<Answer, ApiError> {
    Answer::json(&*app.set_locked(call.id(), true, &call.origin)?)
}

pub(super) fn unlock(app: &App, call: &Call) -> Result<Answer, ApiError> {
    Answer::json(&*app.set_locked(call.id(), false, &call.origin)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserIds {
    user_ids: Vec<String>,
}

pub(super) fn ban_many(app: &App, call: &Call) -> Result<Answer, ApiError> {
    set_banned_many(app, call, true)
}

pub(super) fn unban_many(app: &App, call: &Call) -> Result<Answer, ApiError> {
    set_banned_many(app, call, false)
}

/// All or none: an id that is unknown refuses the call before anybody is changed.
fn set_banned_many(app: &App, call: &Call, banned: bool) -> Result<Answer, ApiError> {
    let UserIds { user_ids } = call.body()?;
    if user_ids.len() > MAX_BULK {
        return Err(ApiError::too_many_values("user_ids", MAX_BULK));
    }
    for id in &user_ids {
        app.true_user(id)?;
    }
    let users: Vec<_> =
        user_ids.iter().map(|id| app.set_banned(id, banned, &call.origin)).collect::<Result<_, _>>()?;
    Answer::json(&users)
}

/// The instance has no organizations.
pub(super) fn memberships(app: &App, call: &Call) -> Result<Answer, ApiError> {
    app.user(call.id())?;
    Answer::json(&json!({"data": [], "total_count": 0}))
}
