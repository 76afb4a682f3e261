//! Session tokens, right ones and what can be made of them.

use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256};
use clerk_sync::clerk::keys::{JwksSettings, Keys};
use clerk_sync::clerk::session::{Session, SessionError, SessionStatus, SessionVerifier, token_from};
use http::{HeaderMap, HeaderValue};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::members::Members;
use super::{Case, Verdict, pick};
use crate::support::NOW;
use crate::support::forge::{KEY, KID, OTHER_KEY, claims, encode, header, pem_keys, rules};
use crate::support::server::{Server, Told};

/// How a token reaches both sides.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum By {
    Pem,
    Jwks,
    Header,
}

/// A token with its history.
pub(super) struct TokenCase {
    pub(super) by: By,
    pub(super) header: Members,
    pub(super) claims: Members,
    /// What was encoded, where it is more than the members.
    pub(super) header_bytes: Vec<u8>,
    pub(super) claims_bytes: Vec<u8>,
    /// The token, or the value of `Authorization`.
    pub(super) text: String,
    mutation: String,
}

impl Case for TokenCase {
    fn mutation(&self) -> &str {
        &self.mutation
    }

    fn line(&self) -> Value {
        let by = format!("{:?}", self.by).to_lowercase();
        json!({"by": by, "text": self.text})
    }
}

/// A token before it is signed, and what is to be done then.
struct Draft {
    header: Members,
    claims: Members,
    header_bytes: Option<Vec<u8>>,
    claims_bytes: Option<Vec<u8>>,
    around_header: (&'static [u8], &'static [u8]),
    around_claims: (&'static [u8], &'static [u8]),
    padded: bool,
    scheme: &'static str,
    signature: Signature,
    after: Option<fn(&mut String, &mut StdRng)>,
}

#[derive(Clone, Copy)]
enum Signature {
    Right,
    OtherKey,
    Sha384,
    Sha512,
    Pss,
    Hmac,
    None,
}

