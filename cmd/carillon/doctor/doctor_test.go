package doctor_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/cmd/carillon/doctor"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/migrations"
)

// examine returns the findings by check.
func examine(ctx context.Context, pool *pgxpool.Pool, cfg *doctor.Config) map[string]doctor.Finding {
	found := map[string]doctor.Finding{}
	for _, f := range doctor.Examine(ctx, pool, cfg) {
		found[f.Check] = f
	}
	return found
}

// attended makes a worker seem to run.
const attended = `
	INSERT INTO carillon.river_leader (name, leader_id, elected_at, expires_at)
	VALUES ('default', 'test', now(), now() + interval '1 hour')`

func TestAHealthyDatabaseIsOK(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	_, err := pool.Exec(t.Context(), attended)
	require.NoError(t, err)
	found := examine(t.Context(), pool, nil)
	for _, check := range []string{
		"server version", "pooler", "clock", "schema", "river", "partitions", "due receipts", "leases", "breakers", "push", "batches",
		"transactions", "dead rows", "notifications", "jobs", "workers",
	} {
		require.Equal(t, doctor.OK, found[check].Status, "%+v", found[check])
		require.Empty(t, found[check].WayOut)
		require.NotEmpty(t, found[check].Found)
	}
	for _, check := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		var value string
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_setting($1)", check).Scan(&value))
		require.Equal(t, value, found[check].Found)
		require.Equal(t, value == "off", found[check].Status == doctor.Warn)
		require.Equal(t, value == "off", found[check].WayOut != "")
	}
	require.Len(t, found, 19)
}

func TestEachSymptomIsFound(t *testing.T) {
	t.Parallel()
	const emit = `SELECT carillon.emit_event('a.b', '{}', '{}', '[{"channel": "c", "transport": "email", "audience": "u"}]');`
	for _, c := range []struct {
		name, sql, check string
		status           doctor.Status
		found            string
	}{
		{
			"NextMonthHasNoPartition", `DO $$ BEGIN EXECUTE 'DROP TABLE carillon.contents_' ||
				to_char((now() AT TIME ZONE 'UTC') + interval '1 month', 'YYYYMM'); END $$`,
			"partitions", doctor.Warn, `^missing: contents_\d{6}$`,
		},
		{
			"DefaultPartitionIsFilled", `INSERT INTO carillon.contents VALUES (gen_random_uuid(), '{}', now())`,
			"partitions", doctor.Warn, `^not empty: contents_default$`,
		},
		{
			"ReceiptsWait", emit + `UPDATE carillon.receipts SET due_at = now() - interval '5 minutes'`,
			"due receipts", doctor.Warn, `^1, the oldest for 5m\d+s$`,
		},
		{
			"BreakerOpen", `INSERT INTO carillon.breakers (transport, account, host, opened_at, until, class, code, detail)
				VALUES ('email', '', 'mail.example.com', now(), now(), 'configuration', '535', 'refused')`,
			"breakers", doctor.Warn, `^open: email mail\.example\.com \(configuration 535\)$`,
		},
		{
			"PushRefused", `INSERT INTO carillon.push_subscriptions (id, person, endpoint, endpoint_hash, p256dh, auth, state, created_at)
				SELECT gen_random_uuid(), 'ann', 'https://push.example.com/x', decode(repeat('00', 32), 'hex'),
				       decode(repeat('00', 65), 'hex'), decode(repeat('00', 16), 'hex'), 'refused', now()`,
			"push", doctor.Warn, `^1 subscriptions, of which push services refuse our keys for 1$`,
		},
		{
			"LeaseExpired", `INSERT INTO carillon.leases (token, until, worker, receipts)
				VALUES (gen_random_uuid(), now() - interval '1 minute', 'gone', '{}')`,
			"leases", doctor.Warn, `^1 expired$`,
		},
		{
			"BatchIsOld", `INSERT INTO carillon.leases (token, until, worker, receipts, created_at)
				VALUES (gen_random_uuid(), now() + interval '1 minute', 'slow', '{}', now() - interval '61 seconds')`,
			"batches", doctor.Warn, `^the oldest batch is under way for 1m\d+s$`,
		},
		{"JobWithoutReceipt", emit + `DELETE FROM carillon.receipts`, "jobs", doctor.Warn, `^1 without a receipt$`},
		{"NoWorkerEver", `DELETE FROM carillon.river_leader`, "workers", doctor.Warn, `^no worker seen$`},
		{
			"WorkerGone", `UPDATE carillon.river_leader SET expires_at = '2026-01-02 03:04:05Z'`,
			"workers", doctor.Warn, `^no worker seen since 2026-01-02 03:04:05Z$`,
		},
		{
			"SchemaPending", `DELETE FROM carillon.migrations WHERE version_id = (SELECT max(version_id) FROM carillon.migrations)`,
			"schema", doctor.Fail, `lacks carillon`,
		},
		{"SchemaTooNew", `UPDATE carillon.schema_info SET compatibility = 9`, "schema", doctor.Fail, `level 9`},
		{
			"SchemaOfANewerOne", `INSERT INTO carillon.migrations (version_id, is_applied) VALUES (99999, true)`,
			"schema", doctor.Warn, `^level 99999, made by a newer carillon$`,
		},
		{
			"RiverOfANewerOne", `INSERT INTO carillon.river_migration (line, version) VALUES ('main', 999)`,
			"river", doctor.Warn, `^level 999, made by`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pool := dbtest.Pool(t)
			_, err := pool.Exec(t.Context(), attended)
			require.NoError(t, err)
			_, err = pool.Exec(t.Context(), c.sql)
			require.NoError(t, err)
			found := examine(t.Context(), pool, nil)
			require.Equal(t, c.status, found[c.check].Status, "%+v", found[c.check])
			require.Regexp(t, c.found, found[c.check].Found)
			require.NotEmpty(t, found[c.check].WayOut)
		})
	}
}

