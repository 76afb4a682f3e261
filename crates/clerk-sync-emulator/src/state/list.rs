//! `GET /v1/users`: filters, order and pages (Clerk OpenAPI, "List all users").

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::identifiers::folded;
use super::{Refusal, State, not_found};
use crate::id::Id;
use crate::user::User;

/// Values of which some must be met and some must not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
}

/// Which users to show. Empty lists and `None` do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UserQuery {
    pub(crate) user_id: Signed,
    pub(crate) external_id: Signed,
    pub(crate) organization_id: Signed,
    pub(crate) email_address: Vec<String>,
    pub(crate) phone_number: Vec<String>,
    pub(crate) username: Vec<String>,
    pub(crate) web3_wallet: Vec<String>,
    pub(crate) query: Option<String>,
    pub(crate) email_address_query: Option<String>,
    pub(crate) phone_number_query: Option<String>,
    pub(crate) username_query: Option<String>,
    pub(crate) name_query: Option<String>,
    pub(crate) banned: Option<bool>,
    pub(crate) created_at_after: Option<i64>,
    pub(crate) created_at_before: Option<i64>,
    pub(crate) last_active_at_after: Option<i64>,
    pub(crate) last_active_at_before: Option<i64>,
    pub(crate) last_sign_in_at_after: Option<i64>,
    pub(crate) last_sign_in_at_before: Option<i64>,
    pub(crate) provider: Option<String>,
    pub(crate) provider_user_id: Vec<String>,
}

/// What the list is sorted by; equal users are sorted by id, in the same direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderKey {
    CreatedAt,
    UpdatedAt,
    EmailAddress,
    Web3Wallet,
    FirstName,
    LastName,
    PhoneNumber,
    Username,
    LastActiveAt,
    LastSignInAt,
}

/// A key and a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderBy {
    pub(crate) key: OrderKey,
    pub(crate) descending: bool,
}

/// Which part of the list to show.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) order: OrderBy,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
    /// The last user of the page before; only with an order by `created_at` and without an offset.
    pub(crate) starting_after: Option<String>,
}

type Past = HashMap<Id, Option<Arc<User>>>;

impl State {
    /// One page, as the list was at `as_of_ms` if that is given.
    pub(crate) fn list_users(
        &self,
        query: &UserQuery,
        page: &Page,
        as_of_ms: Option<i64>,
    ) -> Result<Vec<Arc<User>>, Refusal> {
        let past = as_of_ms.map(|at| self.history.as_of(at)).unwrap_or_default();
        let after = match &page.starting_after {
            Some(id) => {
                let now = self.users.get(id.as_str());
                let cursor = past.get(id.as_str()).and_then(Option::as_ref).or(now);
                Some(cursor.ok_or_else(|| not_found("user", id))?)
            }
            None => None,
        };
        let order = page.order;
        let past_first = |id: &Id| past.get(id).cloned().unwrap_or_else(|| self.users.get(id).cloned());
        let wanted = |user: &User| {
            after.is_none_or(|cursor| compare(user, cursor, order) == Ordering::Greater)
                && query.matches(user)
        };
        let users = match (self.narrowed(query), self.index_of(order.key)) {
            (Some(mut ids), _) => {
                // Whoever changed since may have had the identifier then; the filters look at that state.
                ids.extend(past.keys().cloned());
                part(ids.iter().filter_map(past_first).filter(|user| wanted(user)), page)
            }
            (None, None) => {
                let now = self.users.values().filter(|user| !past.contains_key(&user.id));
                part(now.chain(past.values().flatten()).filter(|user| wanted(user)).cloned(), page)
            }
            (None, Some(index)) if past.is_empty() && *query == UserQuery::default() => {
                // Nobody is left out, so those before the page need not be looked at.
                let ids = positions(index, order, after).skip(page.offset).take(page.limit);
                ids.filter_map(|id| self.users.get(id).cloned()).collect()
            }
            (None, Some(index)) => {
                let all = self.merged(&past, positions(index, order, after), order);
                all.filter(|user| wanted(user)).skip(page.offset).take(page.limit).collect()
            }
        };
        Ok(users)
    }

    /// How many users match.
    pub(crate) fn count_users(&self, query: &UserQuery, as_of_ms: Option<i64>) -> usize {
        let past = as_of_ms.map(|at| self.history.as_of(at)).unwrap_or_default();
        let now = self.users.values().filter(|user| !past.contains_key(&user.id));
        now.chain(past.values().flatten()).filter(|user| query.matches(user)).count()
    }

