use std::fmt;
use std::sync::Arc;

use clerk_sync_core::{Fact, Timestamp};

use super::cache::VerifiedTokens;
use super::claims::{is_expired, session};
use super::token::Token;
use super::{ClaimsMapping, MAX_TOKEN_BYTES, Refusal, Session, SessionError};
use crate::clerk::keys::{Keys, NoKey};

/// What a session token must fulfil, and how much of it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRules {
    /// The only issuer accepted, letter for letter:
    /// [`PublishableKey::issuer`](crate::clerk::PublishableKey::issuer).
    pub issuer: String,
    /// The origins whose tokens are accepted (`azp`), letter for letter; empty accepts any.
    pub authorized_parties: Vec<String>,
    /// Whether a token without `azp` passes while there is an allow-list, as those of native apps are. Off by
    /// default, as in Clerk's SDK.
    pub allow_missing_azp: bool,
    /// How far clocks may differ, in milliseconds. Clerk's SDK allows 5 000, and so does the default.
    pub leeway_ms: i64,
    /// The longest lifetime of a token, in milliseconds. Clerk's live a minute; the Backend API can make
    /// longer ones for tests (`POST /sessions/{id}/tokens`), up to ten years. The default is a day: nobody
    /// can take a token back before it expires.
    pub max_lifetime_ms: i64,
    /// How many verified tokens are remembered; 0 for none. One takes about a kilobyte.
    pub cached_tokens: usize,
    /// Which custom claims carry which field.
    pub claims: ClaimsMapping,
}

impl SessionRules {
    /// The default rules for tokens of `issuer`.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            authorized_parties: Vec::new(),
            allow_missing_azp: false,
            leeway_ms: 5_000,
            max_lifetime_ms: 24 * 60 * 60 * 1_000,
            cached_tokens: 50_000,
            claims: ClaimsMapping::default(),
        }
    }
}

/// Turns tokens into sessions, by [`SessionRules`].
///
/// Verified tokens are remembered whole, so that a token seen before costs no signature check. Expiry is
/// checked at every use, and a change of keys forgets all.
///
/// Nothing but the token is looked at: until it expires it can be used again, also after the session was
/// ended or the user banned. Clerk's tokens live a minute for this reason.
///
/// The order and times of the checks are those of `verifyToken` in npm `@clerk/backend` 3.25.0, the shape of
/// tokens that of Clerk's page "Session tokens", version 1 and 2.
pub struct SessionVerifier {
    rules: SessionRules,
    verified: VerifiedTokens,
}

impl SessionVerifier {
    /// A verifier with an empty memory.
    pub fn new(rules: SessionRules) -> Self {
        let verified = VerifiedTokens::with_capacity(rules.cached_tokens);
        Self { rules, verified }
    }

    /// The rules.
    pub fn rules(&self) -> &SessionRules {
        &self.rules
    }

    /// How many verified tokens are remembered.
    pub fn cached_tokens(&self) -> usize {
        self.verified.len()
    }

    /// Proves `token` at `now`.
    ///
    /// A [pending](super::SessionStatus::Pending) session is proved too; refusing it is the caller's matter.
    /// Clerk is asked for keys only as [`Keys`] describes; everything else happens here.
    ///
    /// A token with an unknown `kid` is refused sooner than one with a wrong signature. That tells a `kid`
    /// from none, and the set of them is public.
    ///
    /// # Errors
    /// [`SessionError::Unauthenticated`] with the first rule broken, in the order of [`Refusal`];
    /// [`SessionError::Undecidable`] while the key cannot be had.
    pub async fn verify(
        &self,
        token: &str,
        keys: &Keys,
        now: Timestamp,
    ) -> Result<Arc<Session>, SessionError> {
        // Before anything else, be it only a comparison.
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong.into());
        }
        if let Some(generation) = keys.settled_generation(now)
            && let Some(session) = self.verified.find(token, generation)
        {
            return self.unless_expired(session, now);
        }
        let parsed = Token::parse(token)?;
        let found = match keys.key(parsed.key_id.as_deref(), now).await {
            Ok(found) => found,
            Err(NoKey::KeyId) => return Err(Refusal::KeyId.into()),
            Err(NoKey::Unknown) => return Err(Refusal::UnknownKey.into()),
            Err(NoKey::Unavailable { retry_after_ms }) => {
                return Err(SessionError::Undecidable { retry_after_ms });
            }
        };
        if !found.key.verifies(parsed.signed.as_bytes(), &parsed.signature) {
            return Err(Refusal::Signature.into());
        }
        let session = Arc::new(session(&parsed.payload()?, &self.rules, now)?);
        self.verified.keep(token, &session, found.generation, now);
        Ok(session)
    }

    /// What the token says of its user, by the mapping of the rules; see [`Session::claims_fact`].
    pub fn claims_fact(&self, session: &Session) -> Option<Fact> {
        session.claims_fact(&self.rules.claims)
    }

    fn unless_expired(&self, session: Arc<Session>, now: Timestamp) -> Result<Arc<Session>, SessionError> {
        if is_expired(session.expires_at, &self.rules, now) {
            return Err(Refusal::Expired.into());
        }
        Ok(session)
    }
}

impl fmt::Debug for SessionVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionVerifier").field("rules", &self.rules).finish_non_exhaustive()
    }
}
