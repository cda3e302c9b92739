package main

// The application's tables: what it does, and who can be reached.
const sqlCreateShop = `
CREATE SCHEMA app;
CREATE TABLE app.orders (id text PRIMARY KEY, user_id text NOT NULL);
CREATE TABLE app.people (id text PRIMARY KEY, name text NOT NULL, email text NOT NULL);`

const sqlInsertPeople = `
INSERT INTO app.people (id, name, email)
SELECT 'u' || lpad(i::text, 6, '0'), 'Person ' || i, 'u' || lpad(i::text, 6, '0') || '@shop.test'
  FROM generate_series(0, $1::int - 1) i
ON CONFLICT DO NOTHING`

const sqlInsertOrder = `INSERT INTO app.orders (id, user_id) VALUES ($1, $2)`

const sqlSelectOrders = `SELECT id FROM app.orders`

const sqlSelectEvents = `SELECT coalesce(resource_id, ''), count(*) FROM carillon.events GROUP BY 1`

// sqlSelectReceipts leaves out who the endpoints of webhooks are: their addresses are names, and requests know URLs.
const sqlSelectReceipts = `
SELECT r.id::text, coalesce(e.resource_id, ''), CASE WHEN r.transport <> 'webhook' THEN coalesce(r.address, '') ELSE '' END, r.state, coalesce(r.reason, ''), r.finished_at IS NULL
  FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id
 WHERE r.state <> 'expanded'`

const sqlSelectNotifications = `SELECT id::text, title FROM carillon.notifications`

// sqlCountLive counts receipts that wait for nothing but their turn, or are on their way.
const sqlCountLive = `SELECT count(*) FROM carillon.receipts WHERE finished_at IS NULL`

const sqlCountUnrecorded = `
SELECT count(*) FROM unnest($1::uuid[]) key JOIN carillon.receipts r ON r.id = key WHERE r.state <> 'sent'`

const sqlCountSessions = `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`

const sqlCountLiveOf = `
SELECT count(*) FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id
 WHERE e.resource_id = $1 AND r.finished_at IS NULL`

const sqlDeleteJobs = `DELETE FROM carillon.river_job WHERE id % 2 = 0`

const sqlDiscardJobs = `
UPDATE carillon.river_job SET state = 'discarded', finalized_at = now(), attempt = max_attempts WHERE id % 2 = 1`

// sqlHashReceipts and sqlHashAttempts change with every row that does.
const sqlHashReceipts = `SELECT md5(coalesce(string_agg(r::text, ' ' ORDER BY r.id), '')) FROM carillon.receipts r`

const sqlHashAttempts = `SELECT md5(coalesce(string_agg(a::text, ' ' ORDER BY a.receipt_id, a.n), '')) FROM carillon.attempts a`

const sqlSumAttempts = `SELECT coalesce(sum(attempts), 0) FROM carillon.receipts`

const sqlCountOutcome = `SELECT count(*) FROM carillon.attempts WHERE outcome = $1`

const sqlCountOrders = `SELECT count(*) FROM app.orders WHERE id LIKE $1`

const sqlTerminateSessions = `
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1`

const sqlTerminateListeners = `
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1 AND query ILIKE '%listen%'`

const sqlUpsertOrder = `INSERT INTO app.orders (id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`

// sqlCreateTraps are tables that transactions of the application stumble over.
const sqlCreateTraps = `
CREATE TABLE app.traps (id integer PRIMARY KEY, touched integer NOT NULL DEFAULT 0);
INSERT INTO app.traps (id) VALUES (1), (2);
CREATE TABLE app.dangling (trap integer REFERENCES app.traps DEFERRABLE INITIALLY DEFERRED);`

const sqlTouchTrap = `UPDATE app.traps SET touched = touched + 1 WHERE id = $1`

const sqlInsertDangling = `INSERT INTO app.dangling (trap) VALUES (3)`

const sqlNeverDetect = `SET LOCAL deadlock_timeout = '1min'`

const sqlCountLeaders = `SELECT count(*) FROM carillon.river_leader`

// sqlSelectFetched are the receipts whose jobs were fetched before a moment and are still in somebody's hands.
const sqlSelectFetched = `
SELECT (args ->> 'receipt')::uuid FROM carillon.river_job WHERE state = 'running' AND attempted_at < $1 AND args ? 'receipt'`

