package receipts

const sqlRenew = `
UPDATE carillon.leases
   SET until = coalesce(@now, clock_timestamp()) + make_interval(secs => @lease)
 WHERE token = ANY(@tokens) AND until > coalesce(@now, clock_timestamp())
RETURNING token`

// sqlExpired is asked often, and costs next to nothing while nobody is lost.
const sqlExpired = `
SELECT EXISTS (SELECT FROM carillon.leases WHERE until < coalesce(@now, clock_timestamp()))`

// sqlReclaim takes what expired leases hold. A receipt may have cost its worker the life if it was being sent; or if its
// batch had not come as far as a send, for then it was in the stages that a batch goes through together. Once there are
// sends, what has not begun only waits for a sender.
//
// The jobs that the lost worker had fetched, and for which it had not claimed, fire again in another: River's name of a
// worker begins with ours.
const sqlReclaim = `
WITH l AS (
  DELETE FROM carillon.leases
   WHERE token IN (SELECT token FROM carillon.leases WHERE until < coalesce(@now, clock_timestamp())
                    ORDER BY until LIMIT 20 FOR UPDATE SKIP LOCKED)
  RETURNING token, receipts, created_at, worker, until),
held AS MATERIALIZED (
  SELECT r.id, r.state, r.crashes, r.on_unknown, l.token, l.created_at AS leased_at, cardinality(l.receipts) = 1 AS alone
    FROM carillon.receipts r, l
   WHERE r.id = ANY(l.receipts) AND r.lease_token = l.token
   ORDER BY r.id FOR UPDATE OF r),
g AS MATERIALIZED (
  SELECT l.token, EXISTS (SELECT FROM held WHERE held.token = l.token AND held.state = 'sending')
         OR EXISTS (SELECT FROM carillon.receipts s WHERE s.id = ANY(l.receipts) AND s.state = 'sent') AS sends
    FROM l),
b AS MATERIALIZED (
  SELECT held.id, held.token, held.state, held.crashes, held.on_unknown, held.leased_at, held.alone,
         (held.state = 'sending' OR NOT g.sends)::int AS blame
    FROM held JOIN g USING (token)),
o AS MATERIALIZED (
  SELECT b.id, b.token, b.state, b.leased_at, b.blame,
         CASE WHEN b.state = 'sending' AND b.on_unknown = 'park' THEN 'uncertain'
              WHEN b.crashes + b.blame >= @poison AND b.alone THEN 'failed' ELSE 'waiting' END AS becomes
    FROM b),
r AS (
  UPDATE carillon.receipts r
     SET state = o.becomes,
         reason = CASE o.becomes WHEN 'uncertain' THEN 'answer_lost' WHEN 'failed' THEN 'poison' ELSE 'reclaimed' END,
         crashes = r.crashes + o.blame,
         attempts = r.attempts + (r.state = 'sending')::int,
         unanswered = r.unanswered OR r.state = 'sending',
         lease_token = NULL,
         finished_at = CASE WHEN o.becomes <> 'waiting' THEN coalesce(@now, now()) END,
         due_at = CASE WHEN o.becomes <> 'waiting' THEN r.due_at ELSE coalesce(@now, now()) END,
         job_id = CASE WHEN o.becomes = 'waiting' AND r.priority < 3 THEN nextval('carillon.river_job_id_seq') END
    FROM o
   WHERE r.id = o.id AND r.lease_token = o.token AND r.state IN ('resolving', 'sending')
  RETURNING r.id, r.event_id, r.state, r.reason, r.tries, r.transport, r.priority, r.due_at, r.job_id, r.finished_at IS NULL AS live, o.state AS left_state, o.leased_at),
a AS (
  INSERT INTO carillon.attempts (receipt_id, n, started_at, finished_at, outcome, class, detail)
  SELECT id, tries, leased_at, coalesce(@now, now()), 'unknown', 'unknown', 'the worker was lost; its lease expired'
    FROM r WHERE left_state = 'sending'
  ON CONFLICT DO NOTHING),
j AS (` + sqlInsertJobs + `),
f AS (
  UPDATE carillon.river_job SET state = 'available'
   WHERE id = ANY(ARRAY(
     SELECT x.id FROM carillon.river_job x
      WHERE x.state = 'running' AND x.kind = 'carillon_receipt'
        AND EXISTS (SELECT FROM l WHERE starts_with(x.attempted_by[cardinality(x.attempted_by)], l.worker || '/')
                                    AND x.attempted_at < l.until)
        FOR UPDATE SKIP LOCKED)))
SELECT r.id, (SELECT e.name FROM carillon.events e WHERE e.id = r.event_id), r.transport, r.state, r.reason FROM r`

