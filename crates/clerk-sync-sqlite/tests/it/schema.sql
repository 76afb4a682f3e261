CREATE INDEX clerk_delivery_body ON clerk_delivery (status, received_at, id) WHERE body IS NOT NULL;

CREATE INDEX clerk_delivery_due ON clerk_delivery (due_at, id)
  WHERE status IN ('pending', 'failed') AND due_at IS NOT NULL;

CREATE INDEX clerk_delivery_status ON clerk_delivery (status, received_at, id);

CREATE INDEX clerk_delivery_type ON clerk_delivery (event_type, received_at, id);

CREATE INDEX clerk_delivery_user ON clerk_delivery (user_id, received_at, id) WHERE user_id IS NOT NULL;

CREATE INDEX clerk_user_deleted ON clerk_user (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE INDEX clerk_user_email_claim
  ON clerk_user (email_claim_key, email_claim_verified DESC, updated_at DESC, id DESC)
  WHERE email_claim_key IS NOT NULL;

CREATE UNIQUE INDEX clerk_user_email_key ON clerk_user (email_key) WHERE email_key IS NOT NULL;

CREATE INDEX clerk_user_repair ON clerk_user (repair_due_at, id) WHERE repair_due_at IS NOT NULL;

CREATE INDEX clerk_user_unconfirmed ON clerk_user (recorded_at)
  WHERE webhook_at IS NULL AND source IN ('lookup', 'claims') AND deleted_at IS NULL;

CREATE INDEX clerk_user_username_claim
  ON clerk_user (username_claim_key, updated_at DESC, id DESC)
  WHERE username_claim_key IS NOT NULL;

CREATE UNIQUE INDEX clerk_user_username_key ON clerk_user (username_key) WHERE username_key IS NOT NULL;

CREATE TABLE clerk_claim (
  name TEXT NOT NULL PRIMARY KEY CONSTRAINT clerk_claim_name CHECK (name = 'first_admin'),
  user_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE clerk_delivery (
  id TEXT NOT NULL PRIMARY KEY,
  event_type TEXT NOT NULL,
  user_id TEXT,
  received_at INTEGER NOT NULL,
  digest BLOB NOT NULL CONSTRAINT clerk_delivery_digest CHECK (length(digest) = 32),
  status TEXT NOT NULL
    CONSTRAINT clerk_delivery_known_status CHECK (status IN ('pending', 'processed', 'failed', 'dead')),
  attempts INTEGER NOT NULL,
  outcome TEXT,
  error TEXT,
  processed_at INTEGER,
  due_at INTEGER,
  body TEXT                -- last, so that what stands before it is read without it
) STRICT;

CREATE TABLE clerk_meta (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE clerk_migration (
  number INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  sql TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE clerk_user (
  id TEXT NOT NULL PRIMARY KEY,

  -- For the app. All NULL in a tombstone, but deleted_at.
  email TEXT,
  username TEXT,
  first_name TEXT,
  last_name TEXT,
  image_url TEXT,
  phone TEXT,
  role TEXT,
  external_id TEXT,
  public_metadata TEXT,
  banned INTEGER,
  locked INTEGER,
  deprovisioned INTEGER,
  created_at INTEGER,
  updated_at INTEGER,      -- Clerk's; also the version records are compared by
  last_sign_in_at INTEGER,
  deleted_at INTEGER,

  -- For the synchronisation.
  rev INTEGER,
  email_key TEXT,          -- lower-cased email: what is unique
  email_claim TEXT,        -- the address Clerk has, whether or not this row may hold it
  email_claim_key TEXT,
  email_claim_verified INTEGER,
  username_key TEXT,
  username_claim TEXT,     -- the name given in Clerk, whether or not this row may hold it
  username_claim_key TEXT,
  repair_due_at INTEGER,   -- not NULL: must be compared with Clerk, not before this
  repair_attempts INTEGER,
  source TEXT NOT NULL,
  recorded_at INTEGER,
  changed_at INTEGER,
  webhook_at INTEGER,

  -- A tombstone keeps nothing of a person, a live row nothing of a deletion.
  CONSTRAINT clerk_user_live_or_gone CHECK (
    CASE WHEN deleted_at IS NULL THEN
      rev IS NOT NULL AND public_metadata IS NOT NULL
      AND coalesce(banned IN (0, 1) AND locked IN (0, 1) AND deprovisioned IN (0, 1), 0)
      AND recorded_at IS NOT NULL AND changed_at IS NOT NULL
      AND (email IS NULL) = (email_key IS NULL)
      AND (username IS NULL) = (username_key IS NULL)
      AND (email_claim IS NULL) = (email_claim_key IS NULL)
      AND (email_claim IS NULL) = (email_claim_verified IS NULL)
      AND (username_claim IS NULL) = (username_claim_key IS NULL)
      AND (repair_due_at IS NULL) = (repair_attempts IS NULL)
    ELSE
      coalesce(email, username, first_name, last_name, image_url, phone, role, external_id,
        public_metadata, banned, locked, deprovisioned, created_at, updated_at, last_sign_in_at,
        rev, email_key, email_claim, email_claim_key, email_claim_verified, username_key,
        username_claim, username_claim_key, repair_due_at, repair_attempts, recorded_at, changed_at,
        webhook_at) IS NULL
    END
  )
) STRICT;

CREATE VIEW users AS
  SELECT id, email, CASE WHEN email IS NOT NULL THEN email_claim_verified END AS email_verified,
    username, first_name, last_name, image_url, phone, role, external_id, public_metadata,
    banned, locked, deprovisioned, created_at, updated_at, last_sign_in_at
  FROM clerk_user WHERE deleted_at IS NULL;

