-- +goose Up

-- The level below which a binary may not go (see package migrations). Expanding migrations leave it alone.
CREATE TABLE carillon.schema_info (
  compatibility integer NOT NULL
);
INSERT INTO carillon.schema_info (compatibility) VALUES (1);

-- What carillon.emit may write: one row per published event.
CREATE TABLE carillon.declarations (
  event text PRIMARY KEY,
  resource_type text,
  category text,
  fields text[] NOT NULL DEFAULT '{}',
  channels jsonb NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE carillon.events (
  id uuid PRIMARY KEY,
  tenant text NOT NULL DEFAULT '',
  name text NOT NULL,
  resource_type text,
  resource_id text,
  actor text,
  data jsonb NOT NULL,
  idempotency_key text,
  at timestamptz,
  trace text,
  -- How many channels it was emitted on, so that a root receipt that is lost leaves a trace.
  channels integer,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX events_idempotency_key ON carillon.events (tenant, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- The receipt is the authority on what is owed to whom. Only package receipts and the functions of this schema write
-- it. fillfactor leaves room for the HOT updates of claim and bind; finished_at changes once in a life, so the only
-- index on a changing column costs one non-HOT update per receipt.
CREATE TABLE carillon.receipts (
  id uuid PRIMARY KEY,
  event_id uuid NOT NULL,
  root_id uuid,
  recipient_key text,
  tenant text NOT NULL,
  channel text NOT NULL,
  transport text NOT NULL,
  audience text NOT NULL,
  recipient text,
  recipient_data jsonb,
  address text,
  priority smallint NOT NULL,
  state text NOT NULL DEFAULT 'pending',
  reason text,
  tries integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  crashes smallint NOT NULL DEFAULT 0,
  -- What becomes of it if its worker is lost while it is being sent; NULL is to send again. Set when it is bound.
  on_unknown text CHECK (on_unknown IN ('park', 'probe')),
  -- An earlier try may have been accepted.
  unanswered boolean NOT NULL DEFAULT false,
  due_at timestamptz NOT NULL DEFAULT now(),
  send_at timestamptz,
  expires_at timestamptz,
  renewed_at timestamptz, -- when an operator last reopened it: the deadline of its tries counts from then
  job_id bigint,
  lease_token uuid,
  cursor text,
  provider text,
  provider_message_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  CONSTRAINT receipts_state CHECK (CASE
    WHEN state IN ('resolving', 'sending') THEN lease_token IS NOT NULL AND finished_at IS NULL
    WHEN state = 'pending' THEN lease_token IS NULL AND finished_at IS NULL
    WHEN state = 'waiting' THEN lease_token IS NULL AND finished_at IS NULL AND reason IS NOT NULL
    WHEN state IN ('sent', 'skipped', 'failed', 'expired', 'cancelled', 'uncertain', 'merged', 'expanded')
      THEN lease_token IS NULL AND finished_at IS NOT NULL AND reason IS NOT NULL
    ELSE false END)
) WITH (fillfactor = 60);
CREATE INDEX receipts_event ON carillon.receipts (event_id);
CREATE UNIQUE INDEX receipts_child ON carillon.receipts (root_id, recipient_key) WHERE root_id IS NOT NULL;
CREATE INDEX receipts_live ON carillon.receipts (priority, due_at) WHERE finished_at IS NULL;
-- Bulk is claimed straight from here, a share for each tenant. Rows of other priorities are not in it.
CREATE INDEX receipts_bulk ON carillon.receipts (transport, tenant, due_at) WHERE finished_at IS NULL AND priority = 3;

-- One row per claimed batch: the fence of its results, and the lock that orders record, expansion and reclaim.
CREATE TABLE carillon.leases (
  token uuid PRIMARY KEY,
  until timestamptz NOT NULL,
  worker text NOT NULL,
  receipts uuid[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Partitioned by the receipt's id, which is a UUIDv7 and so stands for its time: a look-up by id reads one partition.
CREATE TABLE carillon.attempts (
  receipt_id uuid NOT NULL,
  n integer NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('accepted', 'refused', 'unknown')),
  class text NOT NULL,
  code text,
  detail text,
  PRIMARY KEY (receipt_id, n)
) PARTITION BY RANGE (receipt_id);
CREATE TABLE carillon.attempts_default PARTITION OF carillon.attempts DEFAULT;

CREATE TABLE carillon.decisions (
  receipt_id uuid NOT NULL,
  decided_at timestamptz NOT NULL,
  verdicts jsonb NOT NULL,
  PRIMARY KEY (receipt_id, decided_at)
) PARTITION BY RANGE (receipt_id);
CREATE TABLE carillon.decisions_default PARTITION OF carillon.decisions DEFAULT;

CREATE TABLE carillon.contents (
  receipt_id uuid PRIMARY KEY,
  body jsonb NOT NULL,
  rendered_at timestamptz NOT NULL
) PARTITION BY RANGE (receipt_id);
CREATE TABLE carillon.contents_default PARTITION OF carillon.contents DEFAULT;

-- +goose StatementBegin
-- RFC 9562 §5.7: 48 bits of Unix milliseconds over a random UUIDv4, whose version nibble 4 becomes 7. The names in a
-- body of this form are bound now, so it needs no search_path of its own and can be inlined, which emit feels.
CREATE FUNCTION carillon.uuid7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN encode(
  set_bit(set_bit(
    overlay(uuid_send(gen_random_uuid())
      PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
      FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION carillon.uuid7_floor(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
  -- The smallest id that carillon.uuid7() can give at that moment.
  SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION carillon.ensure_partitions(ahead integer DEFAULT 2) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s' -- Whoever waits for the default partition makes others wait behind him.
AS $fn$
DECLARE
  parent text;
  month timestamp; -- of UTC: months of a timestamptz would be those of the session's time zone
  child text;
  low uuid;
  high uuid;
  made integer := 0;
BEGIN
  -- Two workers may ask at once; the second then finds them made.
  PERFORM pg_advisory_xact_lock(7341, 1);
  FOREACH parent IN ARRAY ARRAY['attempts', 'decisions', 'contents'] LOOP
    FOR i IN 0 .. ahead LOOP
      month := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i);
      child := parent || '_' || to_char(month, 'YYYYMM');
      CONTINUE WHEN to_regclass('carillon.' || child) IS NOT NULL;
      low := carillon.uuid7_floor(month AT TIME ZONE 'UTC');
      high := carillon.uuid7_floor((month + interval '1 month') AT TIME ZONE 'UTC');
      -- Attached rather than created in place, which would wait for everybody who uses the parent. A worker that comes
      -- late finds rows in the default partition; with them there, the new one could not be attached.
      EXECUTE format('LOCK TABLE carillon.%I IN ACCESS EXCLUSIVE MODE', parent || '_default');
      EXECUTE format('CREATE TABLE carillon.%I (LIKE carillon.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
      EXECUTE format('WITH late AS (DELETE FROM carillon.%I WHERE receipt_id >= %L AND receipt_id < %L RETURNING *)
                      INSERT INTO carillon.%I SELECT * FROM late', parent || '_default', low, high, child);
      EXECUTE format('ALTER TABLE carillon.%I ATTACH PARTITION carillon.%I FOR VALUES FROM (%L) TO (%L)',
        parent, child, low, high);
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END
$fn$;
-- +goose StatementEnd

SELECT carillon.ensure_partitions();

-- +goose Down
DROP FUNCTION carillon.ensure_partitions(integer);
DROP FUNCTION carillon.uuid7_floor(timestamptz);
DROP FUNCTION carillon.uuid7();
DROP TABLE carillon.contents;
DROP TABLE carillon.decisions;
DROP TABLE carillon.attempts;
DROP TABLE carillon.leases;
DROP TABLE carillon.receipts;
DROP TABLE carillon.events;
DROP TABLE carillon.declarations;
DROP TABLE carillon.schema_info;
