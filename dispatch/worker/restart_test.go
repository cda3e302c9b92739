package worker_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/internal/pgdev"
	"github.com/carillon-notify/carillon/migrations"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// The server is killed as by kill -9 of the postmaster, in the middle of the work, and comes back: the worker goes on by
// itself, and soon.
func TestAWorkerOutlivesAKilledPostgres(t *testing.T) {
	t.Parallel()
	if !proving() {
		t.Skip("a proof that kills servers of its own: set CARILLON_PROVE=1, or run make prove")
	}
	server, err := pgdev.Start(t.Context(), &pgdev.Config{Durable: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	pool, err := pgxpool.New(t.Context(), server.DSN())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = migrations.Up(t.Context(), pool, nil)
	require.NoError(t, err)
	require.NoError(t, people.Set(t.Context(), pool, "", people.Person{ID: "ann", Name: "Ann", Email: "ann@example.com"}))
	d, h := newDispatcher(t)
	var log lines
	fake := transporttest.NewFake(transports.Email, nil)
	began := time.Now()
	stop := start(t, pool, d, &worker.Config{
		Transports: []transports.Transport{fake, inapp.New()}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	const kills, each = 3, 100
	for i := range kills {
		require.NoError(t, run(t.Context(), pool, h, each))
		_, err := fake.Wait(t.Context(), i*each+1)
		require.NoError(t, err)
		require.NoError(t, server.Kill(t.Context()))
		away := time.NewTimer(3 * time.Second)
		<-away.C
		tried := len(fake.Tried())
		require.NoError(t, server.Restart(t.Context()))
		back := time.Now()
		require.Eventually(t, func() bool {
			return run(t.Context(), pool, h, 1) == nil
		}, 10*time.Second, 10*time.Millisecond)
		_, err = fake.Wait(t.Context(), tried+1)
		require.NoError(t, err)
		t.Logf("first send %s after Postgres was back", time.Since(back))
		require.Less(t, time.Since(back), 15*time.Second)
	}
	require.GreaterOrEqual(t, settled(t, pool, 0)["email sent(accepted)"], kills*each)
	stop()
	log.mu.Lock()
	defer log.mu.Unlock()
	t.Logf("%d lines in %s, %d sends of %d", bytes.Count(log.text.Bytes(), []byte("level=")), time.Since(began), len(fake.Tried()), kills*(each+1))
	trouble := bytes.Count(log.text.Bytes(), []byte("level=")) - bytes.Count(log.text.Bytes(), []byte("fenced off")) -
		bytes.Count(log.text.Bytes(), []byte("reclaimed")) - bytes.Count(log.text.Bytes(), []byte("lease was lost"))
	require.LessOrEqual(t, float64(trouble), time.Since(began).Seconds()+2, log.text.String())
}
