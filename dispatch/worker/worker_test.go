package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/migrations"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

type order struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
}

const create dispatch.Action = "create"

var orders = dispatch.Resource[order]{
	Name:      "orders",
	KeyFunc:   func(o order) string { return o.ID },
	Actions:   []dispatch.Action{create},
	Audiences: map[string]dispatch.Audience{"user": dispatch.Person(func(o order) string { return o.UserID })},
	Events: []dispatch.Event[order]{{
		Name: "created", On: []dispatch.Action{create},
		Channels: []dispatch.Channel{{Transport: transports.Email, Audience: "user"}, {Transport: transports.InApp, Audience: "user"}},
		Content:  dispatch.Content{Subject: "Order {{ id }}", Title: "Order {{ id }}", Message: "Thank you."},
	}},
}

func newDispatcher(t *testing.T) (*dispatch.Dispatcher, *dispatch.Handle[order]) {
	t.Helper()
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{orders}})
	require.NoError(t, err)
	return d, dispatch.For(d, orders)
}

func setup(t *testing.T) (*pgxpool.Pool, *dispatch.Dispatcher, *dispatch.Handle[order]) {
	t.Helper()
	pool := dbtest.Pool(t)
	require.NoError(t, people.Set(t.Context(), pool, "", people.Person{ID: "ann", Name: "Ann", Email: "ann@example.com"}))
	d, h := newDispatcher(t)
	return pool, d, h
}

// start runs a worker until the returned function is called or the test ends.
func start(t *testing.T, pool *pgxpool.Pool, d *dispatch.Dispatcher, cfg *worker.Config) (stop func()) {
	t.Helper()
	w, err := worker.New(pool, d, cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-done)
		}
	}
	t.Cleanup(stop)
	return stop
}

func run(ctx context.Context, pool *pgxpool.Pool, h *dispatch.Handle[order], n int) error {
	for i := range n {
		_, err := h.Run(ctx, pool, create, func(pgx.Tx) (order, error) {
			return order{ID: strconv.Itoa(i), UserID: "ann"}, nil
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// settled waits until no receipt is live, and counts them by transport, state and reason.
func settled(t *testing.T, pool *pgxpool.Pool, atLeast int) map[string]int {
	t.Helper()
	require.Eventually(t, func() bool {
		var live, all int
		err := pool.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE finished_at IS NULL), count(*) FROM carillon.receipts`).Scan(&live, &all)
		return err == nil && live == 0 && all >= atLeast
	}, 30*time.Second, 10*time.Millisecond)
	rows, err := pool.Query(t.Context(), `SELECT transport || ' ' || state || '(' || reason || ')', count(*) FROM carillon.receipts GROUP BY 1`)
	require.NoError(t, err)
	counts := map[string]int{}
	var key string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&key, &n}, func() error {
		counts[key] = n
		return nil
	})
	require.NoError(t, err)
	return counts
}

func TestAThousandEmitsWithRacingWorkersAreAThousandSent(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	email := transporttest.NewFake(transports.Email, nil)
	cfg := &worker.Config{Transports: []transports.Transport{email, inapp.New()}}
	start(t, pool, d, cfg)
	start(t, pool, d, cfg)
	require.NoError(t, run(t.Context(), pool, h, 1000))
	require.Equal(t, map[string]int{"email sent(accepted)": 1000, "in_app sent(accepted)": 1000}, settled(t, pool, 2000))
	require.Len(t, email.Tried(), 1000, "each was sent once")
	var leases, notifications int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM carillon.leases), (SELECT count(*) FROM carillon.notifications)`).
		Scan(&leases, &notifications))
	require.Zero(t, leases)
	require.Equal(t, 1000, notifications)
}

const childVariable = "CARILLON_TEST_EMIT_AND_DIE"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(childVariable); dsn != "" {
		fmt.Fprintln(os.Stderr, emitAndDie(dsn))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// emitAndDie commits one event and kills its own process at once. It returns only if that failed.
func emitAndDie(dsn string) error {
	pool, err := pgxpool.New(context.Background(), dsn)
	if err == nil {
		var d *dispatch.Dispatcher
		d, err = dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{orders}})
		if err == nil {
			err = run(context.Background(), pool, dispatch.For(d, orders), 1)
		}
	}
	if err != nil {
		return err
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func TestAnEventOfAProcessThatDiedAfterItsCommitIsDelivered(t *testing.T) {
	t.Parallel()
	pool, d, _ := setup(t)
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+pool.Config().ConnString())
	output, err := child.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, string(output))
	require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal(), string(output)) //nolint:forcetypeassert // Unix only.
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{transporttest.NewFake(transports.Email, nil), inapp.New()}})
	require.Equal(t, map[string]int{"email sent(accepted)": 1, "in_app sent(accepted)": 1}, settled(t, pool, 2))
}

