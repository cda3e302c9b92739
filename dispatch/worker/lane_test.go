package worker_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// count reads one number.
func count(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, pool.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// holding is an email transport whose first n sends hang until release is called.
func holding(t *testing.T, n int32) (fake transports.Transport, begun <-chan struct{}, release func()) {
	t.Helper()
	held, let := make(chan struct{}, n), make(chan struct{})
	var calls atomic.Int32
	closed := atomic.Bool{}
	release = func() {
		if closed.CompareAndSwap(false, true) {
			close(let)
		}
	}
	t.Cleanup(release)
	return email(func(ctx context.Context) error {
		if calls.Add(1) > n {
			return nil
		}
		held <- struct{}{}
		select {
		case <-let:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}), held, release
}

const sqlSentEmails = `SELECT count(*) FROM carillon.receipts WHERE transport = 'email' AND state = 'sent'`

func TestASlowSendHoldsItsSenderAndNothingElse(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	require.NoError(t, run(t.Context(), pool, h, 120))
	slow, begun, release := holding(t, 7)
	start(t, pool, d, &worker.Config{Senders: 8, Batch: 10, Transports: []transports.Transport{slow, inapp.New()}})
	for range 7 {
		<-begun
	}
	require.Eventually(t, func() bool { return count(t, pool, sqlSentEmails) == 113 }, 20*time.Second, 10*time.Millisecond,
		"one free sender serves the lane while seven hang")
	release()
	require.Equal(t, 120, settled(t, pool, 240)["email sent(accepted)"])
}

func TestOptionLaneSendersBoundsOneLane(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	require.NoError(t, run(t.Context(), pool, h, 10))
	slow, begun, release := holding(t, 10)
	start(t, pool, d, &worker.Config{
		Senders: 10, LaneSenders: map[string]int{"email_default": 2}, Transports: []transports.Transport{slow, inapp.New()},
	})
	<-begun
	<-begun
	require.Eventually(t, func() bool {
		return count(t, pool, `SELECT count(*) FROM carillon.receipts WHERE transport = 'in_app' AND state = 'sent'`) == 10
	}, 10*time.Second, 10*time.Millisecond)
	require.Empty(t, begun, "a third send")
	require.Equal(t, 2, count(t, pool, `SELECT count(*) FROM carillon.receipts WHERE transport = 'email' AND state = 'sending'`),
		"only what has a sender is bound")
	release()
	require.Equal(t, 10, settled(t, pool, 20)["email sent(accepted)"])
	_, err := worker.New(pool, d, &worker.Config{
		LaneSenders: map[string]int{"slack_bulk": 1, "email_bulk": 20_000}, Transports: []transports.Transport{slow, inapp.New()},
	})
	require.ErrorContains(t, err, `no channel can use lane "slack_bulk"`)
	require.ErrorContains(t, err, `Config.LaneSenders["email_bulk"] is 20000`)
}

func TestAStoppingWorkerGivesBackWhatItHasNotBegun(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	require.NoError(t, run(t.Context(), pool, h, 40))
	slow, begun, release := holding(t, 1)
	stop := start(t, pool, d, &worker.Config{Senders: 1, Transports: []transports.Transport{slow, inapp.New()}})
	<-begun
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	require.Eventually(t, func() bool {
		return count(t, pool, `SELECT count(*) FROM carillon.receipts r JOIN carillon.river_job j ON j.id = r.job_id
			WHERE r.transport = 'email' AND r.state = 'pending' AND j.state = 'available' AND j.scheduled_at <= now()`) == 39
	}, 10*time.Second, 5*time.Millisecond, "at once, while a send is still under way")
	fake := transporttest.NewFake(transports.Email, nil)
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{fake, inapp.New()}})
	_, err := fake.Wait(t.Context(), 39)
	require.NoError(t, err)
	release()
	<-stopped
	require.Equal(t, 40, settled(t, pool, 80)["email sent(accepted)"])
	require.Zero(t, count(t, pool, `SELECT count(*) FROM carillon.receipts WHERE attempts <> 1 OR tries <> 1`), "it cost no attempt")
	require.Zero(t, count(t, pool, `SELECT count(*) FROM carillon.leases`))
}

func TestHangingSendsHoldNoConnection(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	require.NoError(t, run(t.Context(), pool, h, 200))
	config := pool.Config()
	config.MaxConns = 5
	small, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(small.Close)
	slow, begun, release := holding(t, 200)
	start(t, small, d, &worker.Config{Senders: 200, Transports: []transports.Transport{slow, inapp.New()}})
	for range 200 {
		<-begun
	}
	for range 20 {
		require.NoError(t, run(t.Context(), small, h, 1))
	}
	require.Eventually(t, func() bool { return small.Stat().AcquiredConns() <= 1 }, 10*time.Second, time.Millisecond, "but for the listener's")
	release()
	require.Equal(t, 220, settled(t, pool, 440)["email sent(accepted)"])
}

