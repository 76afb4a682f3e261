//! What `decide` has to see.

use clerk_sync_core::{Entry, StoreError, StoreErrorKind, Subject, UserId, View};
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

// One statement, so that it is one picture and one round trip: first what is known of the subject itself,
// then for each key who holds it, and the highest claim of anyone else. At most two entries of the index of
// claims are passed over, so the number of claimants does not matter.
const VIEW: &str = concat!(
    "SELECT 0 AS part, own.*,
       (SELECT user_id FROM {s}.clerk_claim WHERE name = 'first_admin'),
       log.id, log.status, log.attempts, log.digest
     FROM (SELECT 1) AS one
     LEFT JOIN (SELECT ",
    USER_COLUMNS!(),
    " FROM {s}.clerk_user WHERE id = $1) AS own ON true
     LEFT JOIN (SELECT id, status, attempts, digest FROM {s}.clerk_delivery WHERE id = $4) AS log ON true
     UNION ALL
     SELECT 1, rival.*, NULL, NULL, NULL, NULL, NULL FROM (
       SELECT unnest($2::text[]) AS key
       UNION SELECT email_key FROM {s}.clerk_user WHERE id = $1 AND email_key IS NOT NULL
       UNION SELECT email_claim_key FROM {s}.clerk_user WHERE id = $1 AND email_claim_key IS NOT NULL
     ) AS email CROSS JOIN LATERAL (
       SELECT ",
    USER_COLUMNS!(),
    " FROM {s}.clerk_user WHERE email_key = email.key AND id IS DISTINCT FROM $1
       UNION ALL
       (SELECT ",
    USER_COLUMNS!(),
    " FROM {s}.clerk_user WHERE email_claim_key = email.key AND id IS DISTINCT FROM $1
           AND email_key IS DISTINCT FROM email.key
         ORDER BY email_claim_verified DESC, updated_at DESC NULLS LAST, id DESC LIMIT 1)
     ) AS rival
     UNION ALL
     SELECT 1, rival.*, NULL, NULL, NULL, NULL, NULL FROM (
       SELECT unnest($3::text[]) AS key
       UNION SELECT username_key FROM {s}.clerk_user WHERE id = $1 AND username_key IS NOT NULL
       UNION SELECT username_claim_key FROM {s}.clerk_user WHERE id = $1 AND username_claim_key IS NOT NULL
     ) AS username CROSS JOIN LATERAL (
       SELECT ",
    USER_COLUMNS!(),
    " FROM {s}.clerk_user WHERE username_key = username.key AND id IS DISTINCT FROM $1
       UNION ALL
       (SELECT ",
    USER_COLUMNS!(),
    " FROM {s}.clerk_user WHERE username_claim_key = username.key AND id IS DISTINCT FROM $1
           AND username_key IS DISTINCT FROM username.key
         ORDER BY updated_at DESC NULLS LAST, id DESC LIMIT 1)
     ) AS rival"
);

/// Where the columns of a view begin.
const OWN: usize = 1;
const FIRST_ADMIN: usize = OWN + USER_WIDTH;
const DELIVERY: usize = FIRST_ADMIN + 1;

/// The statements that read for the engine.
#[derive(Debug)]
pub(crate) struct Reads {
    pub(crate) entry: Sql,
    pub(crate) view: Sql,
    pub(crate) note: Sql,
}

impl Reads {
    pub(crate) fn new(schema: &Schema) -> Self {
        const OF_VIEW: &[Type] = &[Type::TEXT, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT];
        Self {
            entry: Sql::new(schema, ENTRY, &[Type::TEXT]),
            view: Sql::new(schema, VIEW, OF_VIEW),
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

/// Everything `subject` names, as of one moment.
pub(crate) async fn view(connection: &Connection, reads: &Reads, subject: &Subject) -> Result<View, Failure> {
    let values = [
        Value::optional_text(subject.id.as_ref().map(UserId::as_str)),
        Value::texts(&subject.email_keys),
        Value::texts(&subject.username_keys),
        Value::optional_text(subject.delivery.as_ref().map(|id| id.as_str())),
    ];
    let mut view = View::default();
    for row in &connection.rows(&reads.view, &values).await? {
        if row.try_get::<_, i32>(0)? == 0 {
            read_own(row, &mut view)?;
            continue;
        }
        let record = read_record(row, OWN)?;
        if view.rivals.iter().all(|known| known.id != record.id) {
            view.rivals.push(record);
        }
    }
    Ok(view)
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
