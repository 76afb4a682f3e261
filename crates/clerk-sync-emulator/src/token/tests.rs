use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::session::NewSession;
use crate::state::{SignUp, State, Tick};
use crate::user::NewUser;

const T: i64 = 1_769_500_800_500;

fn world() -> (std::sync::Arc<User>, std::sync::Arc<Session>) {
    let mut state = State::new(1, "img.example".to_owned(), false);
    let new: NewUser = serde_json::from_value(json!({
        "email_address": ["ada@example.com"], "first_name": "Ada", "last_name": "King",
        "public_metadata": {"role": "admin"}, "private_metadata": {"secret": 1}
    }))
    .unwrap();
    let tick = Tick { now_ms: T, grain_ms: 0 };
    let user = state.create_user(new, SignUp::Admin, tick).unwrap();
    state.create_session(NewSession::of(&*user.id), None, tick).unwrap()
}

fn issue() -> Issue {
    Issue { now_ms: T, read_at_ms: T - 2_000, jti: "ab".into() }
}

fn issuer() -> Issuer<'static> {
    Issuer {
        url: "https://clerk.example.com",
        authorized_party: Some("https://app.example.com"),
        token_lifetime_s: 60,
    }
}

#[test]
fn a_session_token_has_the_claims_of_version_2() {
    let (user, session) = world();
    let (header, claims) =
        session_token(issuer(), &session, &user, Map::new(), &TokenOptions::default(), &issue());
    assert_eq!(header, json!({"cat": "cl_B7d4PD111AAA", "oiat": 1_769_500_798}));
    let expected = json!({
        "iss": "https://clerk.example.com", "sub": user.id, "sid": session.id, "azp": "https://app.example.com",
        "iat": 1_769_500_800, "nbf": 1_769_500_790, "exp": 1_769_500_860, "jti": "ab", "v": 2, "sts": "active",
        "fva": [0, -1]
    });
    assert_eq!(claims, expected);
}

#[test]
fn options_change_the_shape() {
    let (user, session) = world();
    let pending = Session {
        status: SessionStatus::Pending,
        actor: Some(json!({"sub": "user_x"})),
        ..(*session).clone()
    };
    let options = TokenOptions {
        expires_in_seconds: Some(-5),
        no_authorized_party: true,
        claims: json!({"sub": ""}).as_object().unwrap().clone(),
        ..TokenOptions::default()
    };
    let custom = json!({"sid": "mine", "email": "x"}).as_object().unwrap().clone();
    let (_, claims) = session_token(issuer(), &pending, &user, custom, &options, &issue());
    assert_eq!((&claims["sts"], &claims["act"]["sub"]), (&json!("pending"), &json!("user_x")));
    assert_eq!((&claims["exp"], &claims["azp"]), (&json!(1_769_500_795), &Value::Null));
    assert_eq!((&claims["sid"], &claims["email"]), (&json!(session.id), &json!("x")));
    assert_eq!(claims["sub"], "");
    let version_1 = TokenOptions { version_1: true, ..TokenOptions::default() };
    let (_, claims) = session_token(issuer(), &session, &user, Map::new(), &version_1, &issue());
    assert!(claims.get("v").is_none() && claims.get("sts").is_none());
    let (header, claims) = template_token(issuer(), &user, Map::new(), &TokenOptions::default(), &issue());
    assert_eq!(header["cat"], "cl_B7d4PD222AAA");
    assert!(claims.get("sid").is_none() && claims.get("sts").is_none());
}

#[test]
fn shortcodes_are_filled() {
    let (user, _) = world();
    let check = |template: Value, expected: Value| {
        let template = json!({"x": template}).as_object().unwrap().clone();
        assert_eq!(fill(&template, &user, None)["x"], expected, "{template:?}");
    };
    check(json!("{{user.primary_email_address}}"), json!("ada@example.com"));
    check(json!("{{user.email_verified}}"), json!(true));
    check(json!("{{user.created_at}}"), json!(1_769_500_800));
    check(json!("Dear {{user.full_name}} ({{user.username}})"), json!("Dear Ada King (null)"));
    check(json!("{{user.username || user.external_id || 'nobody'}}"), json!("nobody"));
    check(json!({"role": ["{{user.public_metadata.role}}"]}), json!({"role": ["admin"]}));
    check(json!("{{user.private_metadata.secret}}"), Value::Null);
    check(json!("{{user.public_metadata.no.such}}"), Value::Null);
    check(json!("{{unclosed"), json!("{{unclosed"));
    check(json!(7), json!(7));
}

#[test]
fn the_pem_verifies_what_the_key_signs() {
    let key = SigningKey::generate("ins_1").unwrap();
    let token = key.sign(json!({"cat": "c"}), &json!({"sub": "user_1"})).unwrap();
    let body: String = key.pem().lines().filter(|line| !line.starts_with('-')).collect();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, STANDARD.decode(body).unwrap());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(signed.as_bytes(), &signature).unwrap();
    public.verify(b"something else", &signature).unwrap_err();
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!(header, json!({"alg": "RS256", "kid": "ins_1", "typ": "JWT", "cat": "c"}));
    assert_eq!(key.jwks()["keys"][0]["e"], "AQAB");
}
