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

const sqlSelectReceipts = `
SELECT r.id::text, coalesce(e.resource_id, ''), coalesce(r.address, ''), r.state, coalesce(r.reason, ''), r.finished_at IS NULL
  FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id
 WHERE r.state <> 'expanded'`

const sqlSelectNotifications = `SELECT id::text, title FROM carillon.notifications`

// sqlCountLive counts receipts that wait for nothing but their turn, or are on their way.
const sqlCountLive = `SELECT count(*) FROM carillon.receipts WHERE finished_at IS NULL`

const sqlCountSent = `SELECT count(*) FROM carillon.receipts WHERE state = 'sent'`

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
