package receipts

// Lock order everywhere: lease, then receipts, then jobs, and jobs only with SKIP LOCKED. Every statement re-checks
// the state it leaves in the UPDATE itself: a sub-query without a lock is judged on the snapshot before a lock wait, and
// one with a lock sees a newer row than the UPDATE begins from, whose CHECK is judged before it looks for a newer one.

// The sets of this statement are small and Postgres cannot know it, nor how large the tables are before their first ANALYZE.
// They are compared as arrays, because as joins they would be loops within loops.
const sqlClaim = `
WITH j AS MATERIALIZED (
  SELECT id, (args ->> 'receipt')::uuid AS receipt_id
    FROM carillon.river_job
   WHERE state = 'available' AND queue = @lane AND kind = 'carillon_receipt'
     AND scheduled_at <= coalesce(@now, now())
   ORDER BY priority, scheduled_at, id
   LIMIT @more
     FOR UPDATE SKIP LOCKED),
q AS MATERIALIZED (
  SELECT r.id, r.reason, r.job_id, r.crashes, r.due_at, r.crashes < 2 OR NOT @innocent AS eligible,
         r.state IN ('pending', 'waiting') AND r.due_at <= coalesce(@now, now()) AS ready,
         r.state IN ('pending', 'waiting') AND r.due_at > coalesce(@now, now()) AS early
    FROM carillon.receipts r
   WHERE r.id IN (SELECT unnest(@own::uuid[]) UNION ALL SELECT receipt_id FROM j)
     FOR UPDATE SKIP LOCKED),
t AS MATERIALIZED (` + sqlSuspectAlone + `),
d AS (
  DELETE FROM carillon.river_job
   WHERE id = ANY(ARRAY(
     SELECT j.id FROM j
      WHERE j.receipt_id = ANY(ARRAY(SELECT t.id FROM t WHERE t.claimable = t.ready AND NOT t.early))
         OR (j.receipt_id = ANY(ARRAY(SELECT t.id FROM t WHERE t.early))
             AND j.id <> ALL(ARRAY(SELECT t.job_id FROM t WHERE t.early)))))),` + sqlTakeClaimable

// sqlSuspectAlone chooses from the rows of q: all that are ready or, if there is a suspect among them, only that one. A
// suspect has lost two workers in a row, perhaps because it kills whoever works on it, perhaps because of the company it
// was in. sqlReclaim sets a receipt aside only if it was alone when it lost the third. A process that has one under way
// asks for the innocent only, because it would lose both.
const sqlSuspectAlone = `
  SELECT q.id, q.reason, q.crashes, q.job_id, q.ready, q.early,
         q.ready AND q.eligible AND (s.id IS NULL OR s.id = q.id) AS claimable
    FROM q LEFT JOIN (SELECT id FROM q WHERE ready AND eligible AND crashes > 1 ORDER BY due_at, id LIMIT 1) s ON true`

// sqlTakeClaimable leases the claimable rows of t, and returns them with their events.
const sqlTakeClaimable = `
c AS (
  UPDATE carillon.receipts r
     SET state = 'resolving', reason = NULL, lease_token = @token
    FROM t
   WHERE r.id = t.id AND t.claimable AND r.state IN ('pending', 'waiting')
  RETURNING r.id, r.event_id, r.root_id, r.channel, r.transport, r.audience, r.recipient, r.recipient_data, r.address,
            r.tenant, r.priority, r.state, r.attempts, r.due_at, r.send_at, r.expires_at, r.renewed_at, r.created_at, r.tries, r.cursor,
            r.unanswered, r.crashes > 1 AS suspect,
            coalesce(t.reason, '') AS waited_for),
l AS (
  INSERT INTO carillon.leases (token, until, worker, receipts, created_at)
  SELECT @token, coalesce(@now, clock_timestamp()) + make_interval(secs => @lease), @worker, array_agg(id),
         coalesce(@now, now())
    FROM c HAVING count(*) > 0)
SELECT c.id, c.event_id, c.root_id, c.channel, c.transport, c.audience, coalesce(c.recipient, '') AS recipient,
       c.recipient_data, coalesce(c.address, '') AS address, c.tenant, c.priority, c.state, c.attempts, c.due_at,
       c.send_at, c.expires_at, c.renewed_at, c.created_at, c.waited_for, c.tries, coalesce(c.cursor, '') AS cursor, c.unanswered, c.suspect,
       e.name, coalesce(e.resource_type, '') AS resource_type, coalesce(e.resource_id, '') AS resource_id,
       coalesce(e.actor, '') AS actor, e.data, coalesce(e.trace, '') AS trace, e.at, e.created_at AS event_created_at,
       coalesce(@now, now()) AS claimed_at
  FROM c JOIN carillon.events e ON e.id = c.event_id
 ORDER BY c.priority, c.due_at, c.id`

