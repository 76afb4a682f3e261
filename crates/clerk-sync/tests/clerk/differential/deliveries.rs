//! Deliveries of webhooks, right ones and what can be made of them.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use clerk_sync::clerk::receive::{EventKind, read, verify};
use clerk_sync::clerk::secret::WebhookSecrets;
use http::{HeaderMap, HeaderName, HeaderValue};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::members::Members;
use super::{Case, Verdict, pick};
use crate::support::{NOW, USER, fixture_bytes, fixture_path};
use crate::webhook_attacks::SECRET;

/// A delivery with its history.
pub(super) struct DeliveryCase {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Whether a member of the event or of its data was written twice.
    pub(super) says_twice: bool,
    mutation: String,
}

impl DeliveryCase {
    /// The values of a header, joined as the SDK sees them.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self.headers.iter().filter(|(found, _)| *found == name).collect();
        let joined = values.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ");
        (!values.is_empty()).then_some(joined)
    }
}

impl Case for DeliveryCase {
    fn mutation(&self) -> &str {
        &self.mutation
    }

    fn line(&self) -> Value {
        let headers = self.headers.iter().map(|(name, value)| json!([name, STANDARD.encode(value)]));
        json!({"by": "delivery", "headers": headers.collect::<Vec<_>>(), "body": STANDARD.encode(&self.body)})
    }
}

/// A delivery before it is signed, and what is to be done then.
struct Draft {
    id: String,
    timestamp: String,
    body: Vec<u8>,
    says_twice: bool,
    /// What is signed instead, where it is something else.
    signed: Option<(String, String, Vec<u8>)>,
    secret: &'static str,
    signature: fn(&[u8], &mut StdRng) -> String,
    after: Vec<fn(&mut DeliveryCase, &mut StdRng)>,
}

