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

// bounds keep to ids, which are UUIDv7 and so in order of creation. They are never NULL, so that the primary key serves
// them under any plan.
const (
	bounds = `
   AND r.id >= carillon.uuid7_floor(greatest(@since::timestamptz, 'epoch'))
   AND r.id < CASE WHEN @until::timestamptz IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'
                   ELSE carillon.uuid7_floor(greatest(@until, 'epoch')) END
   AND r.id < coalesce(@before::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')`

	receiptFilter = `
       (r.state <> 'expanded' OR @expanded)
   AND (@ids::uuid[] IS NULL OR r.id = ANY(@ids))
   AND (@state = '' OR r.state = @state)
   AND (@reason = '' OR r.reason = @reason)
   AND (@transport = '' OR r.transport = @transport)
   AND (@channel = '' OR r.channel = @channel)
   AND (@recipient = '' OR r.recipient = @recipient OR (r.recipient IS NULL AND r.address = @recipient))
   AND (@tenant::text IS NULL OR r.tenant = @tenant)
   AND (@event_id::uuid IS NULL OR r.event_id = @event_id)
   AND (@provider_id = '' OR r.provider_message_id = @provider_id)
   AND (NOT @by_event OR EXISTS (
         SELECT FROM carillon.events e
          WHERE e.id = r.event_id
            AND (@event = '' OR e.name = @event)
            AND (@resource_type = '' OR e.resource_type = @resource_type)
            AND (@resource_id = '' OR e.resource_id = @resource_id)
            AND (@actor = '' OR e.actor = @actor)))
   AND (@error = '' OR strpos(lower((
         SELECT concat_ws(' ', a.code, a.detail) FROM carillon.attempts a
          WHERE a.receipt_id = r.id ORDER BY a.n DESC LIMIT 1)), lower(@error)) > 0)` + bounds
)

const sqlList = `
SELECT ` + receiptColumns + `
  FROM carillon.receipts r
 WHERE` + receiptFilter + `
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

const sqlCount = `
SELECT r.state, coalesce(r.reason, '') AS reason, count(*) AS count
  FROM carillon.receipts r
 WHERE` + receiptFilter + `
 GROUP BY r.state, r.reason
 ORDER BY r.state, r.reason`

const sqlListIDs = `
SELECT r.id
  FROM carillon.receipts r
 WHERE r.state = ANY(@in::text[]) AND` + receiptFilter + `
 ORDER BY r.id DESC
 LIMIT @limit`

// sqlTail looks at new ids again for a while, because a transaction that began earlier may commit later.
const sqlTail = `
WITH low AS MATERIALIZED (
  SELECT carillon.uuid7_floor(greatest(@from, coalesce(@now, clock_timestamp()) - make_interval(secs => @overlap))) AS id)
SELECT ` + receiptColumns + `
  FROM carillon.receipts r
 WHERE r.id > @after
   AND r.id IN (
     SELECT id FROM carillon.receipts WHERE id >= (SELECT id FROM low)
     UNION SELECT unnest(@known::uuid[])
     UNION SELECT receipt_id FROM carillon.operation_receipts WHERE operation_id >= (SELECT id FROM low))
   AND` + receiptFilter + `
 ORDER BY r.id
 LIMIT @limit`

const sqlStats = `
SELECT transport, state, coalesce(reason, '') AS reason, count(*) AS count,
       count(*) FILTER (WHERE finished_at > coalesce(@now, now()) - interval '1 hour') AS finished_last_hour,
       extract(epoch FROM coalesce(@now, now()) - min(due_at) FILTER (
         WHERE state IN ('pending', 'waiting') AND due_at <= coalesce(@now, now())))::float8 AS oldest_due_seconds
  FROM carillon.receipts
 WHERE state <> 'expanded'
 GROUP BY transport, state, reason
 ORDER BY transport, state, reason`

// sqlListEvents names the events' id as the bounds do.
const sqlListEvents = `
SELECT ` + eventColumns + `
  FROM carillon.events e CROSS JOIN LATERAL (SELECT e.id) r
 WHERE (@name = '' OR e.name = @name)
   AND (@tenant::text IS NULL OR e.tenant = @tenant)
   AND (@resource_type = '' OR e.resource_type = @resource_type)
   AND (@resource_id = '' OR e.resource_id = @resource_id)
   AND (@actor = '' OR e.actor = @actor)
   AND (@key = '' OR e.idempotency_key = @key)` + bounds + `
 ORDER BY e.id DESC
 LIMIT @limit`

// An operation locks unleased receipts in the order of their ids, and a leased one only while it holds no other, so that
// it waits for nobody who waits for it. Nothing changes without the row that says who and why.

const sqlStartOperation = `
INSERT INTO carillon.operations (id, action, operator, reason, filter, matched, created_at)
VALUES (carillon.uuid7(), @action, @operator, @reason, @filter, @matched, coalesce(@now, now()))
RETURNING id, action, operator, reason, filter, matched, changed, created_at`

// sqlLocked is how every operation begins: with the receipts that it may move, locked.
const sqlLocked = `
WITH op AS (
  SELECT id FROM carillon.operations WHERE id = @operation),
