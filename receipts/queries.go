package receipts

// Lock order everywhere: lease, then receipts, then jobs, and jobs only with SKIP LOCKED. Every statement re-checks
// the state it leaves in the UPDATE itself, because a sub-query is judged on the snapshot before a lock wait.

const sqlClaim = `
WITH j AS MATERIALIZED (
  SELECT id, (args ->> 'receipt')::uuid AS receipt_id
    FROM carillon.river_job
   WHERE state = 'available' AND queue = @lane AND kind = 'carillon_receipt'
     AND scheduled_at <= coalesce(@now, now())
   ORDER BY priority, scheduled_at, id
   LIMIT @more
     FOR UPDATE SKIP LOCKED),
t AS MATERIALIZED (
  SELECT r.id, r.state, r.reason, r.job_id,
         r.state IN ('pending', 'waiting') AND r.due_at <= coalesce(@now, now()) AS claimable,
         r.state IN ('pending', 'waiting') AND r.due_at > coalesce(@now, now()) AS early
    FROM carillon.receipts r
   WHERE r.id IN (SELECT unnest(@own::uuid[]) UNION ALL SELECT receipt_id FROM j)
     FOR UPDATE SKIP LOCKED),
d AS (
  DELETE FROM carillon.river_job x USING j, t
   WHERE x.id = j.id AND t.id = j.receipt_id AND NOT (t.early AND t.job_id = x.id)),
c AS (
  UPDATE carillon.receipts r
     SET state = 'resolving', reason = NULL, lease_token = @token
    FROM t
   WHERE r.id = t.id AND t.claimable
  RETURNING r.id, r.event_id, r.root_id, r.channel, r.transport, r.audience, r.recipient, r.recipient_data, r.address,
            r.tenant, r.priority, r.state, r.attempts, r.due_at, r.send_at, r.expires_at, r.created_at, r.tries, r.cursor,
            coalesce(t.reason, '') AS waited_for),
l AS (
  INSERT INTO carillon.leases (token, until, worker, receipts, created_at)
  SELECT @token, coalesce(@now, clock_timestamp()) + make_interval(secs => @lease), @worker, array_agg(id),
         coalesce(@now, now())
    FROM c HAVING count(*) > 0)
SELECT c.id, c.event_id, c.root_id, c.channel, c.transport, c.audience, coalesce(c.recipient, '') AS recipient,
       c.recipient_data, coalesce(c.address, '') AS address, c.tenant, c.priority, c.state, c.attempts, c.due_at,
       c.send_at, c.expires_at, c.created_at, c.waited_for, c.tries, coalesce(c.cursor, '') AS cursor,
       e.name, coalesce(e.resource_type, '') AS resource_type, coalesce(e.resource_id, '') AS resource_id,
       coalesce(e.actor, '') AS actor, e.data, coalesce(e.trace, '') AS trace, e.at, e.created_at AS event_created_at,
       coalesce(@now, now()) AS claimed_at
  FROM c JOIN carillon.events e ON e.id = c.event_id
 ORDER BY c.priority, c.due_at, c.id`

// sqlOwn asks after a receipt whose job fired but which the claim did not return.
const sqlOwn = `
SELECT state, coalesce(job_id, 0) AS job_id, finished_at IS NOT NULL AS finished
  FROM carillon.receipts
 WHERE id = @id`

const sqlBodies = `
SELECT receipt_id, body, rendered_at FROM carillon.contents WHERE receipt_id = ANY(@ids)`

const sqlBind = `
WITH h AS (
  SELECT token FROM carillon.leases WHERE token = @token FOR UPDATE),
x AS (
  SELECT * FROM unnest(@ids::uuid[], @recipients::text[], @addresses::text[], @bodies::jsonb[], @rendered::timestamptz[])
    AS x(id, recipient, address, body, rendered_at)),
r AS (
  UPDATE carillon.receipts r
     SET state = 'sending', tries = tries + 1,
         recipient = nullif(x.recipient, ''), address = nullif(x.address, '')
    FROM h, x
   WHERE r.id = x.id AND r.lease_token = h.token AND r.state = 'resolving'
  RETURNING r.id, r.tries),
c AS (
  INSERT INTO carillon.contents (receipt_id, body, rendered_at)
  SELECT x.id, x.body, x.rendered_at FROM x JOIN r USING (id) WHERE x.body IS NOT NULL
  ON CONFLICT (receipt_id) DO NOTHING)
SELECT id, tries FROM r`