func TestWithoutASchemaTheRestIsNotAsked(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), dbtest.EmptyDSN(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	found := examine(t.Context(), pool, nil)
	require.Equal(t, doctor.Finding{
		Check: "schema", Status: doctor.Fail, Found: migrations.ErrSchemaMissing.Error(), WayOut: "carillon migrate up",
	}, found["schema"])
	require.NotContains(t, found, "workers")
}

func TestOptionNowFuncIsTheClockThatIsCompared(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	found := examine(t.Context(), pool, &doctor.Config{NowFunc: func() time.Time { return time.Now().Add(-time.Hour) }})
	require.Equal(t, doctor.Warn, found["clock"].Status)
	require.Regexp(t, `^(1h0m0|59m59)`, found["clock"].Found)
}

func TestAnOldTransactionIsFound(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	require.Equal(t, "none keeps a vacuum from its work", examine(t.Context(), pool, nil)["transactions"].Found)
	tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // The test is over.
	_, err = tx.Exec(t.Context(), `SELECT count(*) FROM carillon.events`)
	require.NoError(t, err)
	found := examine(t.Context(), pool, nil)["transactions"]
	require.Equal(t, doctor.OK, found.Status, "five minutes are not over")
	require.Regexp(t, `^the oldest is open for \d+s: process \d+`, found.Found)
	found = examine(t.Context(), pool, &doctor.Config{Limits: doctor.Limits{Transaction: time.Nanosecond}})["transactions"]
	require.Equal(t, doctor.Warn, found.Status)
	require.Contains(t, found.WayOut, "idle_in_transaction_session_timeout")
}

func TestDeadRowsAreFound(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	for _, query := range []string{
		`ALTER TABLE carillon.receipts SET (autovacuum_enabled = off)`,
		`SELECT carillon.emit_event('a.b', '{}', '{}', '[{"channel": "c", "transport": "email", "audience": "u"}]') FROM generate_series(1, 20)`,
		`DELETE FROM carillon.receipts`,
		`SELECT pg_stat_force_next_flush()`,
	} {
		_, err := conn.Exec(t.Context(), query)
		require.NoError(t, err)
	}
	require.Equal(t, doctor.OK, examine(t.Context(), pool, nil)["dead rows"].Status, "few are no harm")
	found := examine(t.Context(), pool, &doctor.Config{Limits: doctor.Limits{DeadRows: 10}})["dead rows"]
	require.Equal(t, doctor.Warn, found.Status)
	require.Regexp(t, `^\d+ in receipts, 100 % of it$`, found.Found)
	found = examine(t.Context(), pool, &doctor.Config{Limits: doctor.Limits{DeadRows: 10, DeadShare: 1}})["dead rows"]
	require.Equal(t, doctor.OK, found.Status)
}

func TestTheQueueOfNotificationsIsLookedAt(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	found := examine(t.Context(), pool, &doctor.Config{Limits: doctor.Limits{NotifyQueue: -1}})["notifications"]
	require.Equal(t, doctor.Warn, found.Status)
	require.Regexp(t, `^the queue is \d+\.\d % full$`, found.Found)
}

func TestADatabaseThatIsGoneFails(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, f := range doctor.Examine(ctx, pool, nil) {
		require.Equal(t, doctor.Fail, f.Status, "%+v", f)
	}
}
