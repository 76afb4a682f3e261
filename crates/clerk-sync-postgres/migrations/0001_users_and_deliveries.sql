-- Users and tombstones are rows of one table: whether an id is a user, deleted or unknown is one fact under
-- one primary key, and other tables may point foreign keys at it.
-- Ids and keys are compared as bytes: a collation that changes with the operating system would break their
-- indexes. All times are whole milliseconds.
CREATE TABLE clerk_user (
  id text COLLATE "C" NOT NULL CONSTRAINT clerk_user_pkey PRIMARY KEY,

  -- For the app. All NULL in a tombstone, but deleted_at.
  email text,
  username text,
  first_name text,
  last_name text,
  image_url text,
  phone text,
  role text,
  external_id text,
  public_metadata text,    -- JSON as it came, byte for byte; the view has it as jsonb
  banned boolean,
  locked boolean,
  deprovisioned boolean,
  created_at timestamptz(3),
  updated_at timestamptz(3), -- Clerk's; also the version records are compared by
  last_sign_in_at timestamptz(3),
  deleted_at timestamptz(3),

  -- For the synchronisation.
  rev bigint,
  email_key text COLLATE "C", -- lower-cased email: what is unique
  email_claim text,        -- the address Clerk has, whether or not this row may hold it
  email_claim_key text COLLATE "C",
  email_claim_verified boolean,
  username_key text COLLATE "C",
  username_claim text,     -- the name given in Clerk, whether or not this row may hold it
  username_claim_key text COLLATE "C",
  repair_due_at timestamptz(3), -- not NULL: must be compared with Clerk, not before this
  repair_attempts bigint,
  source text NOT NULL,
  recorded_at timestamptz(3),
  changed_at timestamptz(3),
  webhook_at timestamptz(3),

  -- A tombstone keeps nothing of a person, a live row nothing of a deletion.
  CONSTRAINT clerk_user_live_or_gone CHECK (
    CASE WHEN deleted_at IS NULL THEN
      num_nulls(rev, public_metadata, banned, locked, deprovisioned, recorded_at, changed_at) = 0
      AND (email IS NULL) = (email_key IS NULL)
      AND (username IS NULL) = (username_key IS NULL)
      AND (email_claim IS NULL) = (email_claim_key IS NULL)
      AND (email_claim IS NULL) = (email_claim_verified IS NULL)
      AND (username_claim IS NULL) = (username_claim_key IS NULL)
      AND (repair_due_at IS NULL) = (repair_attempts IS NULL)
    ELSE
      num_nonnulls(email, username, first_name, last_name, image_url, phone, role, external_id,
        public_metadata, banned, locked, deprovisioned, created_at, updated_at, last_sign_in_at,
        rev, email_key, email_claim, email_claim_key, email_claim_verified, username_key,
        username_claim, username_claim_key, repair_due_at, repair_attempts, recorded_at, changed_at,
        webhook_at) = 0
    END
  )
);

CREATE UNIQUE INDEX clerk_user_email_key ON clerk_user (email_key) WHERE email_key IS NOT NULL;
CREATE UNIQUE INDEX clerk_user_username_key ON clerk_user (username_key) WHERE username_key IS NOT NULL;

-- The order of claims is part of the index, so that the highest one is its first entry.
CREATE INDEX clerk_user_email_claim
  ON clerk_user (email_claim_key, email_claim_verified DESC, updated_at DESC NULLS LAST, id DESC)
  WHERE email_claim_key IS NOT NULL;
CREATE INDEX clerk_user_username_claim
  ON clerk_user (username_claim_key, updated_at DESC NULLS LAST, id DESC)
  WHERE username_claim_key IS NOT NULL;

CREATE INDEX clerk_user_repair ON clerk_user (repair_due_at, id) WHERE repair_due_at IS NOT NULL;
CREATE INDEX clerk_user_unconfirmed ON clerk_user (recorded_at)
  WHERE webhook_at IS NULL AND source IN ('lookup', 'claims') AND deleted_at IS NULL;

CREATE INDEX clerk_user_deleted ON clerk_user (deleted_at) WHERE deleted_at IS NOT NULL;

-- JSON as jsonb, or NULL where jsonb cannot hold it (it has no \u0000): a view must not fail for one row.
CREATE FUNCTION clerk_jsonb(json text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  RETURN json::jsonb;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END
$$;

-- What apps read: live users, as they are known now.
CREATE VIEW users AS
  SELECT id, email, CASE WHEN email IS NOT NULL THEN email_claim_verified END AS email_verified,
    username, first_name, last_name, image_url, phone, role, external_id,
    clerk_jsonb(public_metadata) AS public_metadata,
    banned, locked, deprovisioned, created_at, updated_at, last_sign_in_at
  FROM clerk_user WHERE deleted_at IS NULL;

-- The event log. Ids are kept for ever: a replay must be known again.
CREATE TABLE clerk_delivery (
  id text COLLATE "C" NOT NULL CONSTRAINT clerk_delivery_pkey PRIMARY KEY,
  event_type text COLLATE "C" NOT NULL,
  user_id text COLLATE "C",
  received_at timestamptz(3) NOT NULL,
  digest bytea NOT NULL CONSTRAINT clerk_delivery_digest CHECK (length(digest) = 32),
  status text COLLATE "C" NOT NULL
    CONSTRAINT clerk_delivery_known_status CHECK (status IN ('pending', 'processed', 'failed', 'dead')),
  attempts bigint NOT NULL,
  outcome text,
  error text,
  processed_at timestamptz(3),
  due_at timestamptz(3),
  body text
);

CREATE INDEX clerk_delivery_due ON clerk_delivery (due_at, id)
  WHERE status IN ('pending', 'failed') AND due_at IS NOT NULL;
CREATE INDEX clerk_delivery_status ON clerk_delivery (status, received_at, id);
CREATE INDEX clerk_delivery_body ON clerk_delivery (status, received_at, id) WHERE body IS NOT NULL;
CREATE INDEX clerk_delivery_user ON clerk_delivery (user_id, received_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX clerk_delivery_type ON clerk_delivery (event_type, received_at, id);

-- Claims only one can ever win.
CREATE TABLE clerk_claim (
  name text COLLATE "C" NOT NULL CONSTRAINT clerk_claim_pkey PRIMARY KEY
    CONSTRAINT clerk_claim_name CHECK (name = 'first_admin'),
  user_id text COLLATE "C" NOT NULL
);

-- Facts about this database itself, such as which Clerk instance it mirrors.
CREATE TABLE clerk_meta (
  name text COLLATE "C" NOT NULL CONSTRAINT clerk_meta_pkey PRIMARY KEY,
  value text NOT NULL
);