const sqlRecord = `
WITH h AS (
  SELECT token FROM carillon.leases WHERE token = @token FOR UPDATE),
x AS (
  SELECT * FROM unnest(
      @ids::uuid[], @states::text[], @reasons::text[], @waits::float8[], @costs::boolean[],
      @recipients::text[], @addresses::text[], @providers::text[], @message_ids::text[], @data::jsonb[], @verdicts::jsonb[],
      @outcomes::text[], @classes::text[], @codes::text[], @details::text[], @started::timestamptz[], @finished::timestamptz[])
    AS x(id, state, reason, wait, cost, recipient, address, provider, message_id, data, verdicts,
         outcome, class, code, detail, started_at, finished_at)),
r AS (
  UPDATE carillon.receipts r
     SET state = x.state, reason = nullif(x.reason, ''), lease_token = NULL, crashes = 0,
         attempts = r.attempts + x.cost::int,
         tries = r.tries + (x.outcome <> '' AND r.state = 'resolving')::int,
         recipient = coalesce(nullif(x.recipient, ''), r.recipient),
         address = coalesce(nullif(x.address, ''), r.address),
         recipient_data = coalesce(x.data, r.recipient_data),
         provider = coalesce(nullif(x.provider, ''), r.provider),
         provider_message_id = coalesce(nullif(x.message_id, ''), r.provider_message_id),
         finished_at = CASE WHEN x.state <> 'waiting' THEN coalesce(@now, now()) END,
         due_at = CASE WHEN x.state <> 'waiting' THEN r.due_at
                       WHEN x.reason = 'delayed' AND r.send_at IS NOT NULL THEN r.send_at
                       ELSE coalesce(@now, now()) + make_interval(secs => x.wait) END,
         job_id = CASE WHEN x.state = 'waiting' THEN nextval('carillon.river_job_id_seq') END
    FROM h, x
   WHERE r.id = x.id AND r.lease_token = h.token
     AND ((r.state = 'sending' AND x.state <> 'expanded')
          OR (r.state = 'resolving' AND x.state NOT IN ('sent', 'uncertain')))
  RETURNING r.id, r.state, r.tries, r.transport, r.priority, r.due_at, r.job_id),
a AS (
  INSERT INTO carillon.attempts (receipt_id, n, started_at, finished_at, outcome, class, code, detail)
  SELECT r.id, r.tries, x.started_at, x.finished_at, x.outcome, x.class, nullif(x.code, ''), nullif(x.detail, '')
    FROM r JOIN x USING (id) WHERE x.outcome <> ''),
v AS (
  INSERT INTO carillon.decisions (receipt_id, decided_at, verdicts)
  SELECT r.id, coalesce(@now, clock_timestamp()), x.verdicts FROM r JOIN x USING (id) WHERE x.verdicts IS NOT NULL
  ON CONFLICT DO NOTHING),
j AS (` + sqlInsertJobs + ` WHERE r.state = 'waiting'),
l AS (
  DELETE FROM carillon.leases l
   WHERE l.token = @token AND @last
     AND NOT EXISTS (SELECT 1 FROM carillon.receipts o
                      WHERE o.id = ANY(l.receipts) AND o.lease_token = @token AND o.id NOT IN (SELECT id FROM r)))
SELECT id FROM r`

// sqlInsertJobs sets the alarms of the rows of r. What is due within five seconds is available with a future time, as
// River itself does for short waits, so that no leader has to promote it.
const sqlInsertJobs = `
  INSERT INTO carillon.river_job (id, args, kind, max_attempts, priority, queue, scheduled_at, state)
  SELECT r.job_id, jsonb_build_object('receipt', r.id), 'carillon_receipt', 25, r.priority,
         carillon.lane(r.transport, r.priority), r.due_at,
         CASE WHEN r.due_at > coalesce(@now, now()) + interval '5 seconds'
              THEN 'scheduled' ELSE 'available' END::carillon.river_job_state
    FROM r`

// sqlLockLease keeps a lease from being reclaimed, but not from being renewed: all leases of a process are renewed by one
// statement, which must not wait for the one whose transaction takes long.
const sqlLockLease = `
SELECT receipts FROM carillon.leases WHERE token = @token FOR KEY SHARE`

const sqlHeld = `
SELECT id FROM carillon.receipts
 WHERE id = ANY(@ids) AND lease_token = @token AND state = 'sending'
 ORDER BY id
   FOR UPDATE`