const sqlReconcile = `
WITH s AS (
  SELECT r.id FROM carillon.receipts r
    LEFT JOIN carillon.river_job j
      ON j.id = r.job_id AND j.kind = 'carillon_receipt' AND j.args ->> 'receipt' = r.id::text
   WHERE r.finished_at IS NULL AND r.priority IN (1, 2) AND r.state IN ('pending', 'waiting')
     AND r.due_at < coalesce(@now, now()) - make_interval(secs => @grace)
     AND (j.id IS NULL OR j.state IN ('completed', 'discarded', 'cancelled')
          OR (j.state = 'running' AND j.attempted_at < coalesce(@now, now()) - make_interval(secs => @grace))
          OR (j.state IN ('scheduled', 'retryable')
              AND j.scheduled_at > coalesce(@now, now()) + make_interval(secs => @grace)))
   ORDER BY r.due_at LIMIT 1000 FOR UPDATE OF r SKIP LOCKED),
r AS (
  UPDATE carillon.receipts r SET job_id = nextval('carillon.river_job_id_seq')
    FROM s WHERE r.id = s.id
  RETURNING r.id, r.transport, r.priority, r.due_at, r.job_id, true AS live),
j AS (` + sqlInsertJobs + `)
SELECT id FROM r`

// sqlReconcileBulk looks at each tenant of each transport in turn, and gives a lane a permit if somebody in it has been due
// for long and no job is about to look: none that will fire in time, and none that was fetched a moment ago.
const sqlReconcileBulk = `
WITH RECURSIVE hop AS (
  (SELECT r.transport, r.tenant FROM carillon.receipts r
    WHERE r.finished_at IS NULL AND r.priority = 3
    ORDER BY r.transport, r.tenant LIMIT 1)
  UNION ALL
  SELECT n.transport, n.tenant
    FROM hop, LATERAL (
      SELECT r.transport, r.tenant FROM carillon.receipts r
       WHERE r.finished_at IS NULL AND r.priority = 3 AND (r.transport, r.tenant) > (hop.transport, hop.tenant)
       ORDER BY r.transport, r.tenant LIMIT 1) n),
late AS (
  SELECT DISTINCT ON (hop.transport) hop.transport, o.id
    FROM hop, LATERAL (
      SELECT r.id FROM carillon.receipts r
       WHERE r.finished_at IS NULL AND r.priority = 3 AND r.transport = hop.transport AND r.tenant = hop.tenant
         AND r.state IN ('pending', 'waiting') AND r.due_at < coalesce(@now, now()) - make_interval(secs => @grace)
       ORDER BY r.due_at LIMIT 1) o
   ORDER BY hop.transport, hop.tenant),
s AS (
  SELECT late.transport, late.id FROM late
   WHERE NOT EXISTS (
     SELECT FROM carillon.river_job j
      WHERE j.queue = carillon.lane(late.transport, 3::smallint) AND j.kind = 'carillon_receipt' AND j.args ? 'permit'
        AND (j.state IN ('available', 'scheduled', 'retryable')
               AND j.scheduled_at <= coalesce(@now, now()) + make_interval(secs => @grace)
             OR j.state = 'running' AND j.attempted_at >= coalesce(@now, now()) - make_interval(secs => @grace)))),
j AS (
  INSERT INTO carillon.river_job (args, kind, max_attempts, priority, queue, scheduled_at, state)
  SELECT '{"permit": 500}', 'carillon_receipt', 25, 3, carillon.lane(transport, 3::smallint), coalesce(@now, now()), 'available'
    FROM s)
SELECT id FROM s`

// sqlLanes hops over River's index from queue to queue, and reads one row of each.
const sqlLanes = `
WITH RECURSIVE hop AS (
  SELECT s.state, (SELECT min(j.queue) FROM carillon.river_job j WHERE j.state = s.state) AS queue
    FROM unnest('{available,scheduled,retryable}'::carillon.river_job_state[]) AS s(state)
  UNION ALL
  SELECT hop.state, (SELECT min(j.queue) FROM carillon.river_job j WHERE j.state = hop.state AND j.queue > hop.queue)
    FROM hop WHERE hop.queue IS NOT NULL)
SELECT DISTINCT queue FROM hop WHERE queue IS NOT NULL ORDER BY queue`

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

const sqlEnsurePartitions = `SELECT carillon.ensure_partitions()`
