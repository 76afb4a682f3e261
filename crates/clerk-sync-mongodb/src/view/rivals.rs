use std::collections::{BTreeSet, HashMap};

use clerk_sync_core::{Record, StoreError, UserId};
use mongodb::ClientSession;
use mongodb::bson::Document;

use super::at_most;
use crate::MongoStore;
use crate::document::read_record;
use crate::error::corrupt;
use crate::query;
use crate::schema::USER;

/// The subject itself and the holder are no rivals by their claims: of the three highest, one is.
const ENOUGH: usize = 3;

/// What only one user may hold and any number may claim.
pub(crate) struct Unique {
    pub(crate) held: &'static str,
    pub(crate) claimed: &'static str,
    /// The order of claims: by key, the highest claim first.
    pub(crate) rank: fn() -> Document,
    holds: fn(&Record) -> Option<&str>,
}

pub(crate) const EMAIL: Unique = Unique {
    held: "email_key",
    claimed: "email_claim_key",
    rank: query::email_rank,
    holds: Record::email_key,
};

pub(crate) const USERNAME: Unique = Unique {
    held: "username_key",
    claimed: "username_claim_key",
    rank: query::username_rank,
    holds: Record::username_key,
};

/// Who holds some keys, and the highest claims to each.
pub(super) struct Rivals {
    unique: &'static Unique,
    holders: HashMap<String, Record>,
    claims: HashMap<String, Vec<Record>>,
}

impl Rivals {
    /// Who but `own` holds the key, and the highest claim to it of anyone else.
    pub(super) fn of<'a>(
        &'a self,
        key: &'a str,
        own: Option<&'a UserId>,
    ) -> impl Iterator<Item = &'a Record> {
        let other = move |record: &&Record| own != Some(&record.id);
        let holder = self.holders.get(key).filter(other);
        let waits = move |record: &&Record| (self.unique.holds)(record) != Some(key);
        let claim = self.claims.get(key).into_iter().flatten().filter(other).find(waits);
        holder.into_iter().chain(claim)
    }
}

impl MongoStore {
    /// `known`: records that were read in the same transaction. What one of them holds nobody else does, so the keys
    /// of users who keep theirs, which are most, are not asked for again.
    pub(super) async fn rivals(
        &self,
        session: &mut ClientSession,
        unique: &'static Unique,
        keys: BTreeSet<&str>,
        known: impl Iterator<Item = &Record>,
    ) -> Result<Rivals, StoreError> {
        let mut holders: HashMap<String, Record> =
            known.filter_map(|record| Some(((unique.holds)(record)?.to_owned(), record.clone()))).collect();
        let asked = keys.iter().copied().filter(|key| !holders.contains_key(*key)).collect();
        for document in self.find_each(session, USER, unique.held, &asked, None).await? {
            holders.insert(text(&document, unique.held)?, read_record(document)?);
        }
        let claims = self.highest_claims(session, unique, keys).await?;
        Ok(Rivals { unique, holders, claims })
    }

    /// The highest claims to each key, in their order: all there are, or as many as are enough.
    ///
    /// As a rule one statement shows everything. Where so many claim a key that they fill the answer, the next
    /// statement goes on behind it.
    async fn highest_claims(
        &self,
        session: &mut ClientSession,
        unique: &Unique,
        mut keys: BTreeSet<&str>,
    ) -> Result<HashMap<String, Vec<Record>>, StoreError> {
        let mut claims: HashMap<String, Vec<Record>> = HashMap::new();
        while !keys.is_empty() {
            let limit = keys.len() * ENOUGH;
            let mut options = at_most(limit);
            options.sort = Some((unique.rank)());
            let found = self.find(session, USER, query::one_of(unique.claimed, &keys), options).await?;
            let is_full = found.len() == limit;
            let last = found.last().map(|document| text(document, unique.claimed)).transpose()?;
            for document in found {
                claims.entry(text(&document, unique.claimed)?).or_default().push(read_record(document)?);
            }
            let Some(last) = last.filter(|_| is_full) else { break };
            // Of the last key only some were seen, which may be too few; of those before it all were.
            let is_seen = claims.get(&last).is_some_and(|seen| seen.len() >= ENOUGH);
            if !is_seen {
                claims.remove(&last);
            }
            keys.retain(|key| if is_seen { **key > *last } else { **key >= *last });
        }
        Ok(claims)
    }
}

fn text(document: &Document, field: &str) -> Result<String, StoreError> {
    let id = || document.get_str("_id").unwrap_or("without an id").to_owned();
    let found =
        document.get_str(field).map_err(|_| corrupt(format!("{USER} {}: {field}: is no text", id())))?;
    Ok(found.to_owned())
}
