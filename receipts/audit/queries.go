package audit

// Every check lists the ids that fall short between these two. A row may fall short in two ways and still counts once.
const (
	sqlHead = `WITH short AS MATERIALIZED (SELECT DISTINCT id FROM (`

	sqlTail = `) x)
SELECT (SELECT count(*) FROM short), ARRAY(SELECT id FROM short ORDER BY id LIMIT @most)`
)

// sqlRootless reads both tables whole: what is missing has no index. An event counts its channels.
const sqlRootless = sqlHead + `
SELECT e.id::text AS id
  FROM carillon.events e
 WHERE NOT EXISTS (SELECT FROM carillon.receipts r WHERE r.event_id = e.id AND r.root_id IS NULL)
UNION ALL
SELECT e.id::text
  FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id
 WHERE r.root_id IS NULL
 GROUP BY e.id
HAVING count(*) <> e.channels OR count(*) <> count(DISTINCT r.channel)` + sqlTail

// sqlOrphans reads both tables whole.
const sqlOrphans = sqlHead + `
SELECT r.id::text AS id
  FROM carillon.receipts r
 WHERE NOT EXISTS (SELECT FROM carillon.events e WHERE e.id = r.event_id)
UNION ALL
SELECT c.id::text
  FROM carillon.receipts c LEFT JOIN carillon.receipts r ON r.id = c.root_id
 WHERE c.root_id IS NOT NULL
   AND (r.id IS NULL OR r.root_id IS NOT NULL OR r.event_id <> c.event_id OR r.channel <> c.channel)` + sqlTail

// sqlStuck wants what reclaim and reconcile look after, each with the grace on top. receipts_live serves it. What waits in
// a bulk lane is looked after by any permit there.
const sqlStuck = sqlHead + `
SELECT r.id::text AS id
  FROM carillon.receipts r
 WHERE r.finished_at IS NULL AND r.lease_token IS NOT NULL
   AND NOT EXISTS (SELECT FROM carillon.leases l
                    WHERE l.token = r.lease_token
                      AND l.until >= coalesce(@now, now()) - make_interval(secs => @grace))
UNION ALL
SELECT r.id::text
  FROM carillon.receipts r LEFT JOIN carillon.river_job j
    ON j.id = r.job_id AND j.kind = 'carillon_receipt' AND j.args ->> 'receipt' = r.id::text
 WHERE r.finished_at IS NULL AND r.priority IN (1, 2) AND r.lease_token IS NULL
   AND r.due_at < coalesce(@now, now()) - make_interval(secs => @grace)
   AND (j.id IS NULL
        OR CASE WHEN j.state IN ('available', 'scheduled', 'retryable')
                THEN j.scheduled_at > coalesce(@now, now()) + make_interval(secs => @grace)
                WHEN j.state = 'running'
                THEN j.attempted_at < coalesce(@now, now()) - make_interval(secs => @grace)
                ELSE true END)
UNION ALL
SELECT r.id::text
  FROM carillon.receipts r
 WHERE r.finished_at IS NULL AND r.priority = 3 AND r.lease_token IS NULL
   AND r.due_at < coalesce(@now, now()) - make_interval(secs => @grace)
   AND carillon.lane(r.transport, r.priority) NOT IN (
     SELECT j.queue FROM carillon.river_job j
      WHERE j.kind = 'carillon_receipt' AND j.args ? 'permit'
        AND CASE WHEN j.state IN ('available', 'scheduled', 'retryable')
                 THEN j.scheduled_at <= coalesce(@now, now()) + make_interval(secs => @grace)
                 WHEN j.state = 'running'
                 THEN j.attempted_at >= coalesce(@now, now()) - make_interval(secs => @grace)
                 ELSE false END)` + sqlTail

// sqlChildless looks for the child at which the cursor stopped: chunks commit in order, so that with the last child all
// are there. It reads the receipts whole, and receipts_child for each expanded one.
const sqlChildless = sqlHead + `
SELECT r.id::text AS id
  FROM carillon.receipts r
 WHERE r.state = 'expanded'
   AND NOT EXISTS (SELECT FROM carillon.receipts c WHERE c.root_id = r.id AND c.recipient_key = r.cursor)` + sqlTail

// sqlAcceptedTwice reads the attempts whole.
const sqlAcceptedTwice = sqlHead + `
SELECT a.receipt_id::text AS id
  FROM (SELECT receipt_id, n, lag(n) OVER (PARTITION BY receipt_id ORDER BY n) AS before
          FROM carillon.attempts
         WHERE outcome = 'accepted') a
 WHERE a.before IS NOT NULL
   AND NOT EXISTS (SELECT FROM carillon.attempts u
                    WHERE u.receipt_id = a.receipt_id AND u.outcome = 'unknown' AND u.n > a.before AND u.n < a.n)` + sqlTail