// sqlLatestSend is by how much the last of the receipts was late whose worker was not lost, but for some.
const sqlLatestSend = `
SELECT coalesce(max(extract(epoch FROM r.finished_at - r.due_at)), 0)::float8
  FROM carillon.receipts r
 WHERE r.state = 'sent' AND r.id <> ALL(coalesce($1::uuid[], '{}'))
   AND NOT EXISTS (SELECT FROM carillon.attempts a WHERE a.receipt_id = r.id AND a.outcome = 'unknown')`

const sqlCountPoisoned = `SELECT count(*) FROM carillon.receipts WHERE state = 'failed' AND reason = 'poison'`

const sqlCountUrgent = `SELECT count(*) FROM carillon.receipts WHERE priority = 1 AND finished_at IS NULL`

// sqlSelectDelays is from an emit's transaction to the beginning of its send.
const sqlSelectDelays = `
SELECT extract(epoch FROM a.started_at - r.created_at)::float8
  FROM carillon.receipts r JOIN carillon.attempts a ON a.receipt_id = r.id AND a.n = 1
 WHERE r.priority = 1 AND r.created_at >= $1`

// sqlSelectEnd is how the receipt of an order ended, after how many tries, and what the first of them was.
const sqlSelectEnd = `
SELECT r.state || coalesce('(' || r.reason || ')', ''), r.tries,
       coalesce((SELECT a.class FROM carillon.attempts a WHERE a.receipt_id = r.id ORDER BY a.n LIMIT 1), '')
  FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id
 WHERE e.resource_id = $1`

// sqlFailures is how long the slowest failed attempt took, and what the failures meant.
const sqlFailures = `
SELECT coalesce(max(extract(epoch FROM finished_at - started_at)), 0)::float8, coalesce(string_agg(DISTINCT class, ' '), '')
  FROM carillon.attempts WHERE class <> 'ok' AND started_at >= $1`

const sqlSelectFailed = `SELECT id::text FROM carillon.receipts WHERE state = 'failed'`

const sqlCountFailed = `SELECT count(*) FROM carillon.receipts WHERE state = 'failed'`

const sqlSelectBreaker = `
SELECT coalesce(max(level), 0), coalesce(max(extract(epoch FROM until - clock_timestamp())), 0)::float8 FROM carillon.breakers`

// sqlPassBreakers and sqlPassBudgets let time pass for what is waited for, in seconds.
const sqlPassBreakers = `
UPDATE carillon.breakers
   SET opened_at = opened_at - make_interval(secs => $1), until = until - make_interval(secs => $1),
       probed_at = probed_at - make_interval(secs => $1)`

const sqlPassBudgets = `
UPDATE carillon.budgets
   SET held_until = held_until - make_interval(secs => $1), arrival = arrival - make_interval(secs => $1),
       tail = tail - make_interval(secs => $1)`

// sqlSelectWaiting are those that wait, the next first.
const sqlSelectWaiting = `
SELECT id FROM carillon.receipts WHERE finished_at IS NULL AND state = 'waiting' AND due_at > now() ORDER BY due_at LIMIT $1`

const sqlShowData = `SHOW data_directory`

// sqlCountHeld counts the sessions that have been in a transaction, or in a statement, for longer than one takes.
const sqlCountHeld = `
SELECT count(*) FROM pg_stat_activity
 WHERE application_name = $1 AND state <> 'idle' AND wait_event IS DISTINCT FROM 'ClientRead' AND xact_start < clock_timestamp() - interval '1 second'
    OR application_name = $1 AND state LIKE 'idle in transaction%' AND xact_start < clock_timestamp() - interval '1 second'`

const sqlCountFailures = `SELECT count(*) FROM carillon.attempts WHERE class <> 'ok' AND started_at >= $1`

// sqlSelectDue are the times before which nothing of an order may be sent.
const sqlSelectDue = `
SELECT r.id::text, e.at FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id WHERE e.at IS NOT NULL`

const sqlCountQuiet = `SELECT count(*) FROM carillon.receipts WHERE tenant LIKE 'quiet%' AND finished_at IS NULL`

const sqlSelectQuietDelays = `
SELECT extract(epoch FROM a.started_at - r.created_at)::float8
  FROM carillon.receipts r JOIN carillon.attempts a ON a.receipt_id = r.id AND a.n = 1
 WHERE r.tenant LIKE 'quiet%' AND r.created_at >= $1`

// sqlSelectWait is how long the receipt of an order waits.
const sqlSelectWait = `
SELECT r.state, greatest(0, extract(epoch FROM r.due_at - now()))::float8
  FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id
 WHERE e.resource_id = $1 ORDER BY r.created_at DESC LIMIT 1`