type Mutation = (&'static str, fn(&mut Draft, &mut StdRng));

const HEADER_NAMES: &[&str] =
    &["alg", "cat", "kid", "typ", "oiat", "crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "m"];
const CLAIM_NAMES: &[&str] = &[
    "act",
    "aud",
    "azp",
    "exp",
    "fea",
    "fva",
    "iat",
    "iss",
    "jti",
    "nbf",
    "o",
    "org_id",
    "org_permissions",
    "pla",
    "sid",
    "sts",
    "sub",
    "v",
];

/// Stands for a byte that is no UTF-8 until the text is signed; no JSON has it.
const NOT_UTF8: char = '\x01';

const MUTATIONS: &[Mutation] = &[
    ("nothing", |_, _| {}),
    ("a bit flipped", |draft, _| draft.after = Some(flip)),
    ("cut off", |draft, _| {
        draft.after = Some(|token, dice| token.truncate(dice.random_range(0..token.len())));
    }),
    ("a character put in", |draft, _| {
        draft.after = Some(|token, dice| {
            let odd = pick(dice, &["=", "+", "/", ".", "~", "%", "-", "_", "A"]);
            token.insert_str(dice.random_range(0..=token.len()), odd);
        });
    }),
    ("padding at the end", |draft, _| draft.after = Some(|token, _| token.push_str("=="))),
    ("signed with padding", |draft, _| draft.padded = true),
    ("signed by somebody else", |draft, _| draft.signature = Signature::OtherKey),
    ("RS384", |draft, _| {
        draft.header.set("alg", "\"RS384\"");
        draft.signature = Signature::Sha384;
    }),
    ("RS512", |draft, _| {
        draft.header.set("alg", "\"RS512\"");
        draft.signature = Signature::Sha512;
    }),
    ("PS256", |draft, _| {
        draft.header.set("alg", "\"PS256\"");
        draft.signature = Signature::Pss;
    }),
    ("HS256", |draft, _| {
        draft.header.set("alg", "\"HS256\"");
        draft.signature = Signature::Hmac;
    }),
    ("none", |draft, dice| {
        draft.header.set("alg", pick(dice, &["\"none\"", "\"NONE\"", "\"RS256\""]));
        draft.signature = Signature::None;
    }),
    ("another digest for RS256", |draft, dice| {
        draft.signature = pick(dice, &[Signature::Sha384, Signature::Sha512, Signature::Pss]);
    }),
    ("an odd header member", |draft, dice| draft.header.set_odd(HEADER_NAMES, dice)),
    ("a header member gone", |draft, dice| draft.header.remove_any(dice)),
    ("a header member twice", |draft, dice| draft.header.double_any(dice)),
    ("an odd claim", |draft, dice| draft.claims.set_odd(CLAIM_NAMES, dice)),
    ("a claim gone", |draft, dice| draft.claims.remove_any(dice)),
    ("a claim twice", |draft, dice| draft.claims.double_any(dice)),
    ("another time", |draft, dice| {
        let seconds = NOW.as_seconds() + pick(dice, &[-4, -5, -6, 0, 4, 5, 6, 7, 86_400, 86_700]);
        draft.claims.set(pick(dice, &["exp", "nbf", "iat"]), seconds);
    }),
    ("a time long ago or far ahead", |draft, dice| {
        let seconds: i64 = dice.random_range(-1_000_000_000_000..1_000_000_000_000);
        draft.claims.set(pick(dice, &["exp", "nbf", "iat"]), seconds * pick(dice, &[1, 100, 1_000_000]));
    }),
    ("a time no date can hold", |draft, dice| {
        let (name, sign) = pick(dice, &[("exp", -1), ("nbf", 1), ("iat", 1)]);
        draft.claims.set(name, sign * dice.random_range(8_640_000_000_001_i64..9_000_000_000_000_000));
    }),
    ("a time written otherwise", |draft, dice| {
        let name = pick(dice, &["exp", "nbf", "iat"]);
        let seconds = draft.claims.value(name).as_i64().unwrap_or(1_769_500_900);
        let form = dice.random_range(0..4);
        draft.claims.set(
            name,
            [
                format!("{seconds}.5"),
                format!("{seconds}.0"),
                format!("{seconds}e0"),
                format!("\"{seconds}\""),
            ][form]
                .clone(),
        );
    }),
    ("another party", |draft, dice| {
        let azp = pick(
            dice,
            &[
                "https://app.example.com/",
                "https://APP.example.com",
                "https://app.example.com.evil.io",
                "http://app.example.com",
                "https://app.example.com:443",
                "null",
                "",
            ],
        );
        draft.claims.set("azp", json!(azp));
    }),
    ("another issuer", |draft, dice| {
        let iss = pick(
            dice,
            &["https://clerk.example.com/", "http://clerk.example.com", "https://clerk.example.net", ""],
        );
        draft.claims.set("iss", json!(iss));
    }),
    ("another subject", |draft, dice| {
        let sub = pick(
            dice,
            &[
                "",
                "user_",
                "mch_1",
                "user_a b",
                "user_ä",
                "User_1",
                "org_1",
                "user_38peB5uMEQeCed7i5Nq9Ifj6Kd3",
            ],
        );
        draft.claims.set("sub", json!(sub));
    }),
    ("another state", |draft, dice| {
        draft.claims.set("sts", json!(pick(dice, &["pending", "active", "ended", "Active", ""])));
    }),
    ("no session", |draft, dice| draft.claims.set("sid", pick(dice, &["\"\"", "null", "7", "\"\\u0000\""]))),
    ("no time of issue", |draft, _| draft.claims.remove("iat")),
    ("a long life", |draft, dice| {
        draft.claims.set("exp", NOW.as_seconds() + dice.random_range(86_000..87_000));
    }),
    ("a kid that is no text", |draft, dice| draft.header.set("kid", pick(dice, &["7", "null", "[]", "{}"]))),
    ("an actor", |draft, dice| {
        draft.claims.set("act", pick(dice, &["{\"sub\":\"user_b\"}", "{}", "null", "\"user_b\"", "false"]));
    }),
    ("another category", |draft, dice| {
        let cat = pick(dice, &["cl_B7d4PD222AAA", "cl_B7d4PD333AAA", "cl_B7d4PD111AAA", "cl_b7d4pd111aaa"]);
        draft.header.set("cat", json!(cat));
    }),
    ("an extension", |draft, dice| {
        draft
            .header
            .set(pick(dice, &["crit", "b64", "zip"]), pick(dice, &["[\"exp\"]", "false", "\"DEF\"", "null"]));
    }),
    ("another type", |draft, dice| {
        draft.header.set("typ", json!(pick(dice, &["JWT", "jwt", "at+jwt", "application/at+jwt", ""])));
    }),
    ("another key's name", |draft, dice| {
        draft.header.set("kid", json!(pick(dice, &["ins_b", "ins_none", "__proto__", "../../dev/null", ""])));
    }),
    ("many claims", |draft, dice| {
        for index in 0..dice.random_range(1..150) {
            draft.claims.add(&format!("claim_{index}"), index);
        }
    }),
    ("a claim of many letters", |draft, dice| {
        let length = dice.random_range(1_000..9_000);
        draft.claims.add("pad", json!("x".repeat(length)));
    }),
    ("a deep claim", |draft, dice| {
        let depth = dice.random_range(100..200);
        draft.claims.add("deep", format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    }),
    ("a deep header", |draft, dice| {
        let depth = dice.random_range(100..200);
        draft.header.add("deep", format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    }),
    ("a mark before the text", |draft, dice| wrap(draft, dice, "\u{feff}".as_bytes(), b"")),
    ("space around the text", |draft, dice| wrap(draft, dice, b" \n", b"\t")),
    ("something after the text", |draft, dice| wrap(draft, dice, b"", b"{}")),
    ("not UTF-8", |draft, dice| {
        let members = if dice.random() { &mut draft.header } else { &mut draft.claims };
        members.add("odd", format!("\"{NOT_UTF8}\""));
    }),
    ("no object", |draft, dice| {
        let text = pick(dice, &["null", "[]", "7", "\"x\"", "", "{", "{}"]);
        *(if dice.random() { &mut draft.header_bytes } else { &mut draft.claims_bytes }) = Some(text.into());
    }),
    ("another scheme", |draft, dice| {
        draft.scheme =
            pick(dice, &["bearer ", "BEARER ", "bEaReR ", "", "Basic ", "Bearer  ", "Bearer", "Token "]);
    }),
    ("something after the token", |draft, _| draft.after = Some(|token, _| token.push_str(" x"))),
];

fn flip(token: &mut String, dice: &mut StdRng) {
    let at = dice.random_range(0..token.len());
    let byte = token.as_bytes()[at] ^ 1 << dice.random_range(0..7);
    let odd = if byte.is_ascii_graphic() { char::from(byte) } else { '~' };
    token.replace_range(at..=at, odd.encode_utf8(&mut [0; 4]));
}

fn wrap(draft: &mut Draft, dice: &mut StdRng, before: &'static [u8], after: &'static [u8]) {
    *(if dice.random() { &mut draft.around_header } else { &mut draft.around_claims }) = (before, after);
}

/// The `index`th case: each mutation in turn, now and then with another on top.
pub(super) fn case(index: usize, dice: &mut StdRng) -> TokenCase {
    let mut draft = Draft {
        header: Members::of(&header()),
        claims: Members::of(&claims()),
        header_bytes: None,
        claims_bytes: None,
        around_header: (b"", b""),
        around_claims: (b"", b""),
        padded: false,
        scheme: "Bearer ",
        signature: Signature::Right,
        after: None,
    };
    let (name, mutate) = MUTATIONS[index % MUTATIONS.len()];
    let mut mutation = name.to_owned();
    mutate(&mut draft, dice);
    while dice.random_ratio(1, 4) {
        let (name, mutate) = MUTATIONS[dice.random_range(0..MUTATIONS.len())];
        mutation += &format!(" + {name}");
        mutate(&mut draft, dice);
    }
    let by = match dice.random_range(0..10) {
        _ if draft.scheme != "Bearer " => By::Header,
        0..6 => By::Pem,
        6..8 => By::Jwks,
        _ => By::Header,
    };
    sign(draft, by, mutation, dice)
}

/// The bytes with the placeholder made wrong.
fn spoilt(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().map(|byte| if byte == NOT_UTF8 as u8 { 0xff } else { byte }).collect()
}

fn sign(draft: Draft, by: By, mutation: String, dice: &mut StdRng) -> TokenCase {
    let around = |(before, after): (&[u8], &[u8]), bytes: Vec<u8>| [before, &bytes, after].concat();
    let header_bytes = draft.header_bytes.unwrap_or_else(|| draft.header.text().into_bytes());
    let header_bytes = around(draft.around_header, spoilt(header_bytes));
    let claims_bytes = draft.claims_bytes.unwrap_or_else(|| draft.claims.text().into_bytes());
    let claims_bytes = around(draft.around_claims, spoilt(claims_bytes));
    let part = |bytes: &[u8]| {
        let padding = if draft.padded { "=".repeat((3 - bytes.len() % 3) % 3) } else { String::new() };
        encode(bytes) + &padding
    };
    let signed = format!("{}.{}", part(&header_bytes), part(&claims_bytes));
    let signature = match draft.signature {
        Signature::Right => KEY.sign_with(&RSA_PKCS1_SHA256, &signed),
        Signature::OtherKey => OTHER_KEY.sign_with(&RSA_PKCS1_SHA256, &signed),
        Signature::Sha384 => KEY.sign_with(&RSA_PKCS1_SHA384, &signed),
        Signature::Sha512 => KEY.sign_with(&RSA_PKCS1_SHA512, &signed),
        Signature::Pss => KEY.sign_with(&RSA_PSS_SHA256, &signed),
        Signature::Hmac => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.pem().as_bytes());
            hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        }
        Signature::None => Vec::new(),
    };
    let mut text = format!("{signed}.{}", encode(&signature));
    if let Some(after) = draft.after {
        after(&mut text, dice);
    }
    if by == By::Header {
        // What a server hands on: white space around a value is gone.
        text = format!("{}{text}", draft.scheme).trim().to_owned();
    }
    TokenCase { by, header: draft.header, claims: draft.claims, header_bytes, claims_bytes, text, mutation }
}

/// A JWKS with our key, and another one.
pub(super) async fn jwks_server() -> Server {
    let set = json!({"keys": [KEY.jwk(KID), OTHER_KEY.jwk("ins_b")]});
    Server::start([Told::json(200, set)]).await
}

/// Our side, with the keys both ways.
pub(super) struct Ours {
    verifier: SessionVerifier,
    pem: Keys,
    jwks: Keys,
}

impl Ours {
    pub(super) fn new(jwks_url: &str) -> Self {
        let jwks = Keys::from_jwks(JwksSettings::new(jwks_url)).unwrap();
        Self { verifier: SessionVerifier::new(rules()), pem: pem_keys(), jwks }
    }

    pub(super) async fn judge(&self, case: &TokenCase) -> Verdict {
        let session = self.session(case).await.map_err(|error| error.reason().to_owned())?;
        let plain = session.session_id.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let plain = plain && case.claims.value("sid") == session.session_id.as_str();
        Ok(json!({
            "sub": session.user_id.as_str(), "sid": if plain { &session.session_id } else { "not plain" },
            "pending": session.status == SessionStatus::Pending, "impersonated": session.is_impersonated(),
        }))
    }

    async fn session(&self, case: &TokenCase) -> Result<Arc<Session>, SessionError> {
        if case.by != By::Header {
            let keys = if case.by == By::Pem { &self.pem } else { &self.jwks };
            return self.verifier.verify(&case.text, keys, NOW).await;
        }
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(&case.text).unwrap());
        let token = token_from(&headers, None)?.ok_or(SessionError::Missing)?;
        self.verifier.verify(token, &self.pem, NOW).await
    }
}