func TestASendThatDoesNotListenIsLeftBehindInTime(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	let, begun := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(let) })
	deaf := email(func(context.Context) error {
		close(begun)
		<-let
		return nil
	})
	stop := start(t, pool, d, &worker.Config{Grace: 10 * time.Millisecond, Transports: []transports.Transport{deaf, inapp.New()}})
	require.NoError(t, run(t.Context(), pool, h, 1))
	<-begun
	began := time.Now()
	stop()
	require.Less(t, time.Since(began), 4*time.Second)
	require.Equal(t, 1, count(t, pool, `SELECT count(*) FROM carillon.leases l JOIN carillon.receipts r ON r.lease_token = l.token
		WHERE r.transport = 'email' AND r.state = 'sending'`), "whoever reclaims it knows that it was begun")
}

func TestLanesExistOnlyWhereTheyAreUsed(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	fake := transporttest.NewFake(transports.Email, nil)
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{fake, inapp.New()}})
	require.NoError(t, run(t.Context(), pool, h, 1))
	settled(t, pool, 2)
	queues := func() (names []string) {
		rows, err := pool.Query(t.Context(), `SELECT name FROM carillon.river_queue ORDER BY name`)
		require.NoError(t, err)
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return names
	}
	require.Equal(t, []string{"email_default", "in_app_default"}, queues())
	_, err := h.Run(t.Context(), pool, create, func(pgx.Tx) (order, error) {
		return order{ID: "urgent", UserID: "ann"}, nil
	}, &dispatch.EmitOpts{Priority: dispatch.Critical})
	require.NoError(t, err)
	_, err = fake.Wait(t.Context(), 2)
	require.NoError(t, err)
	settled(t, pool, 4)
	require.Equal(t, []string{"email_critical", "email_default", "in_app_critical", "in_app_default"}, queues())
}

// A worker whose connections all die again and again neither ends nor floods the log, and loses nothing.
func TestAWorkerOutlivesItsConnections(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	config := pool.Config()
	config.ConnConfig.RuntimeParams["application_name"] = "victim"
	victim, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(victim.Close)
	var log lines
	fake := transporttest.NewFake(transports.Email, nil)
	began := time.Now()
	start(t, victim, d, &worker.Config{
		Transports: []transports.Transport{fake, inapp.New()}, Logger: slog.New(slog.NewTextHandler(&log, nil)), Lease: 3 * time.Second,
	})
	for i := range 10 {
		require.NoError(t, run(t.Context(), pool, h, 20))
		_, err := fake.Wait(t.Context(), 1+i*10)
		require.NoError(t, err)
		count(t, pool, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'victim' AND datname = current_database()`)
	}
	require.Equal(t, 200, settled(t, pool, 400)["email sent(accepted)"])
	log.mu.Lock()
	defer log.mu.Unlock()
	// Beside trouble, an attempt, and what is reclaimed or comes too late, has a line of its own.
	lines := bytes.Count(log.text.Bytes(), []byte("level=")) - bytes.Count(log.text.Bytes(), []byte("reclaimed")) -
		bytes.Count(log.text.Bytes(), []byte("attempt failed")) -
		bytes.Count(log.text.Bytes(), []byte("fenced off")) - bytes.Count(log.text.Bytes(), []byte("lease was lost"))
	require.LessOrEqual(t, float64(lines), time.Since(began).Seconds()+2, log.text.String())
}

// runBulk emits n bulk events for a tenant.
func runBulk(t *testing.T, pool *pgxpool.Pool, h *dispatch.Handle[order], tenant string, n int) {
	t.Helper()
	for range n {
		_, err := h.Run(t.Context(), pool, create, func(pgx.Tx) (order, error) {
			return order{ID: "b", UserID: "ann"}, nil
		}, &dispatch.EmitOpts{Priority: dispatch.Bulk, Tenant: tenant})
		require.NoError(t, err)
	}
}

func TestBulkIsDeliveredByPermits(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	for _, tenant := range []string{"", "a", "b"} {
		require.NoError(t, people.Set(t.Context(), pool, tenant, people.Person{ID: "ann", Name: "Ann", Email: "ann@example.com"}))
		runBulk(t, pool, h, tenant, 100)
	}
	fake := transporttest.NewFake(transports.Email, nil)
	cfg := &worker.Config{Transports: []transports.Transport{fake, inapp.New()}, Batch: 50}
	start(t, pool, d, cfg)
	start(t, pool, d, cfg)
	require.Equal(t, map[string]int{"email sent(accepted)": 300, "in_app sent(accepted)": 300}, settled(t, pool, 600))
	require.Len(t, fake.Tried(), 300, "each was sent once")
	require.Eventually(t, func() bool {
		return count(t, pool, `SELECT count(*) FROM carillon.river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded')`) == 0
	}, 10*time.Second, 20*time.Millisecond, "permits end when their lane is dry")
}

func TestALockedBulkReceiptIsNotForgotten(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	runBulk(t, pool, h, "", 2)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT FROM carillon.receipts WHERE transport = 'email' ORDER BY id LIMIT 1 FOR UPDATE`)
	require.NoError(t, err)
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{transporttest.NewFake(transports.Email, nil), inapp.New()}})
	require.Eventually(t, func() bool {
		return count(t, pool, `SELECT count(*) FROM carillon.receipts WHERE state = 'sent'`) == 3 &&
			count(t, pool, `SELECT count(*) FROM carillon.river_job WHERE queue = 'email_bulk' AND metadata ? 'snoozes'`) > 0
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, 2, settled(t, pool, 4)["email sent(accepted)"])
}
