use clerk_sync_core::{EmailAddress, EmailClaim, Fact, Profile, Username};
use serde_json::Value;

use super::{Session, SessionStatus};

/// Which custom claims carry which field, for creating a record from a token alone.
///
/// Configure the claims in the Clerk Dashboard under Sessions, and name here those that must be present for a
/// token to create a record. Without such a list (the default) tokens create none and Clerk is asked instead.
///
/// ```json
/// {"email": "{{user.primary_email_address}}", "email_verified": "{{user.email_verified}}",
///  "first_name": "{{user.first_name}}", "ext": "{{user.external_id}}"}
/// ```
///
/// A claim that is JSON null, an empty text or the text `null` counts as absent: Clerk writes an unknown
/// shortcode as null, and as `null` inside a text (Clerk's pages on JWT templates).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimsMapping {
    /// The claim with the primary e-mail address.
    pub email: String,
    /// The claim that says whether that address is verified; absent means it is not.
    pub email_verified: String,
    /// The claim with the username.
    pub username: String,
    /// The claim with the first name.
    pub first_name: String,
    /// The claim with the last name.
    pub last_name: String,
    /// The claim with the picture's address.
    pub image_url: String,
    /// The claim with the app's own id of the user.
    pub external_id: String,
    /// The claims without which no record is made; empty switches this way off.
    pub required: Vec<String>,
}

impl Default for ClaimsMapping {
    fn default() -> Self {
        Self {
            email: "email".into(),
            email_verified: "email_verified".into(),
            username: "username".into(),
            first_name: "first_name".into(),
            last_name: "last_name".into(),
            image_url: "image_url".into(),
            external_id: "ext".into(),
            required: Vec::new(),
        }
    }
}

impl Session {
    /// What the token says of its user, if it says enough: every required claim is there, the session is not
    /// pending, and at least one claim is required at all.
    ///
    /// Claims can be older than the token, so the fact only creates a record and never changes one.
    pub fn claims_fact(&self, mapping: &ClaimsMapping) -> Option<Fact> {
        let enough = mapping.required.iter().all(|name| present(self.claims.get(name)).is_some());
        if mapping.required.is_empty() || !enough || self.status == SessionStatus::Pending {
            return None;
        }
        let text = |name: &str| present(self.claims.get(name))?.as_str().map(without_nul);
        let verified = present(self.claims.get(&mapping.email_verified)).is_some_and(is_true);
        let email = text(&mapping.email).and_then(|address| EmailAddress::parse(&address).ok());
        let profile = Profile {
            email: email.map(|address| EmailClaim { address, verified }),
            username: text(&mapping.username).and_then(|name| Username::parse(&name).ok()),
            first_name: text(&mapping.first_name),
            last_name: text(&mapping.last_name),
            image_url: text(&mapping.image_url),
            external_id: text(&mapping.external_id),
            ..Profile::default()
        };
        Some(Fact::Claims { id: self.user_id.clone(), profile, impersonated: self.is_impersonated() })
    }
}

/// The claim, unless it is one of the forms of "nothing".
fn present(claim: Option<&Value>) -> Option<&Value> {
    claim.filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !matches!(text.trim_matches('\0'), "" | "null"),
        _ => true,
    })
}

/// Shortcodes in quotes arrive as text.
fn is_true(claim: &Value) -> bool {
    claim == &Value::Bool(true) || claim.as_str() == Some("true")
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}