o AS MATERIALIZED (
  SELECT r.id, r.state, r.reason, r.job_id
    FROM carillon.receipts r
   WHERE r.id = ANY(@ids::uuid[]) AND r.state = ANY(@from::text[])
   ORDER BY r.id
     FOR UPDATE),`

// dropAlarms deletes the jobs of the rows of r, unless River has one in hand: that one will find nothing to claim.
const dropAlarms = `
g AS (
  SELECT id FROM carillon.river_job
   WHERE id IN (SELECT left_job FROM r) AND state IN ('available', 'scheduled', 'retryable')
     FOR UPDATE SKIP LOCKED),
d AS (
  DELETE FROM carillon.river_job WHERE id IN (SELECT id FROM g)),`

// noteOperation writes down what the rows of r left, and returns them.
const noteOperation = `
p AS (
  INSERT INTO carillon.operation_receipts (operation_id, receipt_id, left_state, left_reason, tries)
  SELECT @operation, r.id, r.left_state, r.left_reason, r.tries FROM r
  ON CONFLICT DO NOTHING),
n AS (
  UPDATE carillon.operations SET changed = changed + (SELECT count(*) FROM r) WHERE id = @operation)
SELECT r.id, r.left_state, coalesce(r.left_reason, '') AS left_reason, r.renewed,
       (SELECT count(*) FROM (
          SELECT carillon.wake(array_agg(DISTINCT carillon.lane(transport, priority))) FROM r
           WHERE job_id IS NOT NULL HAVING count(*) > 0) w) AS woken
  FROM r
 ORDER BY r.id`

const sqlCancel = sqlLocked + `
r AS (
  UPDATE carillon.receipts r
     SET state = 'cancelled', reason = 'operator', finished_at = coalesce(@now, now()), lease_token = NULL, job_id = NULL
    FROM o, op
   WHERE r.id = o.id AND r.state = ANY(@from::text[])
  RETURNING r.id, r.transport, r.priority, r.job_id, r.tries, o.job_id AS left_job, o.state AS left_state,
            o.reason AS left_reason, false AS renewed),` + dropAlarms + noteOperation

const sqlSendNow = sqlLocked + `
r AS (
  UPDATE carillon.receipts r
     SET state = 'pending', reason = NULL, due_at = least(r.due_at, coalesce(@now, now())),
         send_at = CASE WHEN r.send_at <= coalesce(@now, now()) THEN r.send_at END,
         job_id = nextval('carillon.river_job_id_seq')
    FROM o, op
   WHERE r.id = o.id AND r.state = ANY(@from::text[])
  RETURNING r.id, r.transport, r.priority, r.due_at, r.job_id, r.tries, o.job_id AS left_job, o.state AS left_state,
            o.reason AS left_reason, false AS renewed),
j AS (` + sqlInsertJobs + `),` + dropAlarms + noteOperation

// sqlReopen keeps what was stored of content and recipient, but for what the receipt failed over. A fixed address that
// came from the audience is asked for again; a child's own cannot be.
const sqlReopen = sqlLocked + `
r AS (
  UPDATE carillon.receipts r
     SET state = 'pending', reason = NULL, attempts = 0, crashes = 0, finished_at = NULL, due_at = coalesce(@now, now()),
         expires_at = CASE WHEN o.state <> 'expired' AND r.expires_at > coalesce(@now, now()) THEN r.expires_at END,
         address = CASE WHEN o.reason = 'bad_address' AND (r.recipient IS NOT NULL OR r.root_id IS NULL)
                        THEN NULL ELSE r.address END,
         recipient_data = CASE WHEN o.reason = 'bad_address' AND r.recipient IS NULL AND r.root_id IS NULL
                               THEN NULL ELSE r.recipient_data END,
         job_id = nextval('carillon.river_job_id_seq')
    FROM o, op
   WHERE r.id = o.id AND r.state = ANY(@from::text[])
  RETURNING r.id, r.transport, r.priority, r.due_at, r.job_id, r.tries, o.state AS left_state, o.reason AS left_reason,
            o.reason IN ('render', 'bad_address') AS renewed),
c AS (
  DELETE FROM carillon.contents c USING r WHERE c.receipt_id = r.id AND c.receipt_id = ANY(@ids::uuid[]) AND r.renewed),
j AS (` + sqlInsertJobs + `),` + noteOperation

// sqlStates asks after receipts that an operation left alone.
const sqlStates = `
SELECT id, state, coalesce(reason, '') AS reason
  FROM carillon.receipts
 WHERE id = ANY(@ids::uuid[])
 ORDER BY id`

const sqlOperations = `
SELECT o.id, o.action, o.operator, o.reason, o.filter, o.matched, o.changed, o.created_at, x.left_state,
       coalesce(x.left_reason, '') AS left_reason
  FROM carillon.operation_receipts x JOIN carillon.operations o ON o.id = x.operation_id
 WHERE x.receipt_id = @id
 ORDER BY o.id`