func TestAFailedSendComesBackByItself(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	var calls atomic.Int32
	email := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(context.Context, transports.Message) (transports.Result, error) {
			if calls.Add(1) < 3 {
				return transports.Result{}, errors.New("down")
			}
			return transports.Result{}, nil
		},
	})
	start(t, pool, d, &worker.Config{
		Transports: []transports.Transport{email, inapp.New()}, Retry: flow.RetryPolicy{Base: 20 * time.Millisecond},
	})
	require.NoError(t, run(t.Context(), pool, h, 1))
	require.Equal(t, 1, settled(t, pool, 2)["email sent(accepted)"])
	var attempts int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT attempts FROM carillon.receipts WHERE transport = 'email'`).Scan(&attempts))
	require.Equal(t, 3, attempts)
}

func TestStoppingLetsASendFinish(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	email := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(ctx context.Context, _ transports.Message) (transports.Result, error) {
			close(begun)
			select {
			case <-finish:
				return transports.Result{}, nil
			case <-ctx.Done():
				return transports.Result{}, ctx.Err()
			}
		},
	})
	stop := start(t, pool, d, &worker.Config{Transports: []transports.Transport{email, inapp.New()}})
	require.NoError(t, run(t.Context(), pool, h, 1))
	<-begun
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	close(finish)
	<-stopped
	require.Equal(t, 1, count(t, pool, sqlSentEmails))
}

func TestASendThatOutlivesTheGraceIsCutAndNotLost(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	begun := make(chan struct{})
	email := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(ctx context.Context, _ transports.Message) (transports.Result, error) {
			close(begun)
			<-ctx.Done()
			return transports.Result{}, ctx.Err()
		},
	})
	stop := start(t, pool, d, &worker.Config{Transports: []transports.Transport{email, inapp.New()}, Grace: 50 * time.Millisecond})
	require.NoError(t, run(t.Context(), pool, h, 1))
	<-begun
	stop()
	var state, reason string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT state, reason FROM carillon.receipts WHERE transport = 'email'`).Scan(&state, &reason))
	require.Equal(t, "waiting retry", state+" "+reason)
}

func TestAReceiptThatWasLockedWhenItsJobFiredIsNotForgotten(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	require.NoError(t, run(t.Context(), pool, h, 1))
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT 1 FROM carillon.receipts FOR UPDATE`)
	require.NoError(t, err)
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{transporttest.NewFake(transports.Email, nil), inapp.New()}})
	require.Eventually(t, func() bool {
		var snoozed int
		err := pool.QueryRow(t.Context(), `SELECT count(*) FROM carillon.river_job WHERE metadata ? 'snoozes'`).Scan(&snoozed)
		return err == nil && snoozed > 0
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, map[string]int{"email sent(accepted)": 1, "in_app sent(accepted)": 1}, settled(t, pool, 2))
}

func TestAWorkerRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	pool, d, _ := setup(t)
	_, err := worker.New(pool, d, &worker.Config{Batch: 2000, Lease: time.Second})
	for _, problem := range []string{`"email"`, `"in_app"`, "Config.Batch is 2000", "Config.Lease is 1s"} {
		require.ErrorContains(t, err, problem)
	}
	empty, err := pgxpool.New(t.Context(), dbtest.EmptyDSN(t))
	require.NoError(t, err)
	t.Cleanup(empty.Close)
	w, err := worker.New(empty, d, &worker.Config{Transports: []transports.Transport{transporttest.NewFake(transports.Email, nil), inapp.New()}})
	require.NoError(t, err)
	require.ErrorIs(t, w.Run(t.Context()), migrations.ErrSchemaMissing)
}

func TestALeaseThatIsTakenAwayEndsItsSends(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	begun := make(chan struct{}, 10)
	cut := make(chan error, 1)
	var calls atomic.Int32
	email := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(ctx context.Context, _ transports.Message) (transports.Result, error) {
			if calls.Add(1) > 1 {
				return transports.Result{}, nil
			}
			begun <- struct{}{}
			<-ctx.Done()
			cut <- context.Cause(ctx)
			return transports.Result{}, nil
		},
	})
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{email, inapp.New()}, Lease: 3 * time.Second})
	require.NoError(t, run(t.Context(), pool, h, 1))
	<-begun
	// As if another worker had found the lease expired.
	_, err := pool.Exec(t.Context(), `UPDATE carillon.leases SET until = now() - interval '1 second'`)
	require.NoError(t, err)
	_, err = receipts.New(nil).Reclaim(t.Context(), pool, 3)
	require.NoError(t, err)
	require.ErrorIs(t, <-cut, receipts.ErrLeaseLost)
	require.Equal(t, 1, settled(t, pool, 2)["email sent(accepted)"])
	var outcomes []string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT array_agg(outcome ORDER BY n) FROM carillon.attempts a
		JOIN carillon.receipts r ON r.id = a.receipt_id WHERE r.transport = 'email'`).Scan(&outcomes))
	require.Equal(t, []string{"unknown", "accepted"}, outcomes, "the zombie's answer was fenced off")
}

// A lease is renewed for as long as its sends take.
func TestASendThatTakesLongerThanItsLeaseIsSentOnce(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	begun, finish := make(chan struct{}, 10), make(chan struct{})
	email := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(ctx context.Context, _ transports.Message) (transports.Result, error) {
			begun <- struct{}{}
			select {
			case <-finish:
				return transports.Result{}, nil
			case <-ctx.Done():
				return transports.Result{}, ctx.Err()
			}
		},
	})
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{email, inapp.New()}, Lease: 4500 * time.Millisecond})
	require.NoError(t, run(t.Context(), pool, h, 1))
	<-begun
	// Without a renewal the send would be cut two seconds before the lease ends.
	require.Eventually(t, func() bool {
		var outlived bool
		err := pool.QueryRow(t.Context(), `
			SELECT count(*) > 0 FROM carillon.receipts r JOIN carillon.leases l ON l.token = r.lease_token
			 WHERE r.transport = 'email' AND now() > l.created_at + interval '3 seconds'`).Scan(&outlived)
		return err == nil && outlived
	}, 10*time.Second, 20*time.Millisecond, "the send was cut")
	close(finish)
	require.Equal(t, 1, settled(t, pool, 2)["email sent(accepted)"])
	require.Len(t, email.Tried(), 1)
}
