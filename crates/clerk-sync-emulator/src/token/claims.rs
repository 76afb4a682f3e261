//! Shortcodes in custom claims and JWT templates: `{{user.primary_email_address}}` and the like (Clerk docs,
//! "JWT templates").

use serde_json::{Map, Value, json};

use crate::session::Session;
use crate::user::User;

/// The template with every shortcode replaced. A text that is one shortcode keeps the value's type.
pub(crate) fn fill(
    template: &Map<String, Value>,
    user: &User,
    session: Option<&Session>,
) -> Map<String, Value> {
    template.iter().map(|(name, value)| (name.clone(), filled(value, user, session))).collect()
}

fn filled(value: &Value, user: &User, session: Option<&Session>) -> Value {
    match value {
        Value::String(text) => text_filled(text, user, session),
        Value::Array(items) => items.iter().map(|item| filled(item, user, session)).collect(),
        Value::Object(members) => Value::Object(fill(members, user, session)),
        other => other.clone(),
    }
}

fn text_filled(text: &str, user: &User, session: Option<&Session>) -> Value {
    let whole = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if let Some(code) = whole.filter(|code| !code.contains("{{")) {
        return evaluated(code, user, session);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((code, after)) = after.split_once("}}") else { break };
        out.push_str(before);
        match evaluated(code, user, session) {
            Value::String(text) => out.push_str(&text),
            other => out.push_str(&other.to_string()),
        }
        rest = after;
    }
    out.push_str(rest);
    Value::String(out)
}

/// The first alternative of `a || b || 'text'` that has a value; otherwise null.
fn evaluated(code: &str, user: &User, session: Option<&Session>) -> Value {
    let alternatives = code.split("||").map(str::trim);
    alternatives.map(|it| looked_up(it, user, session)).find(|value| !value.is_null()).unwrap_or(Value::Null)
}

fn looked_up(code: &str, user: &User, session: Option<&Session>) -> Value {
    for quote in ['\'', '"'] {
        if let Some(literal) = code.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return json!(literal);
        }
    }
    let email = user.primary_email();
    let phone = user.phone_numbers.iter().find(|it| Some(&it.id) == user.primary_phone_number_id.as_ref());
    match code {
        "user.id" => json!(user.id),
        "user.external_id" => json!(user.external_id),
        "user.first_name" => json!(user.first_name),
        "user.last_name" => json!(user.last_name),
        "user.full_name" => full_name(user),
        "user.username" => json!(user.username),
        // The only times Clerk gives in seconds.
        "user.created_at" => json!(user.created_at.div_euclid(1_000)),
        "user.updated_at" => json!(user.updated_at.div_euclid(1_000)),
        "user.primary_email_address" => json!(email.map(|it| &it.email_address)),
        "user.email_verified" => json!(email.map(|it| it.verified())),
        "user.primary_phone_number" => json!(phone.map(|it| &it.phone_number)),
        "user.phone_number_verified" => {
            json!(phone.map(|it| it.verification.as_ref().is_some_and(|proof| proof.status == "verified")))
        }
        "user.image_url" => json!(user.image_url),
        "user.has_image" => json!(user.has_image),
        "user.two_factor_enabled" => json!(user.two_factor_enabled),
        "user.organizations" => json!({}),
        "session.actor" => session.and_then(|it| it.actor.clone()).unwrap_or(Value::Null),
        _ => match code.strip_prefix("user.").map(|path| path.split('.')) {
            Some(path) => metadata(path, user),
            None => Value::Null,
        },
    }
}

fn full_name(user: &User) -> Value {
    let parts: Vec<_> = user.first_name.iter().chain(&user.last_name).map(String::as_str).collect();
    if parts.is_empty() { Value::Null } else { json!(parts.join(" ")) }
}

/// `public_metadata` and `unsafe_metadata` may be named whole or by a path; private metadata never.
fn metadata<'a>(mut path: impl Iterator<Item = &'a str>, user: &User) -> Value {
    let mut value = match path.next() {
        Some("public_metadata") => &user.public_metadata,
        Some("unsafe_metadata") => &user.unsafe_metadata,
        _ => return Value::Null,
    };
    for step in path {
        value = &value[step];
    }
    value.clone()
}
