//! A client in Clerk's sense: one browser, with the sessions in it and the attempts to sign up and in that it makes.

use std::fmt;

use serde_json::{Map, Value};

use crate::id::Id;

/// The one-time code of every attempt, as in Clerk's test mode.
pub(crate) const CODE: &str = "424242";
/// How long a code may be typed after it was sent.
const CODE_LIFETIME_MS: i64 = 600_000;
/// Wrong codes until the attempt has to ask for another one.
const MAX_WRONG_CODES: u32 = 5;
/// How long an attempt can be gone on with: a day.
pub(crate) const ATTEMPT_LIFETIME_MS: i64 = 24 * 3_600_000;

/// One browser. Which sessions it has is said by the sessions.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: Id,
    /// What the `__client` cookie says.
    pub(crate) token: ClientToken,
    pub(crate) sign_up: Option<SignUpAttempt>,
    pub(crate) sign_in: Option<SignInAttempt>,
    pub(crate) last_active_session_id: Option<Id>,
    /// The origin of its page: the `azp` of its tokens.
    pub(crate) page_origin: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// Whoever has it is the browser, so it is never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ClientToken(pub(crate) String);

impl fmt::Debug for ClientToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientToken")
    }
}

/// A password on its way to being digested; never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(pub(crate) String);

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password")
    }
}

/// A sign-up that may not be complete yet. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct SignUpAttempt {
    pub(crate) id: Id,
    pub(crate) fields: SignUpFields,
    pub(crate) code: CodeCheck,
    pub(crate) created_user_id: Option<Id>,
    pub(crate) created_session_id: Option<Id>,
    pub(crate) abandon_at: i64,
}

/// What a sign-up collects; in a change, `None` leaves what is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignUpFields {
    pub(crate) email_address: Option<String>,
    pub(crate) password: Option<Password>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) unsafe_metadata: Option<Map<String, Value>>,
}

/// A sign-in of a known user.
#[derive(Clone, Debug)]
pub(crate) struct SignInAttempt {
    pub(crate) id: Id,
    /// What the user typed to be known by.
    pub(crate) identifier: String,
    pub(crate) user_id: Id,
    pub(crate) strategy: Option<Strategy>,
    pub(crate) code: CodeCheck,
    pub(crate) created_session_id: Option<Id>,
    pub(crate) abandon_at: i64,
}

/// How a user proves to be who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    Password,
    EmailCode,
}

impl Strategy {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::EmailCode => "email_code",
        }
    }
}

/// Where the check of an address by code stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodeCheck {
    pub(crate) sent: bool,
    pub(crate) verified: bool,
    /// Codes typed since it was sent.
    pub(crate) attempts: u32,
    pub(crate) expire_at: Option<i64>,
}

/// What a typed code comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeAnswer {
    Right,
    Wrong,
    /// None was asked for.
    NotSent,
    Expired,
    /// There were too many wrong ones.
    Failed,
    /// The address was verified before.
    Verified,
}

impl CodeCheck {
    /// A fresh code goes out.
    pub(crate) fn send(now_ms: i64) -> Self {
        Self { sent: true, verified: false, attempts: 0, expire_at: Some(now_ms + CODE_LIFETIME_MS) }
    }

    /// A code was typed.
    pub(crate) fn answer(&mut self, code: &str, now_ms: i64) -> CodeAnswer {
        if self.verified {
            return CodeAnswer::Verified;
        }
        if !self.sent {
            return CodeAnswer::NotSent;
        }
        if self.failed() {
            return CodeAnswer::Failed;
        }
        if self.expire_at.is_none_or(|at| at <= now_ms) {
            return CodeAnswer::Expired;
        }
        self.attempts += 1;
        self.verified = code == CODE;
        if self.verified { CodeAnswer::Right } else { CodeAnswer::Wrong }
    }

    /// Whether too many wrong codes were typed.
    pub(crate) fn failed(&self) -> bool {
        !self.verified && self.attempts >= MAX_WRONG_CODES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_right_once_and_wrong_five_times() {
        let mut check = CodeCheck::default();
        assert_eq!(check.answer(CODE, 0), CodeAnswer::NotSent);
        check = CodeCheck::send(0);
        for _ in 0..MAX_WRONG_CODES {
            assert_eq!(check.answer("000000", 1), CodeAnswer::Wrong);
        }
        assert_eq!(check.answer(CODE, 1), CodeAnswer::Failed);
        check = CodeCheck::send(1);
        assert_eq!(check.answer(CODE, 1 + CODE_LIFETIME_MS), CodeAnswer::Expired);
        assert_eq!(check.answer(CODE, CODE_LIFETIME_MS), CodeAnswer::Right);
        assert_eq!(check.answer(CODE, 2), CodeAnswer::Verified);
    }

    #[test]
    fn secrets_are_not_printed() {
        let printed = format!("{:?} {:?}", ClientToken("abc".into()), Password("abc".into()));
        assert!(!printed.contains("abc"), "{printed}");
    }
}
