//! The outer form of a token: three parts, and what its header may say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;

use super::Refusal;
use crate::clerk::json::{Members, exact_text};

/// The longest token looked at, in bytes. Clerk's fit a cookie of 4 KB.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The kind of a session token, as Clerk writes it into the header.
const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";

/// Header members that change how a token is to be read; we have none of them.
const EXTENSIONS: [&str; 3] = ["crit", "b64", "zip"];

/// A token taken apart; nothing in it is proved yet.
pub(super) struct Token<'a> {
    /// What the signature is over.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
    /// `kid`, where there is one.
    pub(super) key_id: Option<String>,
    encoded_payload: &'a str,
}

impl<'a> Token<'a> {
    /// The caller has checked the length.
    pub(super) fn parse(token: &'a str) -> Result<Self, Refusal> {
        let (signed, encoded_signature) = token.rsplit_once('.').ok_or(Refusal::Parts)?;
        let (encoded_header, encoded_payload) = signed.split_once('.').ok_or(Refusal::Parts)?;
        if encoded_payload.contains('.') {
            return Err(Refusal::Parts);
        }
        let key_id = key_id(&decoded_text(encoded_header, Refusal::Header)?)?;
        let signature = decode(encoded_signature)?;
        Ok(Self { signed, signature, key_id, encoded_payload })
    }

    /// The payload's text, to be asked for once the signature is right.
    pub(super) fn payload(&self) -> Result<String, Refusal> {
        decoded_text(self.encoded_payload, Refusal::Payload)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Encoding)
}

fn decoded_text(part: &str, not_utf8: Refusal) -> Result<String, Refusal> {
    String::from_utf8(decode(part)?).map_err(|_| not_utf8)
}

/// Checks the header and gives its `kid`. Unknown members of any type are skipped: Clerk adds some without
/// notice (`oiat`, a number), and asks readers to ignore them. Keys inside a header are never looked at.
fn key_id(header: &str) -> Result<Option<String>, Refusal> {
    let members = Members::read(header).ok_or(Refusal::Header)?;
    let is = |raw: &RawValue, wanted: &str| exact_text(Some(raw)).as_deref() == Some(wanted);
    if !members.member("alg").is_some_and(|raw| is(raw, "RS256")) {
        return Err(Refusal::Algorithm);
    }
    if members.member("typ").is_some_and(|raw| !is(raw, "JWT")) {
        return Err(Refusal::Type);
    }
    if members.member("cat").is_some_and(|raw| !is(raw, SESSION_CATEGORY)) {
        return Err(Refusal::Category);
    }
    if EXTENSIONS.iter().any(|name| members.member(name).is_some()) {
        return Err(Refusal::Extension);
    }
    match members.member("kid") {
        None => Ok(None),
        raw => exact_text(raw).map(Some).ok_or(Refusal::KeyId),
    }
}
