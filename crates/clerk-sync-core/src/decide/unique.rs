//! What has to be unique among records: e-mail addresses and usernames (R8).
//!
//! Each record keeps the address and the name Clerk claims for it; who holds one is a function of the claims
//! alone. The highest claim holds, every other record has NULL, nobody gets an error because of somebody
//! else's row, and what is let go returns to the highest claim that is left.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::{Change, Entry, Profile, Record, Repair, Timestamp, Tombstone, UserId, Username, View};

/// How much of a first name becomes a username, in characters.
const MAX_DERIVED_CHARS: usize = 48;

/// The usernames a record may hold, best first: the given one, or else the derived ones. The last carries
/// the whole id, so that one of them is free.
pub(crate) fn username_candidates(id: &UserId, profile: &Profile) -> Vec<Username> {
    if let Some(given) = &profile.username {
        return [given.clone()].into();
    }
    let first_name: String = profile
        .first_name
        .as_deref()
        .unwrap_or_default()
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_DERIVED_CHARS)
        .collect();
    let last8 = id.last8();
    let with_id = format!("{}_{last8}", if first_name.is_empty() { "user" } else { &first_name });
    [first_name, with_id, id.to_string()].iter().filter_map(|text| Username::parse(text).ok()).collect()
}

/// A field that has to be unique.
#[derive(Clone, Copy)]
enum Field {
    Email,
    Username,
}

impl Field {
    const ALL: [Self; 2] = [Self::Email, Self::Username];

    fn claim(self, record: &Record) -> Option<&str> {
        match self {
            Self::Email => record.email_claim_key(),
            Self::Username => record.username_claim_key(),
        }
    }

    fn held(self, record: &Record) -> Option<&str> {
        match self {
            Self::Email => record.email_key(),
            Self::Username => record.username_key(),
        }
    }

    fn rank(self, record: &Record) -> (bool, Timestamp, &UserId) {
        match self {
            Self::Email => record.email_rank(),
            Self::Username => {
                let (version, id) = record.username_rank();
                (false, version, id)
            }
        }
    }

    /// The record holds its claim.
    fn take(self, record: &mut Record) {
        match self {
            Self::Email => record.email = record.profile.email.as_ref().map(|claim| claim.address.clone()),
            Self::Username => record.username = record.profile.username.clone(),
        }
    }

    fn let_go(self, record: &mut Record) {
        match self {
            Self::Email => record.email = None,
            Self::Username => record.username = None,
        }
    }
}

/// The records one decision touches: the subject, and the rivals it takes from or gives to.
pub(super) struct Draft<'a> {
    before: Option<&'a Record>,
    rivals: Vec<Rival>,
    subject: Vec<Change>,
    now: Timestamp,
}

struct Rival {
    record: Record,
    touched: bool,
}

impl Rival {
    fn soil(&mut self, now: Timestamp) {
        self.touched = true;
        self.record.repair.get_or_insert(Repair { due_at: now, attempts: 0 });
    }

