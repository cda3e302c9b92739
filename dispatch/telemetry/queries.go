package telemetry

// sqlWatch answers in rows of (what, a, b, value). It is bounded whatever waits: it looks at no more than @window live
// receipts, through receipts_live, and at no more than @window fetchable jobs of each lane, through River's own index.
// A lane whose oldest receipt is not among the former is found through its jobs.
const sqlWatch = `
WITH live AS MATERIALIZED (
  SELECT transport, priority, state, coalesce(reason, '') AS reason, due_at, lease_token IS NULL AS free
    FROM carillon.receipts
   WHERE finished_at IS NULL
   ORDER BY due_at
   LIMIT @window),
lane AS (
  SELECT x.name, x.transport, x.priority
    FROM unnest(@lanes::text[], @transports::text[], @priorities::smallint[]) AS x(name, transport, priority)),
jobs AS MATERIALIZED (
  SELECT lane.transport, lane.priority, j.n, j.oldest
    FROM lane,
         LATERAL (
           SELECT count(*) AS n, min(k.scheduled_at) AS oldest
             FROM (SELECT scheduled_at FROM carillon.river_job
                    WHERE state = 'available' AND queue = lane.name
                    ORDER BY priority, scheduled_at, id
                    LIMIT @window) k) j),
due AS (
  SELECT transport, priority, due_at FROM live WHERE free AND due_at <= now()
  UNION ALL
  SELECT transport, priority, oldest FROM jobs WHERE oldest <= now()
  UNION ALL
  SELECT transport, priority, NULL FROM lane),
trouble AS (
  SELECT transport, CASE WHEN until > now() THEN 'open' ELSE 'half_open' END AS state, 1 AS n FROM carillon.breakers
  UNION ALL
  SELECT x.transport, s.state, 0 FROM unnest(@transports::text[]) AS x(transport), (VALUES ('open'), ('half_open')) AS s(state)),
held AS (
  SELECT transport, 1 AS n FROM carillon.budgets WHERE held_until > now()
  UNION ALL
  SELECT x.transport, 0 FROM unnest(@transports::text[]) AS x(transport))
SELECT 'due' AS what, CASE WHEN transport = ANY(@transports) THEN transport ELSE '' END AS a, priority::text AS b,
       coalesce(max(extract(epoch FROM now() - due_at)), 0)::float8 AS value
  FROM due GROUP BY 2, 3
UNION ALL
SELECT 'live', state, reason, count(*)::float8 FROM live GROUP BY 2, 3
UNION ALL
SELECT 'jobs', transport, priority::text, n::float8 FROM jobs
UNION ALL
SELECT 'breaker', CASE WHEN transport = ANY(@transports) THEN transport ELSE '' END, state, sum(n)::float8 FROM trouble GROUP BY 2, 3
UNION ALL
SELECT 'held', CASE WHEN transport = ANY(@transports) THEN transport ELSE '' END, '', sum(n)::float8 FROM held GROUP BY 2
UNION ALL
SELECT 'lease', '', '', coalesce(max(extract(epoch FROM now() - created_at)), 0)::float8 FROM carillon.leases
UNION ALL
SELECT 'overdue', '', '', greatest(max(extract(epoch FROM now() - until)), 0)::float8 FROM carillon.leases
UNION ALL
SELECT 'dead', relname, '', n_dead_tup::float8 FROM pg_catalog.pg_stat_all_tables
 WHERE schemaname = 'carillon' AND relname IN ('receipts', 'river_job', 'leases', 'events')
UNION ALL
SELECT 'ratio', relname, '', (n_dead_tup::float8 / greatest(n_live_tup + n_dead_tup, 1)) FROM pg_catalog.pg_stat_all_tables
 WHERE schemaname = 'carillon' AND relname IN ('receipts', 'river_job', 'leases', 'events')
UNION ALL
SELECT 'notify', '', '', pg_notification_queue_usage()
UNION ALL
SELECT 'xmin', '', '', greatest(
  (SELECT max(extract(epoch FROM clock_timestamp() - xact_start)) FROM pg_catalog.pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker'
      AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)),
  (SELECT max(extract(epoch FROM clock_timestamp() - prepared)) FROM pg_catalog.pg_prepared_xacts
    WHERE database = current_database()),
  0)::float8`
