-- +goose Up

-- What carillon.try_emit could not emit, so that a trigger that spares the caller still leaves a trace.
CREATE TABLE carillon.emit_failures (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text,
  data jsonb,
  options jsonb,
  sqlstate text NOT NULL,
  message text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- +goose StatementBegin
CREATE FUNCTION carillon.lane(transport text, priority smallint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $fn$
  SELECT transport || CASE priority WHEN 1 THEN '_critical' WHEN 3 THEN '_bulk' ELSE '_default' END
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION carillon.slot_lock(slot text) RETURNS boolean
LANGUAGE sql VOLATILE
AS $fn$
  -- A NOTIFY in every transaction would serialise commits. One per set of lanes and 10 ms is enough: a try-lock on the
  -- slot decides who speaks, nobody waits, and the worker's second look and its poll catch whoever was silenced. A
  -- transaction speaks once, at its end; without that a long one would fill the server's lock table slot by slot.
  SELECT CASE WHEN slot IS NULL OR strpos(coalesce(current_setting('carillon.woken', true), ''), slot) > 0 THEN false
              ELSE pg_try_advisory_xact_lock(7341,
                     hashtext(slot) # (extract(epoch FROM clock_timestamp()) * 100)::bigint::bit(32)::int) END
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION carillon.announce(slot text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  -- The same notification twice in one transaction is sent once.
  PERFORM pg_notify('carillon.river_insert', jsonb_build_object('queue', lane)::text)
    FROM unnest(string_to_array(trim(slot, '<>'), '/')) lane;
  PERFORM set_config('carillon.woken', coalesce(current_setting('carillon.woken', true), '') || slot, true);
END
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION carillon.wake(lanes text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  IF carillon.slot_lock('<' || array_to_string(lanes, '/') || '>') THEN
    PERFORM carillon.announce('<' || array_to_string(lanes, '/') || '>');
  END IF;
END
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION carillon.check_emit(data jsonb, options jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  unknown jsonb;
BEGIN
  IF data IS NULL OR jsonb_typeof(data) <> 'object' THEN
    RAISE EXCEPTION 'event data is not a JSON object' USING ERRCODE = 'CN004';
  END IF;
  IF octet_length(data::text) > 262144 THEN
    RAISE EXCEPTION 'event data is larger than 256 KiB' USING ERRCODE = 'CN004',
      HINT = 'emit a reference and look the rest up when rendering';
  END IF;
  IF jsonb_typeof(options) <> 'object' THEN
    RAISE EXCEPTION 'emit options are not a JSON object' USING ERRCODE = 'CN003';
  END IF;
  unknown := options - '{tenant,actor,idempotency_key,at,resource_type,resource_id,priority,trace}'::text[];
  IF unknown <> '{}' THEN
    RAISE EXCEPTION 'unknown emit option: %', (SELECT string_agg(key, ', ') FROM jsonb_object_keys(unknown) key)
      USING ERRCODE = 'CN003',
      HINT = 'options are tenant, actor, idempotency_key, at, resource_type, resource_id, priority, trace';
  END IF;
  -- An infinite time, or one past the year 9999, could be stored, but not be read by a worker, who would be stopped by it.
  -- A channel's delay and the event's expiry add two years at most.
  IF NOT (options ->> 'at')::timestamptz >= '0001-01-01 00:00:00Z' OR NOT (options ->> 'at')::timestamptz < '9997-01-01 00:00:00Z' THEN
    RAISE EXCEPTION 'emit option at is outside the years 1 to 9996' USING ERRCODE = 'CN003';
  END IF;
  IF EXISTS (SELECT FROM jsonb_each_text(options) o WHERE octet_length(o.value) > 255) THEN
    RAISE EXCEPTION 'an emit option is longer than 255 bytes' USING ERRCODE = 'CN003';
  END IF;
  IF options ->> 'priority' NOT IN ('', 'critical', 'default', 'bulk') THEN
    RAISE EXCEPTION 'unknown priority' USING ERRCODE = 'CN003', HINT = 'one of critical, default, bulk';
  END IF;
END
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION carillon.emit_event(
  name text, data jsonb, options jsonb, channels jsonb,
  OUT event_id uuid, OUT duplicate boolean, OUT conflict boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
-- An expression of plpgsql is made ready anew in every transaction, and this function is called in most of the
-- application's. So the usual call evaluates few: one that finds nothing to look into, one statement, two results.
DECLARE
  slot text;
  speaks boolean;
BEGIN
  IF (CASE WHEN jsonb_typeof(data) = 'object' AND jsonb_typeof(emit_event.options) = 'object'
           THEN octet_length(data::text) <= 262144 AND octet_length(emit_event.options::text) <= 255
                AND emit_event.options - '{tenant,actor,idempotency_key,resource_type,resource_id,trace}'::text[] = '{}'
      END) IS NOT TRUE THEN
    PERFORM carillon.check_emit(data, options);
  END IF;

  WITH ev AS (
    INSERT INTO carillon.events (id, tenant, name, resource_type, resource_id, actor, data, idempotency_key, at, trace,
                                 channels)
    VALUES (carillon.uuid7(), coalesce(emit_event.options ->> 'tenant', ''), emit_event.name,
            nullif(emit_event.options ->> 'resource_type', ''), nullif(emit_event.options ->> 'resource_id', ''),
            nullif(emit_event.options ->> 'actor', ''), emit_event.data,
            nullif(emit_event.options ->> 'idempotency_key', ''), (emit_event.options ->> 'at')::timestamptz,
            nullif(emit_event.options ->> 'trace', ''), jsonb_array_length(emit_event.channels))
    ON CONFLICT (tenant, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING id, tenant, at),
  ch AS MATERIALIZED (
    SELECT ev.id AS event_id, ev.tenant, c.channel, c.transport, c.audience,
           coalesce(CASE emit_event.options ->> 'priority'
                      WHEN 'critical' THEN 1::smallint WHEN 'default' THEN 2::smallint WHEN 'bulk' THEN 3::smallint END,
                    c.priority, 2::smallint) AS priority,
           greatest(ev.at, now()) AS due,
           c.delay, c.expires_after,
           carillon.uuid7() AS id,
           nextval('carillon.river_job_id_seq') AS alarm_id
      FROM ev CROSS JOIN jsonb_to_recordset(emit_event.channels) AS c(
        channel text, transport text, audience text, priority smallint,
        delay double precision, expires_after double precision)),
  rc AS (
    INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, priority,
                                   due_at, send_at, expires_at, job_id)
    SELECT id, event_id, tenant, channel, transport, audience, priority, due,
           CASE WHEN delay > 0 THEN due + make_interval(secs => delay) END,
           CASE WHEN expires_after > 0
                THEN due + make_interval(secs => coalesce(delay, 0) + expires_after) END,
           CASE WHEN priority < 3 THEN alarm_id END
      FROM ch),
  jb AS (
    INSERT INTO carillon.river_job (id, args, kind, max_attempts, priority, queue, scheduled_at, state)
    -- A job of a bulk lane is a permit to claim there, and belongs to no receipt.
    SELECT alarm_id, CASE WHEN priority < 3 THEN jsonb_build_object('receipt', id) ELSE '{"permit": 1}' END, 'carillon_receipt', 25, priority,
           carillon.lane(transport, priority), due,
           CASE WHEN due > now() THEN 'scheduled' ELSE 'available' END::carillon.river_job_state
      FROM ch),
  w AS MATERIALIZED (
    SELECT '<' || string_agg(carillon.lane(transport, priority), '/') || '>' AS slot FROM ch WHERE due <= now())
  SELECT ev.id, false, false, w.slot, carillon.slot_lock(w.slot)
    INTO event_id, duplicate, conflict, slot, speaks
    FROM ev, w;

  IF speaks THEN
    PERFORM carillon.announce(slot);
  ELSIF event_id IS NULL THEN
    -- The key is taken. A statement of its own, so that it sees a winner that committed while we waited.
    SELECT e.id, same, NOT same INTO event_id, duplicate, conflict
      FROM carillon.events e
     CROSS JOIN LATERAL (SELECT e.name = emit_event.name AND e.data = emit_event.data
                            AND e.resource_type IS NOT DISTINCT FROM nullif(emit_event.options ->> 'resource_type', '')
                            AND e.resource_id IS NOT DISTINCT FROM nullif(emit_event.options ->> 'resource_id', '')
                            AND e.at IS NOT DISTINCT FROM (emit_event.options ->> 'at')::timestamptz AS same) s
     WHERE e.tenant = coalesce(emit_event.options ->> 'tenant', '')
       AND e.idempotency_key = emit_event.options ->> 'idempotency_key';
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the event with that idempotency key was removed meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;
END
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION carillon.emit(
  name text, data jsonb DEFAULT '{}', options jsonb DEFAULT '{}',
  OUT event_id uuid, OUT duplicate boolean, OUT conflict boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  declared record;
BEGIN
  SELECT d.channels, d.resource_type INTO declared FROM carillon.declarations d WHERE d.event = emit.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'event % is not published', quote_literal(emit.name) USING ERRCODE = 'CN001',
      HINT = 'declare it and run: carillon publish';
  END IF;
  SELECT e.event_id, e.duplicate, e.conflict INTO event_id, duplicate, conflict
    FROM carillon.emit_event(emit.name, emit.data,
           CASE WHEN declared.resource_type IS NULL OR jsonb_typeof(emit.options) <> 'object' THEN emit.options
                ELSE jsonb_build_object('resource_type', declared.resource_type) || coalesce(emit.options, '{}') END,
           declared.channels) e;
END
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION carillon.try_emit(
  name text, data jsonb DEFAULT '{}', options jsonb DEFAULT '{}',
  OUT event_id uuid, OUT duplicate boolean, OUT conflict boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  SELECT e.event_id, e.duplicate, e.conflict INTO event_id, duplicate, conflict
    FROM carillon.emit(try_emit.name, try_emit.data, try_emit.options) e;
  IF conflict THEN
    INSERT INTO carillon.emit_failures (name, data, options, sqlstate, message)
    VALUES (try_emit.name, try_emit.data, try_emit.options, 'CN002', 'the idempotency key belongs to another event');
  END IF;
EXCEPTION WHEN OTHERS THEN
  event_id := NULL;
  duplicate := false;
  conflict := false;
  INSERT INTO carillon.emit_failures (name, data, options, sqlstate, message)
  VALUES (try_emit.name, try_emit.data, try_emit.options, SQLSTATE, SQLERRM);
END
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION carillon.emit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $fn$
-- Arguments: event, 'strict' or 'try', the columns that make the payload as a JSON array, the column of the
-- resource's id or '', the column of the tenant or ''.
DECLARE
  changed jsonb;
  payload jsonb;
  options jsonb;
BEGIN
  IF TG_WHEN <> 'AFTER' OR TG_LEVEL <> 'ROW' OR TG_OP NOT IN ('INSERT', 'UPDATE') THEN
    RAISE EXCEPTION 'carillon.emit_row is for triggers after insert or update, for each row'
      USING ERRCODE = 'trigger_protocol_violated';
  END IF;
  changed := to_jsonb(NEW);
  SELECT coalesce(jsonb_object_agg(col, changed -> col), '{}') INTO payload
    FROM jsonb_array_elements_text(TG_ARGV[2]::jsonb) col;
  options := jsonb_strip_nulls(jsonb_build_object(
    'resource_id', changed ->> nullif(TG_ARGV[3], ''),
    'tenant', changed ->> nullif(TG_ARGV[4], '')));
  IF TG_ARGV[1] = 'strict' THEN
    PERFORM carillon.emit(TG_ARGV[0], payload, options);
  ELSE
    PERFORM carillon.try_emit(TG_ARGV[0], payload, options);
  END IF;
  RETURN NULL;
END
$fn$;
-- +goose StatementEnd

-- Two GIN indexes of River's serve searches by arguments and metadata, which nothing here does: a receipt knows the id of
-- its job. They cost the caller's transaction about a tenth of an emit, and every retry its share.
DROP INDEX carillon.river_job_args_index;
DROP INDEX carillon.river_job_metadata_index;

-- River's own functions are in this schema too. An application's role is granted what it needs by name.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA carillon FROM PUBLIC;

-- +goose Down
CREATE INDEX river_job_metadata_index ON carillon.river_job USING gin (metadata);
CREATE INDEX river_job_args_index ON carillon.river_job USING gin (args);
DROP FUNCTION carillon.emit_row() CASCADE;
DROP FUNCTION carillon.try_emit(text, jsonb, jsonb);
DROP FUNCTION carillon.emit(text, jsonb, jsonb);
DROP FUNCTION carillon.emit_event(text, jsonb, jsonb, jsonb);
DROP FUNCTION carillon.check_emit(jsonb, jsonb);
DROP FUNCTION carillon.wake(text[]);
DROP FUNCTION carillon.announce(text);
DROP FUNCTION carillon.slot_lock(text);
DROP FUNCTION carillon.lane(text, smallint);
DROP TABLE carillon.emit_failures;
