//! Bytes of any kind, and what holds for all of them.
//!
//! `cargo test` tries the kept inputs (`__fuzz__`) and a thousand random ones; `cargo xtask fuzz` goes on with
//! libFuzzer, which follows the code. Lines in an input part the pieces of a request.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};

use clerk_sync::clerk::api::{ApiSettings, ClerkApi};
use clerk_sync::clerk::keys::Keys;
use clerk_sync::clerk::receive::{EventKind, ReceiveError, read, verify};
use clerk_sync::clerk::secret::WebhookSecrets;
use clerk_sync::clerk::session::{Session, SessionError, SessionVerifier};
use clerk_sync::clerk::snapshot_from_user;
use clerk_sync_core::port::{Clock as _, Directory as _, Lane};
use clerk_sync_core::{Fact, UserId};
use http::{HeaderMap, HeaderValue};
use tokio::runtime::Runtime;

use crate::api_answers::{settings, user};
use crate::keys::jwks;
use crate::support::clock::ManualClock;
use crate::support::forge::{KEY, pem_keys, rules};
use crate::support::server::{Server, Told};
use crate::support::{NOW, fixture};
use crate::webhook_attacks::{SECRET, sign};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());
static SECRETS: LazyLock<WebhookSecrets> =
    LazyLock::new(|| WebhookSecrets::parse([("current", SECRET)]).unwrap());

/// The piece before the first line break, and the rest.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

fn headers(id: &[u8], timestamp: &[u8], signature: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in [("svix-id", id), ("svix-timestamp", timestamp), ("svix-signature", signature)] {
        headers.insert(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(headers)
}

/// Id, timestamp, signature and body: no fact without a right signature, and a right one always proves.
#[test]
fn webhook() {
    bolero::check!(name = "webhook").for_each(|input: &[u8]| {
        let (id, rest) = line(input);
        let (timestamp, rest) = line(rest);
        let (signature, body) = line(rest);
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let right = sign(SECRET, text(id), text(timestamp), body);
        if let Some(headers) = headers(id, timestamp, signature)
            && verify(&headers, body, &SECRETS, NOW).is_ok()
        {
            assert!(text(signature).split(' ').any(|given| given == right), "proved by another signature");
        }
        let now = NOW.as_seconds().to_string();
        let right = sign(SECRET, "msg_1", &now, body);
        let headers = headers(b"msg_1", now.as_bytes(), right.as_bytes()).unwrap();
        assert!(verify(&headers, body, &SECRETS, NOW).is_ok());
        let longer = [body, b" "].concat();
        let refused = verify(&headers, &longer, &SECRETS, NOW);
        assert_eq!(refused, Err(ReceiveError::Unauthenticated { reason: "signature" }));
        reads_the_same(body, &longer);
    });
}

/// A body is read somehow, the same whenever it is, and whatever white space follows.
fn reads_the_same(body: &[u8], longer: &[u8]) {
    let reading = read(body, NOW);
    assert_eq!(reading, read(body, NOW));
    assert!(reading.event_type.len() <= 128);
    if let EventKind::Unreadable { .. } = reading.kind {
        assert_eq!(reading.fact, None);
    } else {
        assert_eq!(reading, read(longer, NOW));
    }
    if let Some(fact) = &reading.fact {
        let id = fact.user_id().as_str();
        assert_eq!(UserId::parse(id).as_ref(), Ok(fact.user_id()));
        // Nobody is made up: the id is in the bytes, if perhaps with escapes.
        let mentioned = String::from_utf8_lossy(body).contains(id);
        assert!(mentioned || body.contains(&b'\\'), "a fact about somebody else");
    }
    if let Some(Fact::Snapshot { snapshot, .. }) = &reading.fact {
        assert!(snapshot.profile.public_metadata.starts_with('{'));
    }
}

/// A token as it is, or what somebody with the key might sign: header and payload.
#[test]
fn token() {
    let fixture = fixture("tokens/session-tokens.json");
    let recorded = Keys::from_pem(fixture["jwt_key_pem"].as_str().unwrap()).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    let known: Vec<&str> = cases.iter().map(|case| case["token"].as_str().unwrap()).collect();
    let (verifier, ours) = (SessionVerifier::new(rules()), pem_keys());
    let parts = AssertUnwindSafe((verifier, recorded, ours));
    bolero::check!(name = "token").for_each(|input: &[u8]| {
        let (verifier, recorded, ours) = &*parts;
        let judge = |token: &str, keys: &Keys| -> Result<Arc<Session>, SessionError> {
            RUNTIME.block_on(verifier.verify(token, keys, NOW))
        };
        let text = String::from_utf8_lossy(input);
        if judge(&text, recorded).is_ok() {
            assert!(known.contains(&&*text), "a token that nobody has signed");
        }
        let (header, payload) = line(input);
        if payload.is_empty() || input.len() > 4_096 {
            return;
        }
        let token = KEY.token_of_bytes(header, payload);
        if let Ok(session) = judge(&token, ours) {
            assert!(session.user_id.as_str().starts_with("user_") && !session.session_id.is_empty());
            let (issued, expires) = (session.issued_at, session.expires_at);
            assert!(expires.millis_since(issued) <= 24 * 3_600_000, "valid for too long");
            assert!(expires > NOW.plus_millis(-5_000) && issued <= NOW.plus_millis(5_000));
            assert!(judge(&format!("{token}="), ours).is_err());
        }
    });
}

/// What the Backend API answers to a look-up, and what is published as keys: a status and a body.
#[test]
fn backend_api() {
    const STATUS: [u16; 8] = [200, 400, 401, 404, 409, 429, 500, 503];
    let server = RUNTIME.block_on(Server::start([Told::json(200, "{}")]));
    let clock = Arc::new(ManualClock::at(NOW));
    let settings = ApiSettings { max_attempts: 1, ..settings(&server.url) };
    let api = ClerkApi::new(settings, Arc::<ManualClock>::clone(&clock)).unwrap();
    let keys = jwks(&server);
    let parts = AssertUnwindSafe((server, clock, api, keys));
    bolero::check!(name = "backend_api").for_each(|input: &[u8]| {
        let (server, clock, api, keys) = &*parts;
        let Some((first, body)) = input.split_first() else { return };
        let status = STATUS[usize::from(*first) % STATUS.len()];
        server.tell([Told { body: body.to_vec(), ..Told::json(status, "") }]);
        // The budget is full again, the circuit closed, the keys stale.
        clock.advance(600_000);
        let answer = RUNTIME.block_on(api.user(&user(), Lane::Lookup));
        if let Ok(Some(found)) = answer {
            assert_eq!((status, &found.id), (200, &user()));
            assert_eq!(snapshot_from_user(body).as_ref(), Ok(&found));
        }
        RUNTIME.block_on(keys.prepare(clock.now()));
        assert!(keys.jwks_status(clock.now()).unwrap().keys <= 32);
        drop(server.requests());
    });
}
