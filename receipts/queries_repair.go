package receipts

// A repair changes what the audit finds wanting, and only where the rows themselves say what is right. Each statement
// writes down which receipts it touched and what they left, like every other operation.

const sqlNoteRepaired = `
INSERT INTO carillon.operation_receipts (operation_id, receipt_id, left_state, left_reason, tries)
SELECT @operation, r.id, r.state, r.reason, r.tries FROM carillon.receipts r WHERE r.id = ANY(@ids::uuid[])
ON CONFLICT DO NOTHING`

const sqlCountRepaired = `
UPDATE carillon.operations
   SET changed = (SELECT count(*) FROM carillon.operation_receipts WHERE operation_id = @operation)
 WHERE id = @operation`

// sqlExpiredHeld lists what reclaim is about to take.
const sqlExpiredHeld = `
SELECT r.id
  FROM carillon.leases l JOIN carillon.receipts r ON r.lease_token = l.token
 WHERE l.until < coalesce(@now, clock_timestamp()) AND r.finished_at IS NULL`

// sqlRepairLeases gives a lease that is over to receipts whose lease is gone, so that reclaim takes them back like those of
// any lost worker. Nobody can be sending under a lease that is gone: renewing it would have failed.
const sqlRepairLeases = `
WITH r AS MATERIALIZED (
  SELECT id, lease_token FROM carillon.receipts r
   WHERE r.finished_at IS NULL AND r.lease_token IS NOT NULL
     AND NOT EXISTS (SELECT FROM carillon.leases l WHERE l.token = r.lease_token)),
i AS (
  INSERT INTO carillon.leases (token, until, worker, receipts, created_at)
  SELECT lease_token, '-infinity', 'repair', array_agg(id), coalesce(@now, now()) FROM r GROUP BY lease_token
  ON CONFLICT DO NOTHING)
SELECT id FROM r`

// sqlRepairLists makes leases list what they hold, and nothing that does not exist. Reclaim goes by the list. It returns
// the receipts that were missing from one.
const sqlRepairLists = `
WITH missing AS MATERIALIZED (
  SELECT l.token, array_agg(r.id) AS ids
    FROM carillon.leases l JOIN carillon.receipts r ON r.lease_token = l.token
   WHERE r.finished_at IS NULL AND r.id <> ALL(l.receipts)
   GROUP BY l.token),
u AS (
  UPDATE carillon.leases l
     SET receipts = ARRAY(SELECT listed FROM unnest(l.receipts) listed
                           WHERE EXISTS (SELECT FROM carillon.receipts r WHERE r.id = listed))
                    || coalesce((SELECT ids FROM missing m WHERE m.token = l.token), '{}')
   WHERE l.token IN (SELECT token FROM missing)
      OR EXISTS (SELECT FROM unnest(l.receipts) listed
                  WHERE NOT EXISTS (SELECT FROM carillon.receipts r WHERE r.id = listed)))
SELECT unnest(ids) FROM missing`

// sqlRepairFinished takes lease and missing time off receipts that are over. Only a table without its CHECK has such.
const sqlRepairFinished = `
UPDATE carillon.receipts
   SET lease_token = NULL, finished_at = coalesce(finished_at, @now, now()), job_id = NULL
 WHERE state = ANY(@terminal) AND (lease_token IS NOT NULL OR finished_at IS NULL)
RETURNING id`

// sqlRepairJobs deletes alarms of receipts that are over, but for one that River has in hand.
const sqlRepairJobs = `
WITH j AS MATERIALIZED (
  SELECT j.id, r.id AS receipt_id
    FROM carillon.river_job j
    JOIN carillon.receipts r
      ON r.id = CASE WHEN j.args ->> 'receipt' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                     THEN (j.args ->> 'receipt')::uuid END
   WHERE j.kind = 'carillon_receipt' AND j.state IN ('available', 'pending', 'retryable', 'scheduled')
     AND r.finished_at IS NOT NULL
     FOR UPDATE OF j SKIP LOCKED),
d AS (
  DELETE FROM carillon.river_job WHERE id IN (SELECT id FROM j))
SELECT DISTINCT receipt_id FROM j`

// sqlRepairOverdue makes receipts due that wait past their deadline; the next look finds them expired.
const sqlRepairOverdue = `
WITH o AS MATERIALIZED (
  SELECT r.id, r.job_id FROM carillon.receipts r
   WHERE r.finished_at IS NULL AND r.state IN ('pending', 'waiting') AND r.expires_at < coalesce(@now, now())
     AND r.due_at > r.expires_at
     FOR UPDATE SKIP LOCKED),
r AS (
  UPDATE carillon.receipts r
     SET due_at = r.expires_at, job_id = CASE WHEN r.priority < 3 THEN nextval('carillon.river_job_id_seq') END
    FROM o
   WHERE r.id = o.id AND r.state IN ('pending', 'waiting')
  RETURNING r.id, r.transport, r.priority, r.due_at, r.job_id, true AS live, o.job_id AS left_job),` + dropAlarms + `
j AS (` + sqlInsertJobs + `)
SELECT id FROM r`

const sqlLockRoots = `SELECT pg_advisory_xact_lock(7342)`

// sqlRepairRoots writes root receipts that are missing, where the declarations that are published tell which: they name
// as many channels as the event was emitted on, and all of its roots that are left. What the emit said of urgency is known
// from those alone.
const sqlRepairRoots = `
WITH e AS MATERIALIZED (
  SELECT e.id, e.tenant, greatest(e.at, e.created_at) AS due, d.channels,
         (SELECT min(s.priority) FROM carillon.receipts s WHERE s.event_id = e.id AND s.root_id IS NULL) AS urgency
    FROM carillon.events e JOIN carillon.declarations d ON d.event = e.name
   WHERE e.channels > (SELECT count(*) FROM carillon.receipts r WHERE r.event_id = e.id AND r.root_id IS NULL)
     AND jsonb_array_length(d.channels) = e.channels
     AND NOT EXISTS (SELECT FROM carillon.receipts r
                      WHERE r.event_id = e.id AND r.root_id IS NULL
                        AND NOT d.channels @> jsonb_build_array(jsonb_build_object('channel', r.channel)))),
r AS (
  INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, priority, due_at, send_at, expires_at,
                                 job_id)
  SELECT carillon.uuid7(), e.id, e.tenant, c.channel, c.transport, c.audience, coalesce(e.urgency, c.priority, 2::smallint),
         e.due, CASE WHEN c.delay > 0 THEN e.due + make_interval(secs => c.delay) END,
         CASE WHEN c.expires_after > 0
              THEN e.due + make_interval(secs => coalesce(c.delay, 0) + c.expires_after) END,
         CASE WHEN coalesce(e.urgency, c.priority, 2::smallint) < 3 THEN nextval('carillon.river_job_id_seq') END
    FROM e CROSS JOIN jsonb_to_recordset(e.channels) AS c(
      channel text, transport text, audience text, priority smallint, delay float8, expires_after float8)
   WHERE NOT EXISTS (SELECT FROM carillon.receipts x
                      WHERE x.event_id = e.id AND x.root_id IS NULL AND x.channel = c.channel)
  RETURNING id, transport, priority, due_at, job_id, true AS live),
j AS (` + sqlInsertJobs + `)
SELECT id FROM r`