type Mutation = (&'static str, fn(&mut Draft, &mut StdRng));

const MUTATIONS: &[Mutation] = &[
    ("nothing", |_, _| {}),
    ("another secret", |draft, _| draft.secret = "whsec_jZ/eQ/XXJQgI7RgUpbm4MSAWf0MRT4ep"),
    ("standard names", |draft, _| draft.after.push(|case, _| rename(case, 3))),
    ("mixed names", |draft, _| draft.after.push(|case, dice| rename(case, dice.random_range(1..3)))),
    ("both families", |draft, _| {
        draft.after.push(|case, _| {
            let copies: Vec<_> =
                case.headers.iter().map(|(name, value)| (standard(name), value.clone())).collect();
            case.headers.extend(copies);
        });
    }),
    ("a header gone", |draft, _| {
        draft.after.push(|case, dice| drop(case.headers.remove(dice.random_range(0..case.headers.len()))));
    }),
    ("a header twice", |draft, _| {
        draft.after.push(|case, dice| {
            let (name, value) = case.headers[dice.random_range(0..case.headers.len())].clone();
            let other = pick(dice, &["1", "v1,AAAA", "msg_other"]).to_owned();
            case.headers.push((name, if dice.random() { value } else { other }));
        });
    }),
    ("an odd header", |draft, _| {
        draft.after.push(|case, dice| {
            let at = dice.random_range(0..case.headers.len());
            case.headers[at].1 = pick(dice, &["", "x", "null", "é", "v1,", "0", "-1", ",", "v1"]).to_owned();
        });
    }),
    ("another id", |draft, dice| {
        let long = "m".repeat(300);
        draft.id =
            pick(dice, &["msg.1", "msg 1", "msg\"1", "msg'1", "msg\\1", "m", "msg_é", &long]).to_owned();
    }),
    ("an id changed afterwards", |draft, _| draft.after.push(|case, _| case.headers[0].1.push('x'))),
    ("another time", |draft, dice| {
        let seconds = pick(dice, &[-301, -300, -299, 299, 300, 301, -86_400, 86_400, -1, 1]);
        draft.timestamp = (NOW.as_seconds() + seconds).to_string();
    }),
    ("a time changed afterwards", |draft, _| {
        draft.after.push(|case, _| case.headers[1].1 = (NOW.as_seconds() - 1).to_string());
    }),
    ("a time written otherwise", |draft, dice| {
        let now = NOW.as_seconds();
        let forms = [
            format!("+{now}"),
            format!("0{now}"),
            format!("{now}.0"),
            format!("{now}e0"),
            format!("{now}x"),
            format!("{now}000"),
            format!("-{now}"),
            format!("0x{now:x}"),
            format!("{now} 1"),
            "1.7e9".into(),
        ];
        let written = forms[dice.random_range(0..forms.len())].clone();
        // Signed as written, or as a reader of numbers would write it again.
        let signed = if dice.random() { written.clone() } else { now.to_string() };
        draft.signed = Some((draft.id.clone(), signed, draft.body.clone()));
        draft.timestamp = written;
    }),
    ("a boundary shifted", |draft, _| {
        let (id, rest) = draft.id.split_at(draft.id.len() / 2);
        draft.signed = Some((id.to_owned(), rest.to_owned(), draft.body.clone()));
    }),
    ("no version", |draft, _| draft.signature = |mac, _| STANDARD.encode(mac)),
    ("another version", |draft, _| {
        draft.signature =
            |mac, dice| format!("{},{}", pick(dice, &["v2", "v1a", "V1", "", "v1 "]), STANDARD.encode(mac));
    }),
    ("another alphabet", |draft, _| {
        draft.signature = |mac, dice| match dice.random_range(0..3) {
            0 => format!("v1,{}", STANDARD_NO_PAD.encode(mac)),
            1 => format!("v1,{}", URL_SAFE.encode(mac)),
            _ => format!("v1,{}", mac.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        };
    }),
    ("part of a signature", |draft, _| {
        draft.signature = |mac, dice| format!("v1,{}", STANDARD.encode(&mac[..dice.random_range(0..32)]));
    }),
    ("a bit of the signature flipped", |draft, _| {
        draft.signature = |mac, dice| {
            let mut mac = mac.to_vec();
            mac[dice.random_range(0..32)] ^= 1 << dice.random_range(0..8);
            format!("v1,{}", STANDARD.encode(mac))
        };
    }),
    ("something after the signature", |draft, _| {
        draft.signature = |mac, dice| {
            format!("v1,{}{}", STANDARD.encode(mac), pick(dice, &[",", ",x", "=", "x", ", ", ";"]))
        };
    }),
    ("many signatures", |draft, _| {
        draft.signature = |mac, dice| {
            let wrong = format!("v1,{}", STANDARD.encode([0; 32]));
            let between = pick(dice, &[" ", "  ", ","]);
            let count = dice.random_range(0..14);
            let right = format!("v1,{}", STANDARD.encode(mac));
            let mut all = vec![wrong; count];
            all.insert(dice.random_range(0..=count), right);
            all.join(between)
        };
    }),
    ("a body changed afterwards", |draft, _| {
        draft.after.push(|case, dice| {
            let at = dice.random_range(0..case.body.len().max(1));
            match dice.random_range(0..3) {
                0 => case.body.push(b' '),
                1 => case.body.truncate(at),
                _ => case.body.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1),
            }
        });
    }),
    ("a body written again", |draft, _| {
        draft.after.push(|case, _| {
            if let Ok(value) = serde_json::from_slice::<Value>(&case.body) {
                case.body = serde_json::to_string_pretty(&value).unwrap().into_bytes();
            }
        });
    }),
    ("a broken body", |draft, dice| {
        let at = dice.random_range(0..draft.body.len().max(1));
        match dice.random_range(0..3) {
            0 => draft.body.truncate(at),
            1 => {
                let odd = pick(dice, &[b'"', b'{', b'}', b'\\', b'0', b',']);
                draft.body.iter_mut().skip(at).take(1).for_each(|byte| *byte = odd);
            }
            _ => draft.body.extend_from_slice(pick(dice, &[b"{}".as_slice(), b",", b"\0"])),
        }
    }),
    ("no object", |draft, dice| {
        draft.body = pick(dice, &["", " ", "null", "7", "[]", "\"user.updated\"", "true", "{}"]).into();
    }),
    ("a mark before the body", |draft, dice| {
        let without = draft.body.clone();
        draft.body.splice(0..0, "\u{feff}".bytes());
        if dice.random() {
            draft.signed = Some((draft.id.clone(), draft.timestamp.clone(), without));
        }
    }),
    ("not UTF-8", |draft, dice| {
        let text = String::from_utf8_lossy(&draft.body).replacen('{', "{\"odd\":\"\u{fffd}\",", 1);
        draft.body = text.replace('\u{fffd}', "?").into_bytes();
        draft.body.iter_mut().filter(|byte| **byte == b'?').take(1).for_each(|byte| *byte = 0xff);
        if dice.random() {
            let seen = String::from_utf8_lossy(&draft.body).into_owned();
            draft.signed = Some((draft.id.clone(), draft.timestamp.clone(), seen.into_bytes()));
        }
    }),
    ("a deep body", |draft, dice| {
        let depth = dice.random_range(100..200);
        envelope(draft, |event| event.add("deep", format!("{}{}", "[".repeat(depth), "]".repeat(depth))));
    }),
    ("an odd member", |draft, dice| {
        envelope(draft, |event| {
            event.set_odd(&["type", "data", "instance_id", "timestamp", "object", "zzz"], dice)
        });
    }),
    ("a member gone", |draft, dice| envelope(draft, |event| event.remove_any(dice))),
    ("a member twice", |draft, dice| {
        draft.says_twice = true;
        envelope(draft, |event| event.double_any(dice));
    }),
    ("an odd member of the data", |draft, dice| {
        data(draft, |data| {
            data.set_odd(&["id", "email_addresses", "updated_at", "public_metadata", "user", "zzz"], dice)
        });
    }),
    ("a member of the data gone", |draft, dice| data(draft, |data| data.remove_any(dice))),
    ("a member of the data twice", |draft, dice| {
        draft.says_twice = true;
        data(draft, |data| data.double_any(dice));
    }),
    ("another user", |draft, dice| {
        let id = json!(pick(dice, &["", "user_", "org_1", "user_a b", "user_é", USER]));
        data(draft, |data| data.set("id", &id));
    }),
    ("another event", |draft, dice| {
        let event_type =
            json!(pick(dice, &["user.deleted", "user.created", "user.merged", "", "session.created", "é"]));
        envelope(draft, |event| event.set("type", &event_type));
    }),
];

fn standard(name: &str) -> &'static str {
    match name {
        "svix-id" => "webhook-id",
        "svix-timestamp" => "webhook-timestamp",
        _ => "webhook-signature",
    }
}