    fn take(&mut self, field: Field) {
        self.touched = true;
        field.take(&mut self.record);
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(view: &View, before: Option<&'a Record>, now: Timestamp) -> Self {
        let rivals =
            view.rivals.iter().map(|record| Rival { record: record.clone(), touched: false }).collect();
        Self { before, rivals, subject: Vec::new(), now }
    }

    /// Settles what the subject holds, and what others hold because of it, then writes it.
    /// `asked`: the content is Clerk's answer by id, so a clash is no reason to ask again.
    pub(super) fn place(&mut self, mut record: Record, asked: bool) -> Entry {
        let mut clash = false;
        for field in Field::ALL {
            self.release(field, Some(&record));
            clash |= self.settle(field, &mut record);
        }
        // Who holds a derived name can only be seen for the names of the fact's own profile. Where the record
        // keeps the profile it had, it keeps its name too, or goes on waiting for one until it is repaired.
        let profile_of_fact = asked || self.before.is_none_or(|before| before.profile != record.profile);
        if record.profile.username.is_none() && profile_of_fact {
            self.derive_username(&mut record);
        }
        if clash && !asked {
            record.repair.get_or_insert(Repair { due_at: self.now, attempts: 0 });
        }
        record.changed_at = self.now;
        self.subject.push(match self.before {
            None => Change::Insert(record.clone()),
            Some(before) => {
                record.rev = before.rev.next();
                Change::Update { record: record.clone(), expected: before.rev }
            }
        });
        Entry::Live(record)
    }

    /// Puts a tombstone where the subject is; what it held returns to the next claims.
    pub(super) fn bury(&mut self, tombstone: Tombstone) -> Entry {
        for field in Field::ALL {
            self.release(field, None);
        }
        let expected = self.before.map(|before| before.rev);
        self.subject.push(Change::Bury { tombstone: tombstone.clone(), expected });
        Entry::Gone(tombstone)
    }

    /// The subject's change and those of the rivals it touched.
    pub(super) fn into_changes(self) -> Vec<Change> {
        let now = self.now;
        let rivals = self.rivals.into_iter().filter(|rival| rival.touched).map(|rival| {
            let mut record = rival.record;
            let expected = record.rev;
            record.rev = expected.next();
            record.changed_at = now;
            Change::Update { record, expected }
        });
        self.subject.into_iter().chain(rivals).collect()
    }

    /// The highest claim to `key` among the rivals, by its place in the list.
    fn best(&self, field: Field, key: &str) -> Option<usize> {
        let claims =
            self.rivals.iter().enumerate().filter(|(_, rival)| field.claim(&rival.record) == Some(key));
        claims.max_by(|(_, a), (_, b)| field.rank(&a.record).cmp(&field.rank(&b.record))).map(|(i, _)| i)
    }

    fn rival(&mut self, index: Option<usize>) -> Option<&mut Rival> {
        index.and_then(|index| self.rivals.get_mut(index))
    }

    /// What the subject held and claims no longer goes to the highest claim left.
    fn release(&mut self, field: Field, after: Option<&Record>) {
        let Some(key) = self.before.and_then(|before| field.held(before)) else { return };
        if after.and_then(|after| field.claim(after)) == Some(key) {
            return;
        }
        let heir = self.best(field, key);
        if let Some(heir) = self.rival(heir) {
            heir.take(field);
        }
    }

    /// Gives what the subject claims to the highest claim, its own or a rival's. Answers whether a clash
    /// came up that Clerk should be asked about: both records are dirty then.
    fn settle(&mut self, field: Field, record: &mut Record) -> bool {
        let Some(key) = field.claim(record).map(String::from) else {
            if matches!(field, Field::Email) {
                field.let_go(record);
            }
            return false;
        };
        let key = key.as_str();
        let best = self.best(field, key);
        let wins = best
            .and_then(|index| self.rivals.get(index))
            .is_none_or(|rival| field.rank(&rival.record) < field.rank(record));
        let new_claim = self.before.and_then(|before| field.claim(before)) != Some(key);
        let held_before = self.before.and_then(|before| field.held(before)) == Some(key);
        let clash = best.is_some() && (new_claim || wins != held_before);
        let now = self.now;
        if let Some(rival) = self.rival(best) {
            if clash {
                rival.soil(now);
            }
            if !wins && field.held(&rival.record) != Some(key) {
                rival.take(field);
            }
        }
        // Whoever else holds it lets go: a lower claim, or a derived username, which yields to a given one
        // and gets another when its record is repaired.
        let winner = if wins { None } else { best };
        for (index, holder) in self.rivals.iter_mut().enumerate() {
            if field.held(&holder.record) == Some(key) && Some(index) != winner {
                field.let_go(&mut holder.record);
                holder.soil(now);
            }
        }
        if wins {
            field.take(record)
        } else {
            field.let_go(record)
        }
        clash
    }

    /// Keeps the derived name the record has, or takes the first that is free.
    fn derive_username(&self, record: &mut Record) {
        let candidates = username_candidates(&record.id, &record.profile);
        let free = |name: &Username| {
            !self.rivals.iter().any(|rival| rival.record.username_key() == Some(name.key()))
        };
        let kept = record.username.take().filter(|name| candidates.contains(name) && free(name));
        record.username = kept.or_else(|| candidates.into_iter().find(free));
    }
}
