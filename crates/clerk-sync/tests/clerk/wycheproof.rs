//! The RS256 cases of Wycheproof's `json_web_signature` (`fixtures/wycheproof`, Apache-2.0).
//!
//! Their payload is no session, so a case that is valid there is refused here for what it says; every other one
//! is refused before that. Two valid ones name their key by an address, which no key of Clerk's is called.

use clerk_sync::clerk::keys::{JwksSettings, Keys};
use clerk_sync::clerk::session::{Refusal, SessionError, SessionVerifier};
use serde_json::{Value, json};

use crate::support::NOW;
use crate::support::forge::rules;
use crate::support::server::{Server, Told};

#[tokio::test]
async fn every_case_gets_its_verdict() {
    let text = include_str!("../../../../fixtures/wycheproof/json_web_signature_rs256.json");
    let groups: Value = serde_json::from_str(text).unwrap();
    let verifier = SessionVerifier::new(rules());
    let (mut valid, mut invalid) = (0, 0);
    for group in groups["testGroups"].as_array().unwrap() {
        let server = Server::start([Told::json(200, json!({"keys": [group["public"]]}))]).await;
        let keys = Keys::from_jwks(JwksSettings::new(&server.url)).unwrap();
        for case in group["tests"].as_array().unwrap() {
            let token = case["jws"].as_str().unwrap();
            let error = verifier.verify(token, &keys, NOW).await.unwrap_err();
            let named_otherwise = group["public"]["kid"].as_str().unwrap().contains('@');
            let word = if named_otherwise { Refusal::KeyId } else { Refusal::Payload };
            let right = case["result"] == "valid";
            let proved = error == SessionError::Unauthenticated(word);
            assert_eq!(proved, right, "{} {}: {error}", case["tcId"], case["comment"]);
            *(if right { &mut valid } else { &mut invalid }) += 1;
        }
    }
    assert_eq!((valid, invalid), (8, 225));
}