fn rename(case: &mut DeliveryCase, count: usize) {
    for (name, _) in case.headers.iter_mut().take(count) {
        *name = standard(name);
    }
}

/// Changes the event, where the body still is one.
fn envelope(draft: &mut Draft, change: impl FnOnce(&mut Members)) {
    if let Ok(Value::Object(event)) = serde_json::from_slice(&draft.body) {
        let mut event = Members::of(&event);
        if event.raw("type").is_some() {
            change(&mut event);
            draft.body = event.text().into_bytes();
        }
    }
}

fn data(draft: &mut Draft, change: impl FnOnce(&mut Members)) {
    envelope(draft, |event| {
        if let Value::Object(members) = event.value("data") {
            let mut members = Members::of(&members);
            if members.raw("id").is_some() {
                change(&mut members);
                event.set("data", members.text());
            }
        }
    });
}

/// The `index`th case: each mutation in turn, now and then with another on top.
pub(super) fn case(index: usize, dice: &mut StdRng) -> DeliveryCase {
    let mut draft = Draft {
        id: format!("msg_{index}"),
        timestamp: NOW.as_seconds().to_string(),
        body: event(dice),
        says_twice: false,
        signed: None,
        secret: SECRET,
        signature: |mac, _| format!("v1,{}", STANDARD.encode(mac)),
        after: Vec::new(),
    };
    let (name, mutate) = MUTATIONS[index % MUTATIONS.len()];
    let mut mutation = name.to_owned();
    mutate(&mut draft, dice);
    while dice.random_ratio(1, 5) {
        let (name, mutate) = MUTATIONS[dice.random_range(0..MUTATIONS.len())];
        mutation += &format!(" + {name}");
        mutate(&mut draft, dice);
    }
    let now = (draft.id.clone(), draft.timestamp.clone(), draft.body.clone());
    let (id, timestamp, body) = draft.signed.unwrap_or(now);
    let key = STANDARD.decode(draft.secret.trim_start_matches("whsec_")).unwrap();
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &body].concat();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
    let signature = (draft.signature)(mac.as_ref(), dice);
    let headers =
        vec![("svix-id", draft.id), ("svix-timestamp", draft.timestamp), ("svix-signature", signature)];
    let mut case = DeliveryCase { headers, body: draft.body, says_twice: draft.says_twice, mutation };
    for change in draft.after {
        if case.headers.len() >= 3 {
            change(&mut case, dice);
        }
    }
    // What a server hands on: white space around a value is gone.
    for (_, value) in &mut case.headers {
        *value = value.trim_matches([' ', '\t']).to_owned();
    }
    case
}

/// A recorded event.
fn event(dice: &mut StdRng) -> Vec<u8> {
    let names = [
        "user.created.json",
        "user.updated.json",
        "user.deleted.json",
        "session.created.json",
        "organization.created.json",
        "email.created.json",
        "user.updated.metadata.json",
    ];
    let name = names[dice.random_range(0..names.len())];
    assert!(fixture_path("webhooks").join(name).exists());
    fixture_bytes(&format!("webhooks/{name}"))
}

pub(super) fn ours(case: &DeliveryCase) -> Verdict {
    let mut headers = HeaderMap::new();
    for (name, value) in &case.headers {
        headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let secrets = WebhookSecrets::parse([("current", SECRET)]).unwrap();
    verify(&headers, &case.body, &secrets, NOW).map_err(|error| error.reason().to_owned())?;
    let reading = read(&case.body, NOW);
    if let EventKind::Unreadable { reason, .. } = reading.kind {
        return Err(reason.to_owned());
    }
    let plain = reading.event_type.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let event_type = if plain { &reading.event_type } else { "not plain" };
    let user = match reading.kind {
        EventKind::User => reading.fact.as_ref().map(|fact| fact.user_id().as_str()),
        _ => None,
    };
    Ok(json!({"type": event_type, "user": user}))
}
