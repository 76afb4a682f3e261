//! What `decide` has to see.

use clerk_sync_core::{DeliveryId, Entry, StoreError, StoreErrorKind, Subject, UserId, View};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::error::Failure;
use crate::name::Schema;
use crate::pool::Connection;
use crate::row::{USER_COLUMNS, USER_WIDTH, read_delivery_state, read_entry, read_record};
use crate::statement::Sql;
use crate::value::Value;

const ENTRY: &str = concat!("SELECT ", USER_COLUMNS!(), " FROM {s}.clerk_user WHERE id = $1");

const NOTE: &str = "SELECT value FROM {s}.clerk_meta WHERE name = $1";

// One statement, so that it is one picture and one round trip, for as many subjects as there are: first what is
// known of each subject itself, then for each of its keys who holds it, and the highest claim of anyone else. At most
// two entries of the index of claims are passed over, so the number of claimants does not matter.
//
// The limits of 1 keep the planner from joining whole tables: a table that is being filled has no statistics yet.
const VIEWS: &str = concat!(
    "WITH subject AS (
       SELECT wanted.n, wanted.id AS subject_id, wanted.delivery_id, own.*
       FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (id, delivery_id, n)
       LEFT JOIN LATERAL (SELECT ",
    USER_COLUMNS!(),
    ", email_key, email_claim_key, username_key, username_claim_key
         FROM {s}.clerk_user WHERE clerk_user.id = wanted.id LIMIT 1) AS own ON true)
     SELECT n, 0 AS part, ",
    USER_COLUMNS!(),
    ", (SELECT user_id FROM {s}.clerk_claim WHERE name = 'first_admin'), log.*
     FROM subject LEFT JOIN LATERAL (
       SELECT id AS log_id, status, attempts, digest FROM {s}.clerk_delivery WHERE id = subject.delivery_id
       LIMIT 1) AS log ON true
     UNION ALL
     SELECT n, 1, rival.*, NULL, NULL, NULL, NULL, NULL FROM (
       SELECT n, key FROM unnest($3::int8[], $4::text[]) AS fact (n, key)
       UNION SELECT n, email_key FROM subject WHERE email_key IS NOT NULL
       UNION SELECT n, email_claim_key FROM subject WHERE email_claim_key IS NOT NULL
     ) AS email JOIN subject USING (n) CROSS JOIN LATERAL (
       SELECT ",
    USER_COLUMNS!(),
    " FROM {s}.clerk_user WHERE email_key = email.key AND id IS DISTINCT FROM subject.subject_id
       UNION ALL
       (SELECT ",
    USER_COLUMNS!(),
    " FROM {s}.clerk_user WHERE email_claim_key = email.key AND id IS DISTINCT FROM subject.subject_id
           AND email_key IS DISTINCT FROM email.key
         ORDER BY email_claim_verified DESC, updated_at DESC NULLS LAST, id DESC LIMIT 1)
     ) AS rival
     UNION ALL
     SELECT n, 1, rival.*, NULL, NULL, NULL, NULL, NULL FROM (
       SELECT n, key FROM unnest($5::int8[], $6::text[]) AS fact (n, key)
       UNION SELECT n, username_key FROM subject WHERE username_key IS NOT NULL
       UNION SELECT n, username_claim_key FROM subject WHERE username_claim_key IS NOT NULL
     ) AS username JOIN subject USING (n) CROSS JOIN LATERAL (
       SELECT ",
    USER_COLUMNS!(),
    " FROM {s}.clerk_user WHERE username_key = username.key AND id IS DISTINCT FROM subject.subject_id
       UNION ALL
       (SELECT ",
    USER_COLUMNS!(),
    " FROM {s}.clerk_user WHERE username_claim_key = username.key AND id IS DISTINCT FROM subject.subject_id
           AND username_key IS DISTINCT FROM username.key
         ORDER BY updated_at DESC NULLS LAST, id DESC LIMIT 1)
     ) AS rival"
);

/// Where the columns of a view begin.
const OWN: usize = 2;
const FIRST_ADMIN: usize = OWN + USER_WIDTH;
const DELIVERY: usize = FIRST_ADMIN + 1;