const sqlExpandChunk = `
WITH h AS (
  SELECT token FROM carillon.leases WHERE token = @token FOR UPDATE),
root AS (
  UPDATE carillon.receipts r
     SET cursor = @cursor, crashes = 0
    FROM h
   WHERE r.id = @root AND r.lease_token = h.token AND r.state = 'resolving'
  RETURNING r.id, r.event_id, r.tenant, r.channel, r.transport, r.audience, r.priority, r.send_at, r.expires_at),
r AS (
  INSERT INTO carillon.receipts (id, event_id, root_id, recipient_key, tenant, channel, transport, audience, recipient,
                                 address, recipient_data, priority, state, reason, due_at, send_at, expires_at, job_id)
  SELECT carillon.uuid7(), root.event_id, root.id, x.key, root.tenant, root.channel, root.transport, root.audience,
         nullif(x.recipient, ''), nullif(x.address, ''), x.data, root.priority,
         CASE WHEN root.send_at > coalesce(@now, now()) THEN 'waiting' ELSE 'pending' END,
         CASE WHEN root.send_at > coalesce(@now, now()) THEN 'delayed' END,
         greatest(root.send_at, coalesce(@now, now())), root.send_at, root.expires_at,
         nextval('carillon.river_job_id_seq')
    FROM root, unnest(@keys::text[], @recipients::text[], @addresses::text[], @data::jsonb[])
      AS x(key, recipient, address, data)
  ON CONFLICT (root_id, recipient_key) WHERE root_id IS NOT NULL DO NOTHING
  RETURNING id, transport, priority, due_at, job_id),
j AS (` + sqlInsertJobs + `)
SELECT (SELECT count(*) FROM root) AS roots,
       (SELECT count(*) FROM (SELECT carillon.wake(array_agg(DISTINCT carillon.lane(transport, priority))) FROM r HAVING count(*) > 0) w) AS woken`

const sqlRenew = `
UPDATE carillon.leases
   SET until = coalesce(@now, clock_timestamp()) + make_interval(secs => @lease)
 WHERE token = ANY(@tokens) AND until > coalesce(@now, clock_timestamp())
RETURNING token`

const sqlReclaim = `
WITH l AS (
  DELETE FROM carillon.leases
   WHERE token IN (SELECT token FROM carillon.leases WHERE until < coalesce(@now, clock_timestamp())
                    ORDER BY until LIMIT 20 FOR UPDATE SKIP LOCKED)
  RETURNING token, receipts, created_at),
o AS MATERIALIZED (
  SELECT r.id, r.state, l.created_at AS leased_at FROM carillon.receipts r, l
   WHERE r.id = ANY(l.receipts) AND r.lease_token = l.token
   ORDER BY r.id FOR UPDATE OF r),
r AS (
  UPDATE carillon.receipts r
     SET state = CASE WHEN r.crashes + 1 >= @poison THEN 'failed' ELSE 'waiting' END,
         reason = CASE WHEN r.crashes + 1 >= @poison THEN 'poison' ELSE 'reclaimed' END,
         crashes = r.crashes + 1,
         attempts = r.attempts + (r.state = 'sending')::int,
         lease_token = NULL,
         finished_at = CASE WHEN r.crashes + 1 >= @poison THEN coalesce(@now, now()) END,
         due_at = CASE WHEN r.crashes + 1 >= @poison THEN r.due_at ELSE coalesce(@now, now()) END,
         job_id = CASE WHEN r.crashes + 1 < @poison THEN nextval('carillon.river_job_id_seq') END
    FROM l, o
   WHERE r.id = o.id AND r.lease_token = l.token AND r.state IN ('resolving', 'sending')
  RETURNING r.id, r.state, r.tries, r.transport, r.priority, r.due_at, r.job_id, o.state AS left_state, o.leased_at),
a AS (
  INSERT INTO carillon.attempts (receipt_id, n, started_at, finished_at, outcome, class, detail)
  SELECT id, tries, leased_at, coalesce(@now, now()), 'unknown', 'unknown', 'the worker was lost; its lease expired'
    FROM r WHERE left_state = 'sending'
  ON CONFLICT DO NOTHING),
j AS (` + sqlInsertJobs + ` WHERE r.state = 'waiting')
SELECT id FROM r`

const sqlReconcile = `
WITH s AS (
  SELECT r.id FROM carillon.receipts r LEFT JOIN carillon.river_job j ON j.id = r.job_id
   WHERE r.finished_at IS NULL AND r.state IN ('pending', 'waiting')
     AND r.due_at < coalesce(@now, now()) - make_interval(secs => @grace)
     AND (j.id IS NULL OR j.state IN ('completed', 'discarded', 'cancelled')
          OR (j.state = 'running' AND j.attempted_at < coalesce(@now, now()) - make_interval(secs => @grace))
          OR (j.state IN ('scheduled', 'retryable')
              AND j.scheduled_at > coalesce(@now, now()) + make_interval(secs => @grace)))
   ORDER BY r.due_at LIMIT 1000 FOR UPDATE OF r SKIP LOCKED),
r AS (
  UPDATE carillon.receipts r SET job_id = nextval('carillon.river_job_id_seq')
    FROM s WHERE r.id = s.id
  RETURNING r.id, r.transport, r.priority, r.due_at, r.job_id),
j AS (` + sqlInsertJobs + `)
SELECT id FROM r`

