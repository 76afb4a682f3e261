//! Users and sessions of the instance. Pure: time comes in as an argument, nothing is sent from here.

mod clients;
mod create;
mod emails;
mod history;
mod identifiers;
mod list;
mod passwords;
mod rules;
mod seed;
mod sessions;
mod sign_ins;
mod sign_ups;
mod users;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub(crate) use clients::ClientView;
pub(crate) use create::SignUp;
pub(crate) use history::MAX_AGE_MS;
pub(crate) use list::{OrderBy, OrderKey, Page, Signed, UserQuery};
pub(crate) use sessions::SessionQuery;
pub(crate) use sign_ins::SignedIn;

use crate::client::CodeAnswer;
use crate::id::{Id, IdMaker};
use crate::user::User;
use clients::Clients;
use history::History;
use identifiers::Identifiers;
use passwords::Passwords;
use sessions::Sessions;

/// Why a change or a question was refused. The Backend API turns each into Clerk's status and code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing of this kind has this id.
    #[error("no {kind} was found with id {id}")]
    NotFound {
        /// What was looked for: `user`, `session`, `email address`, …
        kind: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// Another user has the same identifier.
    #[error("that {param} is taken")]
    Taken {
        /// The parameter that carried it.
        param: &'static str,
    },
    /// Another user verified the address in the meantime.
    #[error("the identification was claimed by another user")]
    Claimed,
    /// A required parameter is missing.
    #[error("{param} is missing")]
    Missing {
        /// The parameter.
        param: &'static str,
    },
    /// The body names none of the things a user could sign in with.
    #[error("at least one identifier is needed")]
    NoIdentifier,
    /// The parameter does not have the form it needs.
    #[error("{param} has a wrong format")]
    Format {
        /// The parameter.
        param: &'static str,
    },
    /// The parameter is well-formed but its value cannot be used.
    #[error("{param} has a value that is not allowed")]
    Value {
        /// The parameter.
        param: &'static str,
    },
    /// The parameter is longer than allowed.
    #[error("{param} is too large")]
    TooLarge {
        /// The parameter.
        param: &'static str,
    },
    /// The parallel lists have different lengths.
    #[error("{param} does not have one item per identifier")]
    LengthMismatch {
        /// The parameter.
        param: &'static str,
    },
    /// The password is shorter than 8 characters.
    #[error("the password is too short")]
    PasswordTooShort,
    /// The username is shorter than 4 or longer than 64 characters.
    #[error("the username must have 4 to 64 characters")]
    UsernameLength,
    /// The username has other characters than letters, digits, `_`, `-` and `.`.
    #[error("the username has characters that are not allowed")]
    UsernameCharacter,
    /// The username is a number.
    #[error("the username needs a character that is no digit")]
    UsernameNumber,
    /// A directory provisions the user; only it may change or remove it.
    #[error("the user is managed by a directory")]
    ManagedByDirectory,
    /// A banned user cannot sign in.
    #[error("the user is banned")]
    Banned,
    /// A user whom a directory disabled cannot sign in.
    #[error("the user is deprovisioned")]
    Deprovisioned,
    /// A locked user cannot sign in.
    #[error("the user is locked")]
    Locked,
    /// Nobody has the identifier somebody wanted to sign in with.
    #[error("no account has that identifier")]
    IdentifierNotFound,
    /// The one-time code is another one.
    #[error("the code is incorrect")]
    CodeIncorrect,
    /// No code was sent that could be typed.
    #[error("no code was sent yet")]
    CodeNotSent,
    /// The one-time code is too old.
    #[error("the code has expired")]
    CodeExpired,
    /// Too many wrong codes were typed.
    #[error("too many wrong codes: ask for another one")]
    CodeFailed,
    /// There is nothing left to prove.
    #[error("that is verified already")]
    AlreadyVerified,
    /// The password is another one.
    #[error("the password is incorrect")]
    PasswordIncorrect,
    /// The user cannot sign in in this way.
    #[error("the strategy is not one of this user's")]
    StrategyInvalid,
    /// The browser is signed in, and one session is all it may have.
    #[error("a session exists already, and there can be only one")]
    SessionExists,
    /// The browser has a session of this user.
    #[error("this user is signed in already")]
    AlreadySignedIn {
        /// The session.
        session_id: String,
    },
    /// The browser is not known, or not signed in.
    #[error("signed out")]
    SignedOut,
}

