package telemetry_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
)

func TestTheDatabaseTellsOfWhatWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	scraped := b.scrape(t)
	require.Equal(t, 1.0, value(scraped, "database_up", ""))
	require.Zero(t, value(scraped, "oldest_due_age_seconds", "transport=email priority=default"))
	require.Len(t, scraped["carillon_oldest_due_age_seconds"].GetMetric(), 6, "an idle lane says 0, not nothing")

	b.emit(t, order{ID: "1", UserID: "ann"}, nil)
	b.emit(t, order{ID: "2", UserID: "ann"}, &dispatch.EmitOpts{At: time.Now().Add(time.Hour)})
	runSQL(t, b.pool, `UPDATE carillon.receipts SET due_at = now() - interval '90 seconds' WHERE due_at <= now() AND transport = 'email'`)
	runSQL(t, b.pool, `INSERT INTO carillon.leases (token, until, worker, receipts, created_at)
		VALUES (gen_random_uuid(), now() + interval '5 seconds', 'w', '{}', now() - interval '70 seconds')`)
	scraped = b.scrape(t)
	require.InDelta(t, 90, value(scraped, "oldest_due_age_seconds", "transport=email priority=default"), 10)
	require.Less(t, value(scraped, "oldest_due_age_seconds", "transport=in_app priority=default"), 10.0)
	require.Equal(t, 4.0, value(scraped, "live_receipts", "state=pending"))
	require.Equal(t, 1.0, value(scraped, "river_jobs_available", "transport=email priority=default"))
	require.InDelta(t, 70, value(scraped, "oldest_lease_age_seconds", ""), 10)
	require.Zero(t, value(scraped, "oldest_lease_overdue_seconds", ""))
	require.Less(t, value(scraped, "notify_queue_usage_ratio", ""), 0.5, "the queue is the server's, which others use, too")
}

func TestALaneBehindAFullWindowIsSeenThroughItsJobs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 4 {
		b.emit(t, order{ID: strconv.Itoa(i), UserID: "ann"}, &dispatch.EmitOpts{Priority: dispatch.Bulk})
	}
	b.emit(t, order{ID: "x", UserID: "ann"}, &dispatch.EmitOpts{Priority: dispatch.Critical})
	runSQL(t, b.pool, `UPDATE carillon.receipts SET due_at = now() - interval '1 hour' WHERE priority = 3`)
	runSQL(t, b.pool, `UPDATE carillon.river_job SET scheduled_at = now() - interval '30 seconds' WHERE queue = 'email_critical'`)
	registry := prometheus.NewRegistry()
	registry.MustRegister(telemetry.NewDatabase(b.pool, []string{"email"}, &telemetry.DatabaseConfig{Window: 3}))
	b.registry = registry
	scraped := b.scrape(t)
	require.InDelta(t, 3600, value(scraped, "oldest_due_age_seconds", "transport=email priority=bulk"), 10)
	require.InDelta(t, 30, value(scraped, "oldest_due_age_seconds", "transport=email priority=critical"), 10)
	require.Equal(t, 3.0, value(scraped, "live_receipts", ""))
	require.Equal(t, 3.0, value(scraped, "river_jobs_available", "priority=bulk"))
}

func TestAnUnknownTransportHasNoNameOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 3 {
		runSQL(t, b.pool, `SELECT carillon.emit_event('a.b', '{}', '{}', '[{"channel": "c", "transport": "made_up_`+strconv.Itoa(i)+`", "audience": "u"}]')`)
	}
	require.Len(t, b.scrape(t)["carillon_oldest_due_age_seconds"].GetMetric(), 7, "six lanes, and one for whatever else there is")
}

func TestDeadRowsAreSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runSQL(t, b.pool, `ALTER TABLE carillon.receipts SET (autovacuum_enabled = off)`)
	conn, err := b.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	// All by one connection: others would add what they wrote to the statistics whenever they get to it, and live rows
	// that come after the dead ones leave half of them, not none.
	for _, query := range []string{
		`SELECT carillon.emit_event('orders.created', '{}', '{}', '[{"channel": "c", "transport": "email", "audience": "u"}]')
		   FROM generate_series(1, 60)`,
		`DELETE FROM carillon.receipts`,
		`SELECT pg_stat_force_next_flush()`, // At the end of this one, before it is answered.
	} {
		_, err := conn.Exec(t.Context(), query)
		require.NoError(t, err)
	}
	scraped := b.scrape(t)
	require.GreaterOrEqual(t, value(scraped, "dead_tuples", "table=receipts"), 60.0)
	require.Greater(t, value(scraped, "dead_tuple_ratio", "table=receipts"), 0.5)
}

func TestOldTransactionsAreSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx, err := b.pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // The test is over.
	began := time.Now()
	_, err = tx.Exec(t.Context(), `SELECT count(*) FROM carillon.events`)
	require.NoError(t, err)
	first := value(b.scrape(t), "oldest_xmin_age_seconds", "")
	require.Positive(t, first)
	require.Less(t, first, time.Since(began).Seconds()+5)
	require.Greater(t, value(b.scrape(t), "oldest_xmin_age_seconds", ""), first)
}

// slow counts the questions, and answers none of them in time.
type slow struct{ asked int }

func (s *slow) Query(ctx context.Context, _ string, _ ...any) (pgx.Rows, error) {
	s.asked++
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestASlowDatabaseHoldsUpNoScrape(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.registry = prometheus.NewRegistry()
	now := time.Now()
	db := &slow{}
	b.registry.MustRegister(telemetry.NewDatabase(db, nil, &telemetry.DatabaseConfig{
		Timeout: 10 * time.Millisecond, Every: time.Minute, NowFunc: func() time.Time { return now },
	}))
	for range 3 {
		scraped := b.scrape(t)
		require.Len(t, scraped, 1)
		require.Contains(t, scraped, "carillon_database_up")
		require.Zero(t, value(scraped, "database_up", ""))
	}
	require.Equal(t, 1, db.asked, "an answer, also a bad one, serves for a while")
	now = now.Add(time.Minute)
	b.scrape(t)
	require.Equal(t, 2, db.asked)
}

func TestAPoolThatIsClosedIsADatabaseThatIsDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	own, err := pgxpool.New(t.Context(), b.pool.Config().ConnString())
	require.NoError(t, err)
	own.Close()
	b.registry = prometheus.NewRegistry()
	b.registry.MustRegister(telemetry.NewDatabase(own, []string{"email"}, nil))
	require.Len(t, b.scrape(t), 1)
}