// sqlPromote makes due jobs fetchable without River's leader. It asks for each lane, priority and state apart, which is
// how River's index is ordered: jobs of a far future are then not even looked at.
const sqlPromote = `
WITH due AS MATERIALIZED (
  SELECT job.id
    FROM unnest(@lanes::text[]) lane, generate_series(1, 3) urgency,
         unnest('{scheduled,retryable}'::carillon.river_job_state[]) asleep,
         LATERAL (
           SELECT id FROM carillon.river_job
            WHERE state = asleep AND queue = lane AND priority = urgency AND kind = 'carillon_receipt'
              AND scheduled_at <= coalesce(@now, now())
            ORDER BY scheduled_at, id
            LIMIT 1000
              FOR UPDATE SKIP LOCKED) job),
p AS (
  UPDATE carillon.river_job SET state = 'available' WHERE id = ANY(ARRAY(SELECT id FROM due)) RETURNING queue)
SELECT count(*) AS promoted, carillon.wake(array_agg(DISTINCT queue)) IS NULL AS woken FROM p`

const receiptColumns = `
r.id, r.event_id, r.root_id, r.channel, r.transport, r.audience, coalesce(r.recipient, '') AS recipient,
r.recipient_data, coalesce(r.address, '') AS address, r.tenant, r.priority, r.state, coalesce(r.reason, '') AS reason,
r.attempts, r.due_at, r.send_at, r.expires_at, coalesce(r.provider, '') AS provider,
coalesce(r.provider_message_id, '') AS provider_message_id, r.created_at, r.finished_at`

const eventColumns = `
e.id, e.tenant, e.name, coalesce(e.resource_type, '') AS resource_type, coalesce(e.resource_id, '') AS resource_id,
coalesce(e.actor, '') AS actor, e.data, coalesce(e.idempotency_key, '') AS idempotency_key, e.at,
coalesce(e.trace, '') AS trace, e.created_at`

// The cursor compares ids, which are UUIDv7 and so in order of creation.
const sqlList = `
SELECT ` + receiptColumns + `
  FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id
 WHERE (r.state <> 'expanded' OR @expanded)
   AND (@state = '' OR r.state = @state)
   AND (@transport = '' OR r.transport = @transport)
   AND (@recipient = '' OR r.recipient = @recipient)
   AND (@event = '' OR e.name = @event)
   AND (@event_id::uuid IS NULL OR r.event_id = @event_id)
   AND (@before::uuid IS NULL OR r.id < @before)
 ORDER BY r.id DESC
 LIMIT @limit`

const sqlGet = `SELECT ` + receiptColumns + ` FROM carillon.receipts r WHERE r.id = @id`

const sqlFindReceipts = `SELECT id FROM carillon.receipts WHERE right(id::text, 8) = @suffix LIMIT 2`

const sqlFindEvents = `SELECT id FROM carillon.events WHERE right(id::text, 8) = @suffix LIMIT 2`

const sqlGetEvent = `SELECT ` + eventColumns + ` FROM carillon.events e WHERE e.id = @id`

const sqlOfEvent = `
SELECT ` + receiptColumns + ` FROM carillon.receipts r WHERE r.event_id = @event_id ORDER BY r.id`

const sqlAttempts = `
SELECT n, started_at, finished_at, outcome, class, coalesce(code, '') AS code, coalesce(detail, '') AS detail
  FROM carillon.attempts
 WHERE receipt_id = @id
 ORDER BY n`

const sqlDecisions = `
SELECT decided_at, verdicts FROM carillon.decisions WHERE receipt_id = @id ORDER BY decided_at`

const sqlEnsurePartitions = `SELECT carillon.ensure_partitions()`

// sqlOfRecipient takes, beside the recipient's own, the roots that name nobody.
const sqlOfRecipient = `
SELECT ` + receiptColumns + `
  FROM carillon.receipts r
 WHERE r.event_id = @event_id
   AND (r.recipient = @recipient
        OR (r.recipient IS NULL AND r.address = @recipient)
        OR (r.recipient IS NULL AND r.address IS NULL AND r.root_id IS NULL AND r.state <> 'expanded'))
 ORDER BY r.id`
