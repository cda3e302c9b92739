package main

const (
	sqlCreateDatabase = `CREATE DATABASE %s`
	sqlDropDatabase   = `DROP DATABASE IF EXISTS %s WITH (FORCE)`
	sqlCheckpoint     = `CHECKPOINT`
)

// The application's own table.
const sqlCreateOrders = `
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
  id text PRIMARY KEY,
  user_id text NOT NULL,
  number text NOT NULL,
  total_cents bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
)`

const sqlSelectServer = `
SELECT current_setting('server_version'),
       current_setting('fsync'),
       current_setting('synchronous_commit'),
       current_setting('full_page_writes'),
       current_setting('wal_sync_method'),
       current_setting('shared_buffers'),
       current_setting('max_wal_size')`

const sqlEmptyTables = `TRUNCATE shop.orders, carillon.events, carillon.receipts, carillon.river_job CASCADE`

// The statements that are timed have numbered parameters: named ones are rewritten by the client on every call, which
// the emit does not pay for either.
const (
	sqlInsertOrder = `INSERT INTO shop.orders (id, user_id, number, total_cents) VALUES ($1, $2, $3, $4)`

	sqlInsertEvent = `
INSERT INTO carillon.events (id, name, resource_type, resource_id, data, channels) VALUES ($1, $2, $3, $4, $5::jsonb, $6)`

	sqlInsertReceipt = `
INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, priority, job_id)
VALUES ($1, $2, '', $3, $4, $5, $6, $7)`
)

const sqlSelectTables = `
SELECT format('%I.%I', schemaname, tablename)
  FROM pg_tables
 WHERE schemaname IN ('carillon', 'shop')
 ORDER BY 1`

const sqlCountRows = `SELECT count(*) FROM %s`

// Whole rows on purpose: a column that only one way of emitting fills is what this is to find.
const (
	sqlSelectEvents   = `SELECT to_jsonb(e) FROM carillon.events e`
	sqlSelectReceipts = `SELECT to_jsonb(r) FROM carillon.receipts r ORDER BY r.channel`
	sqlSelectJobs     = `
SELECT to_jsonb(j)
  FROM carillon.river_job j
  LEFT JOIN carillon.receipts r ON r.job_id = j.id
 ORDER BY r.channel`
)

// Receipts that belong to their event and to a job that names them.
const sqlCountLinked = `
SELECT count(*)
  FROM carillon.events e
  JOIN carillon.receipts r ON r.event_id = e.id
  JOIN carillon.river_job j ON j.id = r.job_id AND j.args = jsonb_build_object('receipt', r.id)`

const (
	sqlSelectWALPosition = `SELECT pg_current_wal_insert_lsn()::text`
	sqlSelectWALBytes    = `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::pg_lsn)::bigint`
)