// sqlSentUnaccepted reads receipts and attempts whole.
const sqlSentUnaccepted = sqlHead + `
SELECT coalesce(r.id, a.receipt_id)::text AS id
  FROM (SELECT id FROM carillon.receipts WHERE state = 'sent') r
  FULL JOIN (SELECT DISTINCT receipt_id FROM carillon.attempts WHERE outcome = 'accepted') a ON a.receipt_id = r.id
 WHERE r.id IS NULL OR a.receipt_id IS NULL` + sqlTail

// sqlFinishedBusy reads receipts and jobs whole. A job that is left over after a loss goes when its time comes, for which
// there is the grace. A batch's lease goes on listing what it has finished, so that only the receipt's own word counts.
const sqlFinishedBusy = sqlHead + `
SELECT id::text AS id
  FROM carillon.receipts
 WHERE (finished_at IS NOT NULL) <> (state = ANY(@terminal)) OR (finished_at IS NOT NULL AND lease_token IS NOT NULL)
UNION ALL
SELECT r.id::text
  FROM carillon.river_job j
  JOIN carillon.receipts r
    ON r.id = CASE WHEN j.args ->> 'receipt' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                   THEN (j.args ->> 'receipt')::uuid END
 WHERE j.kind = 'carillon_receipt' AND j.state IN ('available', 'pending', 'retryable', 'scheduled')
   AND r.finished_at < coalesce(@now, now()) - make_interval(secs => @grace)` + sqlTail

// sqlUnnotified reads receipts and notifications whole.
const sqlUnnotified = sqlHead + `
SELECT coalesce(r.id, n.id)::text AS id
  FROM (SELECT id FROM carillon.receipts WHERE transport = @in_app AND state = 'sent') r
  FULL JOIN carillon.notifications n ON n.id = r.id
 WHERE r.id IS NULL OR n.id IS NULL` + sqlTail

// sqlMiscounted reads receipts, attempts and operations whole. It finds attempts of no receipt, too. What was tried before
// an operator had the receipt retried or reopened no longer counts.
const sqlMiscounted = sqlHead + `
SELECT coalesce(r.id, a.receipt_id)::text AS id
  FROM carillon.receipts r
  FULL JOIN (SELECT t.receipt_id,
                    count(*) FILTER (WHERE t.class <> ALL(@free::text[]) AND t.n > coalesce(anew.tries, 0)) AS cost
               FROM carillon.attempts t
               LEFT JOIN (SELECT x.receipt_id, max(x.tries) AS tries
                            FROM carillon.operation_receipts x JOIN carillon.operations o ON o.id = x.operation_id
                           WHERE o.action IN ('retry', 'reopen')
                           GROUP BY x.receipt_id) anew ON anew.receipt_id = t.receipt_id
              GROUP BY t.receipt_id) a ON a.receipt_id = r.id
 WHERE r.id IS NULL OR r.attempts <> coalesce(a.cost, 0)` + sqlTail

// sqlUnreasoned reads the receipts whole.
const sqlUnreasoned = sqlHead + `
SELECT id::text AS id
  FROM carillon.receipts
 WHERE (state, coalesce(reason, '')) NOT IN (
   SELECT state, reason FROM unnest(@states::text[], @reasons::text[]) AS allowed(state, reason))` + sqlTail

// sqlLooseLeases reads the leases, of which there are few, and through receipts_live the receipts that they hold. A lease
// that holds nothing any more is found by reclaim when it is over.
const sqlLooseLeases = sqlHead + `
SELECT l.token::text AS id
  FROM carillon.leases l JOIN carillon.receipts r ON r.lease_token = l.token
 WHERE r.finished_at IS NULL AND r.id <> ALL(l.receipts)
UNION ALL
SELECT l.token::text
  FROM carillon.leases l, unnest(l.receipts) AS listed(id)
 WHERE NOT EXISTS (SELECT FROM carillon.receipts r WHERE r.id = listed.id)
UNION ALL
SELECT l.token::text
  FROM carillon.leases l
 WHERE l.until < coalesce(@now, now()) - make_interval(secs => @grace)
   AND NOT EXISTS (SELECT FROM carillon.receipts r WHERE r.finished_at IS NULL AND r.lease_token = l.token)` + sqlTail

// sqlOverdue finds what is due only after its deadline. What is due already waits for a worker, who will find it expired. It leaves what is leased to its lease: a send that was begun in time may end late. receipts_live serves it.
const sqlOverdue = sqlHead + `
SELECT id::text AS id
  FROM carillon.receipts
 WHERE finished_at IS NULL AND lease_token IS NULL
   AND expires_at < coalesce(@now, now()) - make_interval(secs => @grace) AND due_at > expires_at` + sqlTail

const sqlEmitFailures = sqlHead + `
SELECT id::text AS id FROM carillon.emit_failures` + sqlTail
