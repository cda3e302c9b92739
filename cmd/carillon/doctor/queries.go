package doctor

const sqlServer = `
SELECT current_setting('server_version_num')::int,
       current_setting('server_version'),
       current_setting('fsync'),
       current_setting('full_page_writes'),
       current_setting('synchronous_commit'),
       pg_backend_pid()`

const sqlClock = `SELECT clock_timestamp()`

// sqlMissingPartitions asks for this month and the next, which are named as carillon.ensure_partitions names them.
const sqlMissingPartitions = `
SELECT coalesce(array_agg(name ORDER BY name), '{}')
  FROM (SELECT parent || '_' || to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead), 'YYYYMM')
          FROM unnest('{attempts,contents,decisions}'::text[]) AS parents(parent), generate_series(0, 1) AS months(ahead)) AS x(name)
 WHERE to_regclass('carillon.' || name) IS NULL`

const sqlFilledDefaults = `
SELECT coalesce(array_agg(name ORDER BY name) FILTER (WHERE filled), '{}')
  FROM (VALUES ('attempts_default', EXISTS (SELECT FROM carillon.attempts_default)),
               ('contents_default', EXISTS (SELECT FROM carillon.contents_default)),
               ('decisions_default', EXISTS (SELECT FROM carillon.decisions_default))) AS x(name, filled)`

// sqlBacklog is served by receipts_live.
const sqlBacklog = `
SELECT count(*), coalesce(extract(epoch FROM now() - min(due_at)), 0)::float8
  FROM carillon.receipts
 WHERE finished_at IS NULL AND lease_token IS NULL AND due_at <= now()`

// sqlLeases leaves those out that a worker is about to reclaim, and tells of the others how old the oldest is.
const sqlLeases = `
SELECT count(*) FILTER (WHERE until < now() - interval '30 seconds'),
       coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE until >= now())), 0)::float8
  FROM carillon.leases`

const sqlPush = `
SELECT count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE state = 'refused') FROM carillon.push_subscriptions`

// sqlOldestTransaction is about those whose snapshot or writes hold back a vacuum in this database. Of whom, no more is
// told than what a session calls itself.
const sqlOldestTransaction = `
SELECT coalesce(max(age), 0)::float8, coalesce((array_agg(who ORDER BY age DESC))[1], '')
  FROM (SELECT extract(epoch FROM clock_timestamp() - xact_start) AS age,
               'process ' || pid || coalesce(' of ' || nullif(application_name, ''), '') AS who
          FROM pg_catalog.pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker'
           AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND xact_start IS NOT NULL
         UNION ALL
        SELECT extract(epoch FROM clock_timestamp() - prepared), 'prepared transaction ' || gid
          FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()) AS x`

// sqlDeadRows names the worst of the tables that change most.
const sqlDeadRows = `
SELECT relname, n_dead_tup, (n_dead_tup::float8 / greatest(n_live_tup + n_dead_tup, 1)) AS share
  FROM pg_catalog.pg_stat_all_tables
 WHERE schemaname = 'carillon' AND relname IN ('receipts', 'river_job', 'leases', 'events')
 ORDER BY n_dead_tup > 10000 DESC, share DESC, relname
 LIMIT 1`

const sqlNotifyQueue = `SELECT pg_notification_queue_usage()`

const sqlOpenBreakers = `
SELECT count(*), coalesce(string_agg(transport || ' ' || host || ' (' || trim(class || ' ' || code) || ')', ', ' ORDER BY transport, host), '')
  FROM carillon.breakers`

// sqlLostJobs reads the jobs whole, which are few beside the receipts.
const sqlLostJobs = `
SELECT count(*)
  FROM carillon.river_job j
 WHERE j.kind = 'carillon_receipt' AND j.state IN ('available', 'pending', 'retryable', 'scheduled')
   AND NOT j.args ? 'permit'
   AND NOT EXISTS (
     SELECT FROM carillon.receipts r
      WHERE r.id = CASE WHEN j.args ->> 'receipt' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                        THEN (j.args ->> 'receipt')::uuid END)`

// sqlWorkers: one of the workers that run holds River's leadership, and those at work hold leases. Whoever dies leaves
// both behind, whoever stops in peace leaves its queues.
const sqlWorkers = `
SELECT EXISTS (SELECT FROM carillon.river_leader WHERE expires_at > now())
       OR EXISTS (SELECT FROM carillon.leases WHERE until > now()),
       greatest((SELECT max(expires_at) FROM carillon.river_leader),
                (SELECT max(until) FROM carillon.leases),
                (SELECT max(updated_at) FROM carillon.river_queue))`
