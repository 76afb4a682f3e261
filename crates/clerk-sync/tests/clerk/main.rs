//! Clerk's wire against what Clerk sends, and against what nobody should.
//!
//! Names beginning with `t` or `w` and a number are rows of the attack lists for session tokens and webhooks.

mod api_answers;
mod api_limits;
mod keys;
mod publishable_key;
mod support;
mod token_attacks;
mod token_cases;
mod token_claims;
mod token_extract;
mod token_times;
mod webhook_attacks;
mod webhook_bodies;
mod webhook_fixtures;
mod webhook_signatures;
