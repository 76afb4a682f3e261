//! Webhook messages, as the plan has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clerk::History;
use crate::person;
use crate::plan::{MAX_USERS, Oddity, Plan, What};
use crate::world::moment;

/// A webhook message; it stays the same for every attempt.
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    /// Signed by nobody we know.
    pub(crate) forged: bool,
}

/// Every message of a plan, by its number.
pub(crate) fn messages(plan: &Plan, history: &History) -> BTreeMap<u32, Arc<Message>> {
    let mut phases = [0; MAX_USERS];
    let mut messages = BTreeMap::new();
    for item in &plan.items {
        let at = moment(item.at_ms).as_millis();
        let (number, body, forged) = match &item.what {
            What::Change { number, user, .. } => {
                let phase = phases[*user];
                phases[*user] += 1;
                (*number, person::changed(*user, history.json(*user, phase), phase == 0, at), false)
            }
            What::SignIn { number, user } => (*number, person::signed_in(*user, at), false),
            What::Odd { number, user, oddity } => {
                (*number, person::odd(*user, *oddity, at), *oddity == Oddity::Forged)
            }
            _ => continue,
        };
        messages.insert(number, Arc::new(Message { id: format!("msg_{number}"), body, forged }));
    }
    messages
}