    /// The only users that can match now, where a filter by identifier tells; `None` means all.
    fn narrowed(&self, query: &UserQuery) -> Option<BTreeSet<Id>> {
        let found = &self.identifiers;
        if !query.user_id.include.is_empty() {
            return Some(query.user_id.include.iter().map(|id| Id::from(id.as_str())).collect());
        }
        if !query.external_id.include.is_empty() {
            let ids = query.external_id.include.iter().filter_map(|id| found.external_id_holder(id));
            return Some(ids.cloned().collect());
        }
        if !query.email_address.is_empty() {
            return Some(
                query.email_address.iter().flat_map(|it| found.email_holders(it)).cloned().collect(),
            );
        }
        if !query.phone_number.is_empty() {
            return Some(query.phone_number.iter().flat_map(|it| found.phone_holders(it)).cloned().collect());
        }
        if !query.username.is_empty() {
            return Some(query.username.iter().filter_map(|it| found.username_holder(it)).cloned().collect());
        }
        if !query.web3_wallet.is_empty() {
            return Some(query.web3_wallet.iter().flat_map(|it| found.wallet_holders(it)).cloned().collect());
        }
        None
    }

    /// The users in this order, where it is kept.
    fn index_of(&self, key: OrderKey) -> Option<&BTreeSet<(i64, Id)>> {
        match key {
            OrderKey::CreatedAt => Some(&self.by_created),
            OrderKey::UpdatedAt => Some(&self.by_updated),
            _ => None,
        }
    }

    /// Users by their ids in order, with those put in between who were elsewhere then.
    fn merged<'a>(
        &'a self,
        past: &'a Past,
        ids: impl Iterator<Item = &'a Id> + 'a,
        order: OrderBy,
    ) -> impl Iterator<Item = Arc<User>> + 'a {
        let now = ids.filter(|id| !past.contains_key(*id)).filter_map(|id| self.users.get(id).cloned());
        let mut then: Vec<_> = past.values().flatten().cloned().collect();
        then.sort_by(|left, right| compare(left, right, order));
        Merged { left: now.peekable(), right: then.into_iter().peekable(), order }
    }
}

/// Ids in the order of an index, from the cursor on.
fn positions<'a>(
    index: &'a BTreeSet<(i64, Id)>,
    order: OrderBy,
    after: Option<&Arc<User>>,
) -> Box<dyn Iterator<Item = &'a Id> + 'a> {
    let position = after.map(|user| (timestamp(user, order.key), user.id.clone()));
    let range: Box<dyn Iterator<Item = &(i64, Id)>> = match (position, order.descending) {
        (None, false) => Box::new(index.iter()),
        (None, true) => Box::new(index.iter().rev()),
        (Some(at), false) => Box::new(index.range((Bound::Excluded(at), Bound::Unbounded))),
        (Some(at), true) => Box::new(index.range((Bound::Unbounded, Bound::Excluded(at))).rev()),
    };
    Box::new(range.map(|(_, id)| id))
}

/// One page of users in no order: only those up to its end are sorted.
fn part(users: impl Iterator<Item = Arc<User>>, page: &Page) -> Vec<Arc<User>> {
    let mut users: Vec<_> = users.collect();
    let by_order = |left: &Arc<User>, right: &Arc<User>| compare(left, right, page.order);
    let end = page.offset.saturating_add(page.limit);
    if end < users.len() {
        users.select_nth_unstable_by(end, by_order);
        users.truncate(end);
    }
    users.sort_unstable_by(by_order);
    users.split_off(page.offset.min(users.len()))
}

/// Two sorted lists as one.
struct Merged<L: Iterator<Item = Arc<User>>, R: Iterator<Item = Arc<User>>> {
    left: std::iter::Peekable<L>,
    right: std::iter::Peekable<R>,
    order: OrderBy,
}

impl<L: Iterator<Item = Arc<User>>, R: Iterator<Item = Arc<User>>> Iterator for Merged<L, R> {
    type Item = Arc<User>;

    fn next(&mut self) -> Option<Self::Item> {
        match (self.left.peek(), self.right.peek()) {
            (Some(left), Some(right)) if compare(right, left, self.order) == Ordering::Less => {
                self.right.next()
            }
            (Some(_), _) => self.left.next(),
            (None, _) => self.right.next(),
        }
    }
}

fn timestamp(user: &User, key: OrderKey) -> i64 {
    if key == OrderKey::UpdatedAt { user.updated_at } else { user.created_at }
}

fn compare(left: &User, right: &User, order: OrderBy) -> Ordering {
    let by_key = match order.key {
        OrderKey::CreatedAt => left.created_at.cmp(&right.created_at),
        OrderKey::UpdatedAt => left.updated_at.cmp(&right.updated_at),
        OrderKey::LastActiveAt => left.last_active_at.cmp(&right.last_active_at),
        OrderKey::LastSignInAt => left.last_sign_in_at.cmp(&right.last_sign_in_at),
        OrderKey::FirstName => left.first_name.cmp(&right.first_name),
        OrderKey::LastName => left.last_name.cmp(&right.last_name),
        OrderKey::Username => left.username.cmp(&right.username),
        OrderKey::EmailAddress => primary_email(left).cmp(&primary_email(right)),
        OrderKey::PhoneNumber => primary_phone(left).cmp(&primary_phone(right)),
        OrderKey::Web3Wallet => primary_wallet(left).cmp(&primary_wallet(right)),
    };
    let ordering = by_key.then_with(|| left.id.cmp(&right.id));
    if order.descending { ordering.reverse() } else { ordering }
}

