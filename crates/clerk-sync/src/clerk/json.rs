//! Reading JSON that may be hostile: what is not needed is skipped unread, and nothing recurses without bound.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The deepest nesting read; Clerk's own bodies have about six levels.
pub(super) const MAX_DEPTH: usize = 128;

/// Whether `json` nests no deeper than [`MAX_DEPTH`]. Skipped values are otherwise never descended into, so
/// this is the one place that sees their depth.
pub(super) fn depth_is_bounded(json: &str) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return false;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// An object's members, still unread; an object that names a member twice is refused, since two readers
/// could then see two different objects.
pub(super) struct Members<'a>(pub(super) BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Members<'a> {
    /// The members of the object `json` is, or `None` when it is no object, broken, too deep or ambiguous.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        if !depth_is_bounded(json) {
            return None;
        }
        serde_json::from_str(json).ok()
    }

    /// The member `name`, JSON null included.
    pub(super) fn member(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = BTreeMap<Cow<'de, str>, &'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member is given twice"));
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect).map(Members)
    }
}

/// A member's name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Whether `raw` is JSON null.
pub(super) fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

/// The text `raw` is, without NUL characters (PostgreSQL refuses them); `None` for any other type.
///
/// A lone surrogate escape is no reason to lose a name: it becomes U+FFFD.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    if !raw.get().starts_with('"') {
        return None;
    }
    let mut text = match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => text,
        Err(_) => serde_json::from_str::<LossyText>(raw.get()).ok()?.0,
    };
    text.retain(|c| c != '\0');
    Some(text)
}

/// The text `raw` is, exactly as written: for what is compared, where a NUL makes it another text.
pub(super) fn exact_text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// As [`text`], and an empty text is `None` too: Clerk writes either for "has none".
pub(super) fn filled_text(raw: Option<&RawValue>) -> Option<String> {
    raw.and_then(text).filter(|text| !text.is_empty())
}

/// The whole number `raw` is; `None` for a fraction, an exponent, another type, or beyond 64 bits.
pub(super) fn integer(raw: &RawValue) -> Option<i64> {
    raw.get().parse().ok()
}

/// Whether `raw` is the literal `true`.
pub(super) fn is_true(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get() == "true")
}

/// A text whose lone surrogates are replaced.
struct LossyText(String);

impl<'de> Deserialize<'de> for LossyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lossy;
        impl Visitor<'_> for Lossy {
            type Value = String;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<String, E> {
                Ok(String::from_utf8_lossy(bytes).into_owned())
            }
        }
        // Asked for bytes, serde_json hands out lone surrogates instead of refusing them.
        deserializer.deserialize_bytes(Lossy).map(LossyText)
    }
}

/// `raw` as compact JSON with sorted member names, so that equal data is equal text. Numbers stay as they
/// were written: beyond 2^53 any other form would change them. Of a member given twice the last one counts,
/// as in Clerk's own readers. `None` only for a text that is no JSON.
///
/// The caller has checked the depth.
pub(super) fn canonical(raw: &RawValue) -> Option<String> {
    let mut out = String::with_capacity(raw.get().len());
    write_canonical(raw, &mut out)?;
    Some(out)
}

fn write_canonical(raw: &RawValue, out: &mut String) -> Option<()> {
    match raw.get().as_bytes().first()? {
        b'{' => {
            let members = serde_json::from_str::<LastMembers<'_>>(raw.get()).ok()?.0;
            out.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(&name, out);
                out.push(':');
                write_canonical(value, out)?;
            }
            out.push('}');
        }
        b'[' => {
            let elements = serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok()?;
            out.push('[');
            for (index, value) in elements.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(value, out)?;
            }
            out.push(']');
        }
        b'"' => write_text(&text(raw)?, out),
        _ => out.push_str(raw.get()),
    }
    Some(())
}

fn write_text(text: &str, out: &mut String) {
    // `Value`'s Display is JSON with the fewest escapes; writing to a String cannot fail.
    let _ = write!(out, "{}", serde_json::Value::from(text));
}

/// An object's members where the last of two equal names counts.
struct LastMembers<'a>(BTreeMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for LastMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = BTreeMap<String, &'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((mut name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    name.retain(|c| c != '\0');
                    members.insert(name, value);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect).map(LastMembers)
    }
}
