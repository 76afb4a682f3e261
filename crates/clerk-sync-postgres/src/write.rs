//! What writes.

mod apply;
mod plan;
mod take;
mod transaction;

use tokio_postgres::types::Type;

use crate::name::Schema;
use crate::row::{DELIVERY_COLUMNS, DELIVERY_TYPES, USER_COLUMNS, USER_TYPES, array_of};
use crate::statement::Sql;

pub(crate) use apply::commit;
pub(crate) use take::{Period, drop_bodies, erase_bodies, take_deliveries, take_repairs};

/// The columns of a live row but its id, and their parameters; `deleted_at` has none, it stays NULL.
macro_rules! live_columns {
    () => {
        "source, email, username, first_name, last_name, image_url, phone, role, external_id, \
         public_metadata, banned, locked, deprovisioned, created_at, updated_at, last_sign_in_at, rev, \
         email_claim, email_claim_verified, username_claim, repair_due_at, repair_attempts, recorded_at, \
         changed_at, webhook_at, email_key, username_key, email_claim_key, username_claim_key"
    };
}
macro_rules! live_parameters {
    () => {
        "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
         $22, $23, $24, $25, $26, $27, $28, $29, $30"
    };
}

const INSERT: &str =
    concat!("INSERT INTO {s}.clerk_user (id, ", live_columns!(), ") VALUES ($1, ", live_parameters!(), ")");

// Each parameter is a column of all the rows.
const INSERT_MANY: &str = concat!(
    "INSERT INTO {s}.clerk_user (id, ",
    live_columns!(),
    ") SELECT * FROM unnest($1, ",
    live_parameters!(),
    ")"
);

// A tombstone has no revision, so it is never met.
const UPDATE: &str = concat!(
    "UPDATE {s}.clerk_user SET (",
    live_columns!(),
    ") = (",
    live_parameters!(),
    ") WHERE id = $1 AND rev = $31"
);

// Everybody locks in the order of ids, so that nobody waits in a circle. The lock leaves the rows of apps that
// point at these alone, since ids do not change.
const LOCK: &str = "SELECT id FROM {s}.clerk_user WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

// What has to be unique is let go by everyone first and taken afterwards, so that records may swap it.
const RELEASE: &str = "UPDATE {s}.clerk_user
  SET (email, email_key, username, username_key) = (NULL, NULL, NULL, NULL)
  WHERE id = ANY($1) AND (email_key IS NOT NULL OR username_key IS NOT NULL)";

const BURY_NEW: &str = "INSERT INTO {s}.clerk_user (id, deleted_at, source) VALUES ($1, $2, $3)";

const BURY: &str = "UPDATE {s}.clerk_user SET
  email = NULL, username = NULL, first_name = NULL, last_name = NULL, image_url = NULL, phone = NULL,
  role = NULL, external_id = NULL, public_metadata = NULL, banned = NULL, locked = NULL,
  deprovisioned = NULL, created_at = NULL, updated_at = NULL, last_sign_in_at = NULL, rev = NULL,
  email_key = NULL, email_claim = NULL, email_claim_key = NULL, email_claim_verified = NULL,
  username_key = NULL, username_claim = NULL, username_claim_key = NULL, repair_due_at = NULL,
  repair_attempts = NULL, recorded_at = NULL, changed_at = NULL, webhook_at = NULL,
  deleted_at = $2, source = $3
  WHERE id = $1 AND rev = $4";

const CLAIM: &str = "INSERT INTO {s}.clerk_claim (name, user_id) VALUES ('first_admin', $1)";

const LOG_NEW: &str = concat!(
    "INSERT INTO {s}.clerk_delivery (",
    DELIVERY_COLUMNS!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
);

const LOG_AGAIN: &str = "UPDATE {s}.clerk_delivery SET event_type = $2, user_id = $3,
  received_at = $4, digest = $5, status = $6, attempts = $7, outcome = $8, error = $9,
  processed_at = $10, due_at = $11, body = $12
  WHERE id = $1 AND attempts = $13";

const NOTE_NEW: &str = "INSERT INTO {s}.clerk_meta (name, value) VALUES ($1, $2)";

const NOTE_AGAIN: &str = "UPDATE {s}.clerk_meta SET value = $2 WHERE name = $1 AND value = $3";

const POSTPONE: &str =
    "UPDATE {s}.clerk_user SET repair_due_at = $3, repair_attempts = $4 WHERE id = $1 AND rev = $2";

// Who is before us in the queue and not done yet is passed over, not waited for. The ids go through an array,
// since a join makes the planner read the whole table when it does not know the limit.
const TAKE_REPAIRS: &str = concat!(
    "WITH due AS MATERIALIZED (
       SELECT id AS due_id, repair_due_at AS was_due FROM {s}.clerk_user
       WHERE repair_due_at <= $1 ORDER BY repair_due_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE {s}.clerk_user SET repair_due_at = $2 WHERE id = ANY (ARRAY(SELECT due_id FROM due))
     RETURNING ",
    USER_COLUMNS!(),
    ", (SELECT was_due FROM due WHERE due_id = id)"
);