impl Refusal {
    /// What becomes of a typed code.
    fn of_code(answer: CodeAnswer) -> Result<(), Self> {
        match answer {
            CodeAnswer::Right => Ok(()),
            CodeAnswer::Wrong => Err(Self::CodeIncorrect),
            CodeAnswer::NotSent => Err(Self::CodeNotSent),
            CodeAnswer::Expired => Err(Self::CodeExpired),
            CodeAnswer::Failed => Err(Self::CodeFailed),
            CodeAnswer::Verified => Err(Self::AlreadyVerified),
        }
    }
}

/// The moment a change happens, and how coarse the versions are that it leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    pub(crate) now_ms: i64,
    /// `updated_at` is cut to a multiple of this; 0 and 1 leave it alone.
    pub(crate) grain_ms: i64,
}

impl Tick {
    fn floored(self) -> i64 {
        if self.grain_ms > 1 { self.now_ms - self.now_ms.rem_euclid(self.grain_ms) } else { self.now_ms }
    }

    /// The version after `previous`: strictly later unless versions are coarse, never earlier.
    fn version_after(self, previous: i64) -> i64 {
        if self.grain_ms > 1 { self.floored().max(previous) } else { self.now_ms.max(previous + 1) }
    }
}

/// Everything the instance knows.
#[derive(Debug)]
pub(crate) struct State {
    ids: IdMaker,
    image_host: String,
    users: HashMap<Id, Arc<User>>,
    by_created: BTreeSet<(i64, Id)>,
    by_updated: BTreeSet<(i64, Id)>,
    identifiers: Identifiers,
    /// Which user an identification (`idn_…`) belongs to.
    identification_owner: HashMap<Id, Id>,
    sessions: Sessions,
    clients: Clients,
    passwords: Passwords,
    /// How many users were made up so far.
    seeded: u64,
    /// Whether a browser may have sessions of several users.
    multi_session: bool,
    history: History,
}

impl State {
    /// An empty instance. Ids follow from the seed; `image_host` is where image URLs point.
    pub(crate) fn new(seed: u64, image_host: String, multi_session: bool) -> Self {
        Self {
            ids: IdMaker::new(seed),
            image_host,
            users: HashMap::new(),
            by_created: BTreeSet::new(),
            by_updated: BTreeSet::new(),
            identifiers: Identifiers::default(),
            identification_owner: HashMap::new(),
            sessions: Sessions::default(),
            clients: Clients::default(),
            passwords: Passwords::default(),
            seeded: 0,
            multi_session,
            history: History::default(),
        }
    }

    /// How many users there are now.
    pub(crate) fn user_count(&self) -> usize {
        self.users.len()
    }

    /// A fresh id, for what is not kept here (messages, e-mails).
    pub(crate) fn fresh_id(&mut self, prefix: &str, now_ms: i64) -> Id {
        self.ids.next(prefix, now_ms)
    }

    /// The user as it is now.
    pub(crate) fn user(&self, id: &str) -> Result<&Arc<User>, Refusal> {
        self.users.get(id).ok_or_else(|| not_found("user", id))
    }

    /// The user as it was at a time in the recent past.
    pub(crate) fn user_as_of(&self, id: &str, as_of_ms: i64) -> Result<Arc<User>, Refusal> {
        let past = self.history.user_as_of(id, as_of_ms);
        let seen = past.unwrap_or_else(|| self.users.get(id).cloned());
        seen.ok_or_else(|| not_found("user", id))
    }

    /// Puts `after` in the place of `before` and remembers what was there.
    fn put(&mut self, before: Option<Arc<User>>, after: Option<Arc<User>>, now_ms: i64) {
        let Some(id) = after.as_ref().or(before.as_ref()).map(|user| user.id.clone()) else { return };
        self.index(before.as_ref(), after);
        self.history.remember(now_ms, id, before);
    }

    /// Keeps every index right.
    fn index(&mut self, before: Option<&Arc<User>>, after: Option<Arc<User>>) {
        if let Some(user) = before {
            self.by_created.remove(&(user.created_at, user.id.clone()));
            self.by_updated.remove(&(user.updated_at, user.id.clone()));
            self.identifiers.remove(user);
            for email in &user.email_addresses {
                self.identification_owner.remove(&email.id);
            }
            if after.is_none() {
                self.users.remove(&user.id);
            }
        }
        if let Some(user) = after {
            self.by_created.insert((user.created_at, user.id.clone()));
            self.by_updated.insert((user.updated_at, user.id.clone()));
            self.identifiers.insert(&user);
            for email in &user.email_addresses {
                self.identification_owner.insert(email.id.clone(), user.id.clone());
            }
            self.users.insert(user.id.clone(), user);
        }
    }
}

fn not_found(kind: &'static str, id: &str) -> Refusal {
    Refusal::NotFound { kind, id: id.to_owned() }
}

#[cfg(test)]
mod tests;
