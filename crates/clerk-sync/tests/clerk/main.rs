//! Clerk's wire against what Clerk sends, and against what nobody should.
//!
//! Names beginning with `t` or `w` and a number are rows of the attack lists for session tokens and webhooks.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod api_answers;
mod api_limits;
mod differential;
mod fuzz;
mod key_sets;
mod keys;
mod no_panic;
mod publishable_key;
mod secrets;
mod support;
mod token_attacks;
mod token_cases;
mod token_claims;
mod token_extract;
mod token_rules;
mod token_times;
mod webhook_attacks;
mod webhook_bodies;
mod webhook_fixtures;
mod webhook_signatures;
mod webhook_users;
mod wycheproof;