fn primary_email(user: &User) -> Option<&str> {
    user.primary_email().map(|email| email.email_address.as_str())
}

fn primary_phone(user: &User) -> Option<&str> {
    let id = user.primary_phone_number_id.as_ref()?;
    user.phone_numbers.iter().find(|phone| phone.id == *id).map(|phone| phone.phone_number.as_str())
}

fn primary_wallet(user: &User) -> Option<&str> {
    let id = user.primary_web3_wallet_id.as_ref()?;
    user.web3_wallets.iter().find(|wallet| wallet.id == *id).map(|wallet| wallet.web3_wallet.as_str())
}

impl Signed {
    fn allows(&self, value: Option<&str>) -> bool {
        let listed = |list: &[String]| value.is_some_and(|value| list.iter().any(|item| item == value));
        (self.include.is_empty() || listed(&self.include)) && !listed(&self.exclude)
    }
}

impl UserQuery {
    /// Whether the user passes every filter.
    pub(crate) fn matches(&self, user: &User) -> bool {
        self.user_id.allows(Some(&user.id))
            && self.external_id.allows(user.external_id.as_deref())
            // The instance has no organizations, so nobody is a member of one.
            && self.organization_id.include.is_empty()
            && self.matches_identifiers(user)
            && self.matches_texts(user)
            && self.matches_times(user)
            && self.banned.is_none_or(|banned| user.banned == banned)
    }

    fn matches_identifiers(&self, user: &User) -> bool {
        let any_folded = |list: &[String], have: &str| list.iter().any(|item| folded(item) == folded(have));
        (self.email_address.is_empty()
            || user.email_addresses.iter().any(|it| any_folded(&self.email_address, &it.email_address)))
            && (self.phone_number.is_empty()
                || user.phone_numbers.iter().any(|it| self.phone_number.contains(&it.phone_number)))
            && (self.web3_wallet.is_empty()
                || user.web3_wallets.iter().any(|it| any_folded(&self.web3_wallet, &it.web3_wallet)))
            && (self.username.is_empty()
                || user.username.as_ref().is_some_and(|it| any_folded(&self.username, it)))
            && self.provider.as_ref().is_none_or(|provider| {
                user.external_accounts.iter().any(|account| {
                    let id = account["provider_user_id"].as_str().unwrap_or_default();
                    account["provider"] == **provider && self.provider_user_id.iter().any(|it| it == id)
                })
            })
    }

    fn matches_texts(&self, user: &User) -> bool {
        let emails = || user.email_addresses.iter().map(|email| email.email_address.as_str());
        let phones = || user.phone_numbers.iter().map(|phone| phone.phone_number.as_str());
        let wallets = || user.web3_wallets.iter().map(|wallet| wallet.web3_wallet.as_str());
        let names = || user.first_name.as_deref().into_iter().chain(user.last_name.as_deref());
        let full_name = || match (&user.first_name, &user.last_name) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            _ => None,
        };
        let named = |part: &str| {
            contains(names(), part) || full_name().is_some_and(|name| contains([name.as_str()], part))
        };
        let username = || user.username.as_deref();
        self.email_address_query.as_deref().is_none_or(|part| contains(emails(), part))
            && self.phone_number_query.as_deref().is_none_or(|part| contains(phones(), part))
            && self.username_query.as_deref().is_none_or(|part| contains(username(), part))
            && self.name_query.as_deref().is_none_or(named)
            && self.query.as_deref().is_none_or(|part| {
                contains(emails().chain(phones()).chain(wallets()).chain(username()), part)
                    || contains([&*user.id], part)
                    || named(part)
            })
    }

    fn matches_times(&self, user: &User) -> bool {
        within(Some(user.created_at), self.created_at_after, self.created_at_before)
            && within(user.last_active_at, self.last_active_at_after, self.last_active_at_before)
            && within(user.last_sign_in_at, self.last_sign_in_at_after, self.last_sign_in_at_before)
    }
}

fn contains<'a>(texts: impl IntoIterator<Item = &'a str>, part: &str) -> bool {
    let part = folded(part);
    texts.into_iter().any(|text| folded(text).contains(&part))
}

/// Strictly after one and strictly before the other; what never happened is neither.
fn within(value: Option<i64>, after: Option<i64>, before: Option<i64>) -> bool {
    after.is_none_or(|after| value.is_some_and(|value| value > after))
        && before.is_none_or(|before| value.is_some_and(|value| value < before))
}
