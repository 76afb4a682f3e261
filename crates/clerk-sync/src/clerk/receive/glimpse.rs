//! A look at a body that cannot be read: enough to know whose record to compare with Clerk, and whether the
//! body may be kept. What it finds is acted on by fetching, never believed.

use clerk_sync_core::UserId;

use super::event_type::WITH_CODES;

/// A user's id in `body`: the first that is the value of an `id` or `user_id`, else the only one there is.
pub(super) fn user_id(body: &[u8]) -> Option<UserId> {
    let text = String::from_utf8_lossy(body);
    let mut only: Option<UserId> = None;
    let mut several = false;
    for (position, _) in text.match_indices("\"user_") {
        let rest = text.get(position + 1..)?;
        let Some(end) = rest.find('"') else { break };
        let Some(id) = rest.get(..end).and_then(|found| UserId::parse(found).ok()) else { continue };
        let before = text.get(..position)?.trim_end();
        let name = before.strip_suffix(':').map(str::trim_end);
        if name.is_some_and(|name| name.ends_with("\"id\"") || name.ends_with("\"user_id\"")) {
            return Some(id);
        }
        several |= only.as_ref().is_some_and(|known| *known != id);
        only.get_or_insert(id);
    }
    only.filter(|_| !several)
}

/// Whether `body` may carry one-time codes: it names an event that does.
pub(super) fn may_carry_codes(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    WITH_CODES.iter().any(|name| text.contains(name))
}