/// The statements that read for the engine.
#[derive(Debug)]
pub(crate) struct Reads {
    pub(crate) entry: Sql,
    pub(crate) views: Sql,
    pub(crate) note: Sql,
}

impl Reads {
    pub(crate) fn new(schema: &Schema) -> Self {
        const OF_VIEWS: &[Type] = &[
            Type::TEXT_ARRAY,
            Type::TEXT_ARRAY,
            Type::INT8_ARRAY,
            Type::TEXT_ARRAY,
            Type::INT8_ARRAY,
            Type::TEXT_ARRAY,
        ];
        Self {
            entry: Sql::new(schema, ENTRY, &[Type::TEXT]),
            views: Sql::new(schema, VIEWS, OF_VIEWS),
            note: Sql::new(schema, NOTE, &[Type::TEXT]),
        }
    }
}

/// What is stored under `id`.
pub(crate) async fn entry(
    connection: &Connection,
    reads: &Reads,
    id: &UserId,
) -> Result<Option<Entry>, Failure> {
    let rows = connection.rows(&reads.entry, &[Value::text(id.as_str())]).await?;
    rows.first().map(|row| read_entry(row, 0)).transpose()
}

/// The text of a note.
pub(crate) async fn note(
    connection: &Connection,
    reads: &Reads,
    name: &str,
) -> Result<Option<String>, Failure> {
    let rows = connection.rows(&reads.note, &[Value::text(name)]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

/// Everything each of `subjects` names, as of one moment.
pub(crate) async fn views(
    connection: &Connection,
    reads: &Reads,
    subjects: &[Subject],
) -> Result<Vec<View>, Failure> {
    let ids = subjects.iter().map(|one| Value::optional_text(one.id.as_ref().map(UserId::as_str)));
    let deliveries = subjects.iter().map(|one| one.delivery.as_ref().map(DeliveryId::as_str));
    let [emails, email_keys] = keys(subjects, |one| &one.email_keys);
    let [usernames, username_keys] = keys(subjects, |one| &one.username_keys);
    let values = [
        Value::Many(ids.collect()),
        Value::Many(deliveries.map(Value::optional_text).collect()),
        emails,
        email_keys,
        usernames,
        username_keys,
    ];
    let mut views = vec![View::default(); subjects.len()];
    for row in &connection.rows(&reads.views, &values).await? {
        let place = usize::try_from(row.try_get::<_, i64>(0)?).ok().and_then(|n| n.checked_sub(1));
        let Some(view) = place.and_then(|place| views.get_mut(place)) else { continue };
        if row.try_get::<_, i32>(1)? == 0 {
            read_own(row, view)?;
            continue;
        }
        let record = read_record(row, OWN)?;
        if view.rivals.iter().all(|known| known.id != record.id) {
            view.rivals.push(record);
        }
    }
    Ok(views)
}

/// The keys of all subjects, and beside each the number of its subject, from 1.
fn keys<'a>(subjects: &'a [Subject], of: impl Fn(&'a Subject) -> &'a [String]) -> [Value<'a>; 2] {
    let all = || (1..).zip(subjects).flat_map(|(n, one)| of(one).iter().map(move |key| (n, key)));
    let numbers = all().map(|(n, _)| Value::Integer(Some(n))).collect();
    [Value::Many(numbers), Value::Texts(all().map(|(_, key)| key.as_str()).collect())]
}

fn read_own(row: &Row, view: &mut View) -> Result<(), Failure> {
    let is_there = |column: usize| Ok::<_, Failure>(row.try_get::<_, Option<&str>>(column)?.is_some());
    if is_there(OWN)? {
        view.entry = Some(read_entry(row, OWN)?);
    }
    if let Some(id) = row.try_get::<_, Option<&str>>(FIRST_ADMIN)? {
        view.first_admin = Some(UserId::parse(id).map_err(|why| {
            let context = format!("clerk_claim first_admin: user_id: {why}");
            StoreError::new(StoreErrorKind::Corrupt, context)
        })?);
    }
    if is_there(DELIVERY)? {
        view.delivery = Some(read_delivery_state(row, DELIVERY)?);
    }
    Ok(())
}
