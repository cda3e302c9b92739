package worker_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// email is a transport whose every send runs f.
func email(f func(context.Context) error) transports.Transport {
	return transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(ctx context.Context, _ transports.Message) (transports.Result, error) {
			return transports.Result{}, f(ctx)
		},
	})
}

func TestOptionTransportsCarryTheMessages(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	fake := transporttest.NewFake(transports.Email, nil)
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{fake, inapp.New()}})
	require.NoError(t, run(t.Context(), pool, h, 1))
	_, err := fake.Wait(t.Context(), 1)
	require.NoError(t, err)
}

func TestOptionSendersBoundsTheSendsUnderWay(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	var under, most atomic.Int32
	both := make(chan struct{})
	var once sync.Once
	require.NoError(t, run(t.Context(), pool, h, 20))
	start(t, pool, d, &worker.Config{Senders: 2, Transports: []transports.Transport{inapp.New(), email(func(context.Context) error {
		now := under.Add(1)
		defer under.Add(-1)
		most.Store(max(most.Load(), now))
		if now == 2 {
			once.Do(func() { close(both) })
		}
		<-both
		return nil
	})}})
	require.Equal(t, 20, settled(t, pool, 40)["email sent(accepted)"])
	require.EqualValues(t, 2, most.Load())
}

func TestOptionBatchBoundsAClaim(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	require.NoError(t, run(t.Context(), pool, h, 30))
	largest := func() (n int) {
		_ = pool.QueryRow(context.WithoutCancel(t.Context()), `SELECT coalesce(max(cardinality(receipts)), 0) FROM carillon.leases`).Scan(&n)
		return n
	}
	var most atomic.Int32
	start(t, pool, d, &worker.Config{Batch: 7, Transports: []transports.Transport{inapp.New(), email(func(context.Context) error {
		most.Store(max(most.Load(), int32(largest())))
		return nil
	})}})
	require.Equal(t, 30, settled(t, pool, 60)["email sent(accepted)"])
	require.EqualValues(t, 7, most.Load())
}

func TestOptionLeaseAndNameStandInTheLease(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	var seconds float64
	var name string
	start(t, pool, d, &worker.Config{
		Lease: 77 * time.Second, Name: "night-shift",
		Transports: []transports.Transport{inapp.New(), email(func(ctx context.Context) error {
			return pool.QueryRow(ctx, `SELECT extract(epoch FROM until - created_at), worker FROM carillon.leases
				WHERE receipts @> (SELECT array_agg(id) FROM carillon.receipts WHERE transport = 'email')`).Scan(&seconds, &name)
		})},
	})
	require.NoError(t, run(t.Context(), pool, h, 1))
	require.Equal(t, 1, settled(t, pool, 2)["email sent(accepted)"])
	require.InDelta(t, 77, seconds, 2)
	require.Equal(t, "night-shift", name)
}

func TestOptionPollIntervalFindsWhatNobodyAnnounced(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	// River's cooldown and the poll are all that wakes this worker: the emits were before it listened.
	require.NoError(t, run(t.Context(), pool, h, 1))
	_, err := pool.Exec(t.Context(), `UPDATE carillon.river_job SET scheduled_at = now() + interval '700 milliseconds'`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `UPDATE carillon.receipts SET due_at = now() + interval '700 milliseconds'`)
	require.NoError(t, err)
	begun := time.Now()
	fake := transporttest.NewFake(transports.Email, nil)
	start(t, pool, d, &worker.Config{PollInterval: 20 * time.Millisecond, Transports: []transports.Transport{fake, inapp.New()}})
	_, err = fake.Wait(t.Context(), 1)
	require.NoError(t, err)
	require.Greater(t, time.Since(begun), 100*time.Millisecond)
}

func TestOptionSendTimeoutEndsASend(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	var calls atomic.Int32
	start(t, pool, d, &worker.Config{
		SendTimeout: 30 * time.Millisecond, Retry: flow.RetryPolicy{Base: time.Millisecond},
		Transports: []transports.Transport{inapp.New(), email(func(ctx context.Context) error {
			if calls.Add(1) > 1 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})},
	})
	require.NoError(t, run(t.Context(), pool, h, 1))
	require.Equal(t, 1, settled(t, pool, 2)["email sent(accepted)"])
	var detail string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT detail FROM carillon.attempts WHERE class = 'transient'`).Scan(&detail))
	require.Equal(t, "the send deadline passed", detail)
}

func TestOptionRetrySetsBaseCapAndMaxAttempts(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	var calls atomic.Int32
	start(t, pool, d, &worker.Config{
		// Without the cap the later waits would be seconds, with the default base all would.
		Retry: flow.RetryPolicy{Base: 2 * time.Millisecond, Cap: 4 * time.Millisecond, MaxAttempts: 12},
		Transports: []transports.Transport{inapp.New(), email(func(context.Context) error {
			calls.Add(1)
			return errors.New("down")
		})},
	})
	require.NoError(t, run(t.Context(), pool, h, 1))
	require.Equal(t, 1, settled(t, pool, 2)["email failed(exhausted)"])
	require.EqualValues(t, 12, calls.Load())
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func TestOptionLoggerGetsWhatHealsAndNoSecret(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	var log lines
	start(t, pool, d, &worker.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)), Retry: flow.RetryPolicy{Base: time.Millisecond},
		Transports: []transports.Transport{inapp.New(), email(func(context.Context) error { panic("SECRET") })},
	})
	require.NoError(t, run(t.Context(), pool, h, 1))
	require.Eventually(t, func() bool {
		log.mu.Lock()
		defer log.mu.Unlock()
		return bytes.Contains(log.text.Bytes(), []byte("panic contained"))
	}, 10*time.Second, 5*time.Millisecond)
	log.mu.Lock()
	defer log.mu.Unlock()
	for _, secret := range []string{"SECRET", "ann@example.com"} {
		require.NotContains(t, log.text.String(), secret)
	}
}
