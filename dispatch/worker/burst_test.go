package worker_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/internal/pgdev"
	"github.com/carillon-notify/carillon/migrations"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
)

// sqlFillDefault makes n receipts of one event that wait to be sent to ann, each with its job.
const sqlFillDefault = `
WITH e AS (
  INSERT INTO carillon.events (id, name, resource_type, resource_id, data)
  VALUES (carillon.uuid7(), 'orders.created', 'orders', 'B', '{"id": "B", "user_id": "ann"}') RETURNING id),
r AS (
  INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, recipient, priority, job_id)
  SELECT carillon.uuid7(), e.id, '', 'email.user', 'email', 'user', 'ann', 2, nextval('carillon.river_job_id_seq')
    FROM e, generate_series(1, $1::int)
  RETURNING id, job_id)
INSERT INTO carillon.river_job (id, args, kind, max_attempts, priority, queue)
SELECT job_id, jsonb_build_object('receipt', id), 'carillon_receipt', 25, 2, 'email_default' FROM r`

// statements counts what a pool executes, and for how long, by what it is for.
type statements struct {
	mu     sync.Mutex
	counts map[string]int
	spent  map[string]time.Duration
}

type traced struct {
	kind  string
	began time.Time
}

type tracedKey struct{}

// TraceQueryStart notes what begins.
func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	kind := "other"
	for _, k := range []struct{ name, has string }{
		{"claim", "INSERT INTO carillon.leases"},
		{"bind", "INSERT INTO carillon.contents"},
		{"record", "INSERT INTO carillon.attempts"},
		{"river", "river_"},
		{"river", "pg_notify"},
	} {
		if strings.Contains(data.SQL, k.has) {
			kind = k.name
			break
		}
	}
	return context.WithValue(ctx, tracedKey{}, traced{kind, time.Now()})
}

// TraceBatchStart notes what begins: the only batch records and binds.
func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return context.WithValue(ctx, tracedKey{}, traced{"turn", time.Now()})
}

// TraceBatchQuery is part of tracing batches.
func (s *statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd counts what ended.
func (s *statements) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) {
	s.end(ctx)
}

// TraceQueryEnd counts what ended.
func (s *statements) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	s.end(ctx)
}

func (s *statements) end(ctx context.Context) {
	t, _ := ctx.Value(tracedKey{}).(traced)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[t.kind]++
	s.spent[t.kind] += time.Since(t.began)
}

// durable is a pool on a server that waits for its disk.
func durable(b *testing.B, tracer pgx.QueryTracer) *pgxpool.Pool {
	b.Helper()
	server, err := pgdev.Start(b.Context(), &pgdev.Config{
		Durable: true, ExtraSettings: map[string]string{"max_wal_size": "8GB", "checkpoint_timeout": "1h"},
	})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, server.Stop(context.WithoutCancel(b.Context()))) })
	config, err := pgxpool.ParseConfig(server.DSN())
	require.NoError(b, err)
	config.ConnConfig.Tracer = tracer
	config.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	_, err = migrations.Up(b.Context(), pool, &migrations.UpOpts{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	require.NoError(b, people.Set(b.Context(), pool, "", people.Person{ID: "ann", Name: "Ann", Email: "ann@example.com"}))
	return pool
}

// BenchmarkBurst measures how fast one worker sends receipts that wait, over a transport that takes its time or none, with a
// Postgres that writes to disk; and with how many statements.
func BenchmarkBurst(b *testing.B) {
	for _, c := range []struct {
		name, fill string
		n          int
		takes      func() time.Duration
	}{
		{"default/0ms", sqlFillDefault, 5000, always(0)},
		{"default/20ms", sqlFillDefault, 5000, always(20 * time.Millisecond)},
		{"default/5to35ms", sqlFillDefault, 5000, mixed},
		{"bulk/0ms", sqlFillBulk, 20_000, always(0)},
		{"bulk/20ms", sqlFillBulk, 20_000, always(20 * time.Millisecond)},
		{"bulk/5to35ms", sqlFillBulk, 20_000, mixed},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := &statements{counts: map[string]int{}, spent: map[string]time.Duration{}}
			pool := durable(b, s)
			for range b.N {
				b.StopTimer()
				_, err := pool.Exec(b.Context(), c.fill, c.n)
				require.NoError(b, err)
				_, err = pool.Exec(b.Context(), `ANALYZE carillon.receipts, carillon.river_job`)
				require.NoError(b, err)
				burst(b, pool, s, c.n, c.takes)
			}
		})
	}
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// mixed is 20 ms on average.
func mixed() time.Duration { return 5*time.Millisecond + rand.N(30*time.Millisecond) }

func burst(b *testing.B, pool *pgxpool.Pool, s *statements, n int, takes func() time.Duration) {
	b.Helper()
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{orders}})
	require.NoError(b, err)
	var sends atomic.Int32
	mail := email(func(ctx context.Context) error {
		done := time.NewTimer(takes())
		defer done.Stop()
		select {
		case <-done.C:
			sends.Add(1)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	w, err := worker.New(pool, d, &worker.Config{Transports: []transports.Transport{mail, inapp.New()}})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	clear(s.counts)
	clear(s.spent)
	b.StartTimer()
	began := time.Now()
	go func() { done <- w.Run(ctx) }()
	require.Eventually(b, func() bool {
		if int(sends.Load()) < n {
			return false
		}
		var live bool
		err := pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM carillon.receipts WHERE finished_at IS NULL)`).Scan(&live)
		return err == nil && !live
	}, 10*time.Minute, 20*time.Millisecond)
	took := time.Since(began)
	b.StopTimer()
	cancel()
	require.NoError(b, <-done)
	b.ReportMetric(float64(n)/took.Seconds(), "receipts/s")
	s.mu.Lock()
	defer s.mu.Unlock()
	per := 1000 / float64(n)
	for kind, count := range s.counts {
		b.ReportMetric(float64(count)*per, kind+"/1000")
		b.ReportMetric(s.spent[kind].Seconds()*1000/float64(count), "ms/"+kind)
	}
}
