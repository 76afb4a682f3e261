//! What a verified token says: organization, actor, custom claims.

use clerk_sync::clerk::session::{ClaimsMapping, Refusal, SessionStatus};
use clerk_sync_core::Fact;
use serde_json::{Value, json};

use crate::support::fixture;
use crate::support::forge::{claims, refused, verify, with_claim, with_claims};

#[tokio::test]
async fn claims_decode_as_in_clerks_sdk() {
    let vectors = fixture("vectors/session-claims-to-auth.json");
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let token = with_claims(|claims| {
            // The vectors have no times; those of a fresh token complete them.
            claims.retain(|name, _| ["exp", "iat", "nbf"].contains(&name.as_str()));
            claims.extend(case["claims"].as_object().unwrap().clone());
        });
        let session = verify(&token).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let auth = &case["auth_treatPendingAsSignedOut_false"];
        assert_eq!(session.user_id.as_str(), auth["userId"], "{name}");
        let status = match auth["sessionStatus"].as_str() {
            Some("pending") => SessionStatus::Pending,
            _ => SessionStatus::Active,
        };
        assert_eq!(session.status, status, "{name}");
        let organization = match &session.organization {
            None => json!([null, null, null, null]),
            Some(found) => json!([found.id, found.slug, found.role, found.permissions]),
        };
        let wanted = json!([auth["orgId"], auth["orgSlug"], auth["orgRole"], auth["orgPermissions"]]);
        assert_eq!(organization, wanted, "{name}");
    }
}

#[tokio::test]
async fn odd_organizations_are_no_reason_to_refuse() {
    for o in [json!(null), json!([]), json!("org"), json!({}), json!({"id": 7}), json!({"rol": "admin"})] {
        let session = verify(&with_claim("o", o.clone())).await.unwrap();
        assert_eq!(session.organization, None, "{o}");
    }
    let token = with_claims(|claims| {
        claims.insert("fea".into(), json!("o:a,,o,x:b,o:c"));
        claims.insert("o".into(), json!({"id": "org_1", "per": "r,w", "fpm": "-1,18446744073709551615,99"}));
    });
    let organization = verify(&token).await.unwrap().organization.unwrap();
    // Bits beyond the names, numbers that are none, masks beyond the features: nothing.
    assert_eq!(organization.permissions, ["org:c:r", "org:c:w"]);
}

#[tokio::test]
async fn t38_a_pending_session_is_marked() {
    let session = verify(&with_claim("sts", json!("pending"))).await.unwrap();
    assert_eq!(session.status, SessionStatus::Pending);
    // A state nobody has heard of is not "signed in".
    for status in [json!("restricted"), json!(null), json!(1), json!("")] {
        refused(verify(&with_claim("sts", status)).await, Refusal::Status);
    }
}

#[tokio::test]
async fn t39_an_impersonated_session_tells_its_actor() {
    let act = json!({"iss": "https://dashboard.clerk.com", "sid": "sess_a", "sub": "user_admin"});
    let session = verify(&with_claim("act", act)).await.unwrap();
    assert!(session.is_impersonated());
    let actor = session.actor.unwrap();
    assert_eq!(actor.subject.as_deref(), Some("user_admin"));
    assert_eq!(actor.issuer.as_deref(), Some("https://dashboard.clerk.com"));
    assert_eq!(actor.session_id.as_deref(), Some("sess_a"));
    // An actor that cannot be read is one all the same.
    for act in [json!("user_admin"), json!({}), json!([1]), json!(false)] {
        assert!(verify(&with_claim("act", act)).await.unwrap().is_impersonated());
    }
    assert!(!verify(&with_claim("act", json!(null))).await.unwrap().is_impersonated());
}

#[tokio::test]
async fn t40_two_hundred_more_claims_pass() {
    let token = with_claims(|claims| {
        claims.extend((0..200).map(|index| (format!("claim_{index}"), json!(index))));
    });
    let session = verify(&token).await.unwrap();
    assert_eq!(session.claims.len(), 200);
    assert_eq!(session.claims["claim_7"], 7);
    assert!(!session.claims.contains_key("sub"));
}

fn mapping(required: &[&str]) -> ClaimsMapping {
    ClaimsMapping { required: required.iter().map(ToString::to_string).collect(), ..ClaimsMapping::default() }
}

async fn fact(custom: Value, mapping: &ClaimsMapping) -> Option<Fact> {
    let token = with_claims(|claims| claims.extend(custom.as_object().unwrap().clone()));
    verify(&token).await.unwrap().claims_fact(mapping)
}

#[tokio::test]
async fn claims_make_a_fact_only_when_those_required_are_there() {
    let full = json!({
        "email": "Ada@Example.com", "email_verified": "true", "username": "ada", "first_name": "Ada",
        "last_name": "null", "image_url": null, "ext": "567",
    });
    assert_eq!(fact(full.clone(), &ClaimsMapping::default()).await, None, "off by default");
    assert_eq!(fact(full.clone(), &mapping(&["email", "last_name"])).await, None, "the text null is absent");
    assert_eq!(fact(full.clone(), &mapping(&["email", "image_url"])).await, None, "null is absent");
    assert_eq!(fact(json!({"email": ""}), &mapping(&["email"])).await, None, "an empty text is absent");

    let Some(Fact::Claims { id, profile, impersonated }) = fact(full, &mapping(&["email"])).await else {
        panic!("there is a fact")
    };
    assert_eq!(id.as_str(), claims()["sub"].as_str().unwrap());
    let email = profile.email.unwrap();
    assert_eq!((email.address.as_str(), email.verified), ("Ada@Example.com", true));
    assert_eq!(profile.username.unwrap().as_str(), "ada");
    assert_eq!(profile.first_name.as_deref(), Some("Ada"));
    assert_eq!(profile.last_name, None);
    assert_eq!(profile.image_url, None);
    assert_eq!(profile.external_id.as_deref(), Some("567"));
    assert!(!impersonated);
}

#[tokio::test]
async fn an_address_is_unverified_unless_the_token_says_otherwise() {
    let says = [json!(false), json!("false"), json!("null"), json!(null), json!(1), json!("TRUE")];
    for verified in says {
        let custom = json!({"email": "a@example.com", "email_verified": verified});
        let fact = fact(custom, &mapping(&["email"])).await.unwrap();
        assert!(!fact.profile().unwrap().email.as_ref().unwrap().verified, "{verified}");
    }
}

#[tokio::test]
async fn a_pending_session_makes_no_record_and_an_actor_is_named() {
    let custom = json!({"email": "a@example.com", "sts": "pending"});
    assert_eq!(fact(custom, &mapping(&["email"])).await, None);
    let custom = json!({"email": "a@example.com", "act": {"sub": "user_admin"}});
    let fact = fact(custom, &mapping(&["email"])).await;
    assert!(matches!(fact, Some(Fact::Claims { impersonated: true, .. })));
}

#[tokio::test]
async fn a_session_prints_no_custom_claim() {
    let session = verify(&with_claim("email", json!("canary@example.com"))).await.unwrap();
    assert!(!format!("{session:?}").contains("canary"));
}