// sqlClaimBulk claims straight from the receipts, the same share for every tenant, and what some leave for the others. The
// work grows with the tenants in turn and what is claimed, not with what waits. It deletes as many permits as the claimed
// would have needed, but one: whoever claims goes on until the lane is dry.
const sqlClaimBulk = `
WITH RECURSIVE hop AS (
  (SELECT r.tenant, 1 AS n FROM carillon.receipts r
    WHERE r.finished_at IS NULL AND r.priority = 3 AND r.transport = @transport AND r.tenant >= @from_tenant
    ORDER BY r.tenant LIMIT 1)
  UNION ALL
  SELECT n.tenant, hop.n + 1
    FROM hop, LATERAL (
      SELECT r.tenant FROM carillon.receipts r
       WHERE r.finished_at IS NULL AND r.priority = 3 AND r.transport = @transport AND r.tenant > hop.tenant
       ORDER BY r.tenant LIMIT 1) n
   WHERE hop.n < 1000),
turn AS MATERIALIZED (
  SELECT hop.tenant, greatest(@more::integer / count(*) OVER (), 1) AS share FROM hop),
a AS MATERIALIZED (
  SELECT x.id, x.reason, x.crashes, x.due_at, turn.tenant, turn.share
    FROM turn, LATERAL (
      SELECT r.id, r.reason, r.crashes, r.due_at FROM carillon.receipts r
       WHERE r.finished_at IS NULL AND r.priority = 3 AND r.transport = @transport AND r.tenant = turn.tenant
         AND r.state IN ('pending', 'waiting') AND r.due_at <= coalesce(@now, now())
       ORDER BY r.due_at
       LIMIT turn.share
         FOR UPDATE SKIP LOCKED) x
   LIMIT @more),
rest AS MATERIALIZED (
  SELECT a.tenant, a.share, count(*) OVER () AS tenants, @more::integer - (SELECT count(*) FROM a) AS left_over
    FROM a GROUP BY a.tenant, a.share HAVING count(*) = a.share),
b AS MATERIALIZED (
  SELECT x.id, x.reason, x.crashes, x.due_at
    FROM rest, LATERAL (
      SELECT r.id, r.reason, r.crashes, r.due_at FROM carillon.receipts r
       WHERE r.finished_at IS NULL AND r.priority = 3 AND r.transport = @transport AND r.tenant = rest.tenant
         AND r.state IN ('pending', 'waiting') AND r.due_at <= coalesce(@now, now())
       ORDER BY r.due_at
       LIMIT (rest.left_over + rest.tenants - 1) / rest.tenants OFFSET rest.share
         FOR UPDATE SKIP LOCKED) x
   LIMIT (SELECT max(left_over) FROM rest)),
q AS MATERIALIZED (
  SELECT x.id, x.reason, x.crashes, x.due_at, x.crashes < 2 OR NOT @innocent AS eligible, NULL::bigint AS job_id,
         true AS ready, false AS early
    FROM (SELECT id, reason, crashes, due_at FROM a UNION SELECT id, reason, crashes, due_at FROM b) x),
t AS MATERIALIZED (` + sqlSuspectAlone + `),
p AS MATERIALIZED (
  SELECT id, args, row_number() OVER () AS place
    FROM (SELECT id, args FROM carillon.river_job
           WHERE state = 'available' AND queue = @lane AND kind = 'carillon_receipt'
             AND scheduled_at <= coalesce(@now, now()) AND args ? 'permit' AND EXISTS (SELECT FROM t WHERE claimable)
           ORDER BY priority, scheduled_at, id
           LIMIT @more
             FOR UPDATE SKIP LOCKED) x),
d AS (
  DELETE FROM carillon.river_job
   WHERE id IN (SELECT id FROM (SELECT id, place, sum((args ->> 'permit')::integer) OVER (ORDER BY place) AS worth FROM p) x
                 WHERE place > 1 AND worth <= (SELECT count(*) FROM t WHERE claimable))),
` + sqlTakeClaimable

// sqlOwedBulk names a tenant of whom something is due and free in a bulk lane.
const sqlOwedBulk = `
WITH RECURSIVE hop AS (
  (SELECT r.tenant FROM carillon.receipts r
    WHERE r.finished_at IS NULL AND r.priority = 3 AND r.transport = @transport
    ORDER BY r.tenant LIMIT 1)
  UNION ALL
  SELECT n.tenant
    FROM hop, LATERAL (
      SELECT r.tenant FROM carillon.receipts r
       WHERE r.finished_at IS NULL AND r.priority = 3 AND r.transport = @transport AND r.tenant > hop.tenant
       ORDER BY r.tenant LIMIT 1) n)
SELECT hop.tenant
  FROM hop
 WHERE EXISTS (
   SELECT FROM carillon.receipts r
    WHERE r.finished_at IS NULL AND r.priority = 3 AND r.transport = @transport AND r.tenant = hop.tenant
      AND r.state IN ('pending', 'waiting') AND r.due_at <= coalesce(@now, now()))
 LIMIT 1`

// sqlOwn asks after a receipt whose job fired but which the claim did not return.
const sqlOwn = `
SELECT state, coalesce(job_id, 0) AS job_id, finished_at IS NOT NULL AS finished
  FROM carillon.receipts
 WHERE id = @id`

const sqlBodies = `
SELECT receipt_id, body, rendered_at FROM carillon.contents WHERE receipt_id = ANY(@ids)`

// The arrays of sqlBind are sub-queries for the reason that sqlRecord gives.
const sqlBind = `
WITH h AS (
  SELECT token FROM carillon.leases WHERE token = @token FOR UPDATE),
x AS (
  SELECT * FROM unnest((SELECT @ids::uuid[]), (SELECT @recipients::text[]), (SELECT @addresses::text[]),
                       (SELECT @policies::text[]), (SELECT @bodies::jsonb[]), (SELECT @rendered::timestamptz[]))
    AS x(id, recipient, address, on_unknown, body, rendered_at)),
r AS (
  UPDATE carillon.receipts r
     SET state = 'sending', tries = tries + 1,
         recipient = nullif(x.recipient, ''), address = nullif(x.address, ''), on_unknown = nullif(x.on_unknown, '')
    FROM h, x
   WHERE r.id = x.id AND r.lease_token = h.token AND r.state = 'resolving'
  RETURNING r.id, r.tries, x.body, x.rendered_at),
c AS (
  INSERT INTO carillon.contents (receipt_id, body, rendered_at)
  SELECT r.id, r.body, r.rendered_at FROM r WHERE r.body IS NOT NULL
  ON CONFLICT (receipt_id) DO NOTHING)
SELECT id, tries FROM r`
