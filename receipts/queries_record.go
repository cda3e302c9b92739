package receipts

// The arrays are sub-queries so that Postgres estimates a batch alike however many it has. It then keeps one plan; to plan
// anew each time would take longer than to record.
const sqlRecord = `
WITH h AS (
  SELECT token FROM carillon.leases WHERE token = @token FOR UPDATE),
x AS (
  SELECT * FROM unnest(
      (SELECT @ids::uuid[]), (SELECT @states::text[]), (SELECT @reasons::text[]), (SELECT @waits::float8[]),
      (SELECT @costs::boolean[]), (SELECT @answered::boolean[]), (SELECT @recipients::text[]), (SELECT @addresses::text[]),
      (SELECT @providers::text[]), (SELECT @message_ids::text[]), (SELECT @data::jsonb[]), (SELECT @verdicts::jsonb[]),
      (SELECT @outcomes::text[]), (SELECT @classes::text[]), (SELECT @codes::text[]), (SELECT @details::text[]),
      (SELECT @started::timestamptz[]), (SELECT @finished::timestamptz[]))
    AS x(id, state, reason, wait, cost, answered, recipient, address, provider, message_id, data, verdicts,
         outcome, class, code, detail, started_at, finished_at)),
r AS (
  UPDATE carillon.receipts r
     SET state = x.state, reason = nullif(x.reason, ''), lease_token = NULL, crashes = 0,
         attempts = r.attempts + x.cost::int,
         unanswered = (r.unanswered AND NOT x.answered) OR x.outcome = 'unknown',
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
         job_id = CASE WHEN x.state = 'waiting' AND r.priority < 3 THEN nextval('carillon.river_job_id_seq') END
    FROM h, x
   WHERE r.id = x.id AND r.lease_token = h.token
     AND ((r.state = 'sending' AND x.state <> 'expanded')
          OR (r.state = 'resolving' AND x.state <> 'sent'))
  RETURNING r.id, r.state, r.tries, r.transport, r.priority, r.due_at, r.job_id, r.finished_at IS NULL AS live,
            x.started_at, x.finished_at AS ended_at, x.outcome, x.class, x.code, x.detail, x.verdicts),
a AS (
  INSERT INTO carillon.attempts (receipt_id, n, started_at, finished_at, outcome, class, code, detail)
  SELECT r.id, r.tries, r.started_at, r.ended_at, r.outcome, r.class, nullif(r.code, ''), nullif(r.detail, '')
    FROM r WHERE r.outcome <> ''),
v AS (
  INSERT INTO carillon.decisions (receipt_id, decided_at, verdicts)
  SELECT r.id, coalesce(@now, clock_timestamp()), r.verdicts FROM r WHERE r.verdicts IS NOT NULL
  ON CONFLICT DO NOTHING),
j AS (` + sqlInsertJobs + `),
l AS (
  DELETE FROM carillon.leases l
   WHERE l.token = @token AND (SELECT @last::boolean)
     AND NOT EXISTS (SELECT 1 FROM carillon.receipts o
                      WHERE o.id = ANY(l.receipts) AND o.lease_token = @token AND o.id NOT IN (SELECT id FROM r)))
SELECT id FROM r`

// sqlInsertJobs sets the alarms of the live rows of r. What is due within five seconds is available with a future time, as
// River itself does for short waits, so that no leader has to promote it.
//
// Bulk receipts have no job of their own: those of a transport that are due in the same second share one for each 500 of
// them, a permit to claim in their lane until it is dry.
const sqlInsertJobs = `
  INSERT INTO carillon.river_job (id, args, kind, max_attempts, priority, queue, scheduled_at, state)
  SELECT a.id, a.args, 'carillon_receipt', 25, a.priority, carillon.lane(a.transport, a.priority), a.due_at,
         CASE WHEN a.due_at > coalesce(@now, now()) + interval '5 seconds'
              THEN 'scheduled' ELSE 'available' END::carillon.river_job_state
    FROM (SELECT job_id AS id, jsonb_build_object('receipt', r.id) AS args, r.transport, r.priority, r.due_at
            FROM r WHERE r.job_id IS NOT NULL
          UNION ALL
          SELECT nextval('carillon.river_job_id_seq'), jsonb_build_object('permit', p.size), p.transport, p.priority, p.due_at
            FROM (SELECT b.transport, b.priority, max(b.due_at) AS due_at, count(*) AS size
                    FROM (SELECT r.transport, r.priority, r.due_at, ceil(extract(epoch FROM r.due_at)) AS second,
                                 row_number() OVER (PARTITION BY r.transport, ceil(extract(epoch FROM r.due_at))) - 1 AS place
                            FROM r WHERE r.live AND r.priority = 3) b
                   GROUP BY b.transport, b.priority, b.second, b.place / 500) p) a`

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
         CASE WHEN root.priority < 3 THEN nextval('carillon.river_job_id_seq') END
    FROM root, unnest(@keys::text[], @recipients::text[], @addresses::text[], @data::jsonb[])
      AS x(key, recipient, address, data)
  ON CONFLICT (root_id, recipient_key) WHERE root_id IS NOT NULL DO NOTHING
  RETURNING id, transport, priority, due_at, job_id, true AS live),
j AS (` + sqlInsertJobs + `)
SELECT (SELECT count(*) FROM root) AS roots,
       (SELECT count(*) FROM (SELECT carillon.wake(array_agg(DISTINCT carillon.lane(transport, priority))) FROM r HAVING count(*) > 0) w) AS woken`