const TAKE_DELIVERIES: &str = concat!(
    "WITH due AS MATERIALIZED (
       SELECT id AS due_id, due_at AS was_due FROM {s}.clerk_delivery
       WHERE status IN ('pending', 'failed') AND due_at <= $1
       ORDER BY due_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE {s}.clerk_delivery SET due_at = $2 WHERE id = ANY (ARRAY(SELECT due_id FROM due))
     RETURNING ",
    DELIVERY_COLUMNS!(),
    ", (SELECT was_due FROM due WHERE due_id = id)"
);

const DROP_BODIES: &str = "UPDATE {s}.clerk_delivery SET body = NULL WHERE id = ANY (ARRAY(
  SELECT id FROM {s}.clerk_delivery WHERE status = $1 AND received_at < $2 AND body IS NOT NULL
  ORDER BY received_at, id LIMIT $3 FOR NO KEY UPDATE))";

// No index knows what a body says.
const ERASE_BODIES: &str = "UPDATE {s}.clerk_delivery SET body = NULL WHERE id = ANY (ARRAY(
  SELECT id FROM {s}.clerk_delivery WHERE body IS NOT NULL
    AND (user_id = $1 OR (user_id IS NULL
      AND EXISTS (SELECT FROM unnest($2::text[]) AS said WHERE strpos(body, said) > 0)))
  LIMIT $3))";

/// The statements that write.
#[derive(Debug)]
pub(crate) struct Writes {
    pub(crate) insert: Sql,
    pub(crate) insert_many: Sql,
    pub(crate) update: Sql,
    pub(crate) lock: Sql,
    pub(crate) release: Sql,
    pub(crate) bury_new: Sql,
    pub(crate) bury: Sql,
    pub(crate) claim: Sql,
    pub(crate) log_new: Sql,
    pub(crate) log_again: Sql,
    pub(crate) note_new: Sql,
    pub(crate) note_again: Sql,
    pub(crate) postpone: Sql,
    pub(crate) take_repairs: Sql,
    pub(crate) take_deliveries: Sql,
    pub(crate) drop_bodies: Sql,
    pub(crate) erase_bodies: Sql,
    pub(crate) channel: String,
}

impl Writes {
    pub(crate) fn new(schema: &Schema) -> Self {
        const OF_BURIAL: &[Type] = &[Type::TEXT, Type::TIMESTAMPTZ, Type::TEXT, Type::INT8];
        const OF_POSTPONE: &[Type] = &[Type::TEXT, Type::INT8, Type::TIMESTAMPTZ, Type::INT8];
        const OF_NOTE: &[Type] = &[Type::TEXT, Type::TEXT, Type::TEXT];
        const OF_TAKE: &[Type] = &[Type::TIMESTAMPTZ, Type::TIMESTAMPTZ, Type::INT8];
        const OF_ERASE: &[Type] = &[Type::TEXT, Type::TEXT_ARRAY, Type::INT8];
        const OF_DROP: &[Type] = &[Type::TEXT, Type::TIMESTAMPTZ, Type::INT8];
        const IDS: &[Type] = &[Type::TEXT_ARRAY];
        let sql = |text, types: &[Type]| Sql::new(schema, text, types);
        let (user, log) = (USER_TYPES.len() - 1, DELIVERY_TYPES.len() - 1);
        let of_user = USER_TYPES.get(..user).unwrap_or_default();
        let of_users: Vec<Type> = of_user.iter().map(array_of).collect();
        Self {
            insert: sql(INSERT, of_user),
            insert_many: sql(INSERT_MANY, &of_users),
            update: sql(UPDATE, USER_TYPES),
            lock: sql(LOCK, IDS),
            release: sql(RELEASE, IDS),
            bury_new: sql(BURY_NEW, OF_BURIAL.get(..3).unwrap_or_default()),
            bury: sql(BURY, OF_BURIAL),
            claim: sql(CLAIM, OF_BURIAL.get(..1).unwrap_or_default()),
            log_new: sql(LOG_NEW, DELIVERY_TYPES.get(..log).unwrap_or_default()),
            log_again: sql(LOG_AGAIN, DELIVERY_TYPES),
            note_new: sql(NOTE_NEW, OF_NOTE.get(..2).unwrap_or_default()),
            note_again: sql(NOTE_AGAIN, OF_NOTE),
            postpone: sql(POSTPONE, OF_POSTPONE),
            take_repairs: sql(TAKE_REPAIRS, OF_TAKE),
            take_deliveries: sql(TAKE_DELIVERIES, OF_TAKE),
            drop_bodies: sql(DROP_BODIES, OF_DROP),
            erase_bodies: sql(ERASE_BODIES, OF_ERASE),
            channel: schema.channel(),
        }
    }
}
